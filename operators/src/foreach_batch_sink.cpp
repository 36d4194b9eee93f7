#include "foreach_batch_sink.hpp"

#include "staged_rows.hpp"

#include <libstream/error.hpp>

#include <exception>

namespace libstream {
namespace {

class ForeachBatchSink final : public Sink {
 public:
  explicit ForeachBatchSink(ForeachBatch function) : function_(std::move(function)) {}

  std::string describe() const override { return "ForeachBatchSink"; }
  void set_schema(const Schema& schema) override { schema_ = schema; }
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return staged_rows_writer(schema_);
  }

  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    const std::vector<BatchPtr> batches = staged_rows(handles);
    try {
      function_(batches, schema_, epoch);
    } catch (const std::exception& error) {
      throw Error(ErrorCode::user_function, "the function given to foreach_batch threw in epoch " +
                                                std::to_string(number(epoch)) + ": " +
                                                error.what());
    } catch (...) {
      throw Error(ErrorCode::user_function, "the function given to foreach_batch threw in epoch " +
                                                std::to_string(number(epoch)));
    }
  }

 private:
  ForeachBatch function_;
  Schema schema_;
};

}  // namespace

std::shared_ptr<Sink> foreach_batch_sink(const SinkSpec& spec) {
  spec.options.check_known({}, "the foreach_batch sink");
  if (!spec.foreach_batch) {
    throw Error(ErrorCode::invalid_argument, "foreach_batch needs a function");
  }
  return std::make_shared<ForeachBatchSink>(spec.foreach_batch);
}

}  // namespace libstream
