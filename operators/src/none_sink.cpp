#include "none_sink.hpp"

namespace libstream {
namespace {

class NoneWriter final : public SinkWriter {
 public:
  bool blocking() const override { return false; }
  void start(Epoch) override { rows_ = 0; }
  void write(const BatchPtr& batch) override { rows_ += batch->rows; }
  StagedHandle stage() override { return {{}, rows_}; }

 private:
  std::uint64_t rows_ = 0;
};

class NoneSink final : public Sink {
 public:
  std::string describe() const override { return "NoneSink"; }
  void set_schema(const Schema&) override {}
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return std::make_unique<NoneWriter>();
  }
  void commit(Epoch, std::span<const StagedHandle>) override {}
};

}  // namespace

std::shared_ptr<Sink> none_sink(const SinkSpec& spec) {
  spec.options.check_known({}, "the none sink");
  return std::make_shared<NoneSink>();
}

}  // namespace libstream
