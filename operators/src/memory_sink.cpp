#include "memory_sink.hpp"

#include "staged_rows.hpp"

#include <libstream/error.hpp>
#include <libstream/memory.hpp>

namespace libstream {
namespace {

class MemorySink final : public Sink {
 public:
  MemorySink(std::shared_ptr<MemoryTable::Shared> table, bool replace) : table_(std::move(table)) {
    const std::lock_guard lock(table_->mutex);
    table_->replace = replace;
  }

  std::string describe() const override { return "MemorySink"; }

  void set_schema(const Schema& schema) override {
    schema_ = schema;
    const std::lock_guard lock(table_->mutex);
    table_->schema = schema;
  }

  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return staged_rows_writer(schema_);
  }

  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    std::vector<Row> rows;
    for (const BatchPtr& batch : staged_rows(handles)) {
      for (Row& row : rows_of(*batch)) rows.push_back(std::move(row));
    }
    const std::lock_guard lock(table_->mutex);
    // Committed before: epochs come in order.
    if (!table_->epochs.empty() && table_->epochs.back().first >= epoch) return;
    table_->epochs.emplace_back(epoch, std::move(rows));
  }

 private:
  std::shared_ptr<MemoryTable::Shared> table_;
  Schema schema_;
};

}  // namespace

std::shared_ptr<Sink> memory_sink(const SinkSpec& spec, OutputMode mode) {
  LIBSTREAM_ASSERT(spec.memory != nullptr, "a memory sink comes with its table");
  spec.options.check_known({}, "the memory sink");
  return std::make_shared<MemorySink>(std::static_pointer_cast<MemoryTable::Shared>(spec.memory),
                                      mode == OutputMode::complete);
}

}  // namespace libstream
