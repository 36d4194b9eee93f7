#include "staged_rows.hpp"

#include <libstream/wire.hpp>

namespace libstream {
namespace {

class StagedRowsWriter final : public SinkWriter {
 public:
  explicit StagedRowsWriter(const Schema& schema) : schema_(schema) {}

  bool blocking() const override { return false; }
  void start(Epoch) override {
    batches_.clear();
    rows_ = 0;
  }
  void write(const BatchPtr& batch) override {
    if (batch->rows == 0) return;
    batches_.push_back(batch);
    rows_ += batch->rows;
  }
  StagedHandle stage() override {
    if (rows_ == 0) return {};
    StagedHandle handle{encode_batches(schema_, batches_), rows_};
    batches_.clear();
    return handle;
  }

 private:
  const Schema schema_;
  std::vector<BatchPtr> batches_;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<SinkWriter> staged_rows_writer(const Schema& schema) {
  return std::make_unique<StagedRowsWriter>(schema);
}

std::vector<BatchPtr> staged_rows(std::span<const StagedHandle> handles) {
  std::vector<BatchPtr> batches;
  for (const StagedHandle& handle : handles) {
    if (handle.empty()) continue;
    Schema schema;
    for (BatchPtr& batch : decode_batches(handle.bytes, schema))
      batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace libstream
