#include <libstream/error.hpp>
#include <libstream/operators/project.hpp>

namespace libstream {
namespace {

class AssignSessions final : public Operator {
 public:
  explicit AssignSessions(const SessionSpec& spec)
      : spec_(spec),
        type_(DataType::structure(
            {{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}})),
        end_({spec.end}) {}

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    filtered_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const ColumnPtr starts = batch->columns[spec_.time_column];
    const ColumnPtr ends = end_.evaluate(*batch, epoch_)[0];
    auto result = std::make_shared<Batch>(*batch);
    result->hashes = nullptr;
    result->columns.push_back(Column::structure(type_, batch->rows, {starts, ends}));
    Selection rows;
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      if (!starts->is_null(i) && !ends->is_null(i) &&
          starts->values<EventTime>()[i] < ends->values<EventTime>()[i]) {
        rows.push_back(i);
      }
    }
    filtered_ += batch->rows - rows.size();
    if (rows.size() == batch->rows) {
      output.emit(std::move(result));
    } else if (!rows.empty()) {
      output.emit(gather(*result, rows));
    }
    return Flow::done;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.filtered_rows = filtered_;
    return metrics;
  }

 private:
  SessionSpec spec_;
  DataType type_;
  Evaluator end_;
  EpochContext epoch_;
  std::uint64_t filtered_ = 0;
};

}  // namespace

OperatorFactory assign_sessions(SessionSpec spec) {
  LIBSTREAM_ASSERT(spec.end->type.id() == TypeId::timestamp, "a session ends at a time");
  return [spec = std::move(spec)](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<AssignSessions>(spec);
  };
}

}  // namespace libstream
