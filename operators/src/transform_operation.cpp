#include "keyed_inputs.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/transform_operation.hpp>

namespace libstream {
namespace {

constexpr const char* operator_name = "transform_with_state";

[[noreturn]] void fail(std::string error_class, const std::string& message) {
  throw Error(ErrorCode::analysis, std::move(error_class),
              std::string(operator_name) + ": " + message);
}

class TransformOperation final : public Operation {
 public:
  explicit TransformOperation(TransformOperationSpec spec)
      : spec_(std::move(spec)), inputs_(operator_name, spec_.keys) {}

  bool stateful() const override { return true; }

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    check_inputs(inputs);
    OperationPlan plan;
    plan.name = operator_name;
    plan.accounts = true;
    plan.schema = spec_.output;
    plan.passes_watermark = spec_.time != TimeMode::processing_time;
    if (spec_.initial_states) plan.first_epoch_inputs = {1};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      plan.exchanges.push_back({Exchange::Kind::hash, inputs_.places(inputs[i].schema)});
      plan.columns.push_back(inputs_.columns(inputs[i], spec_.columns(inputs[i].schema, i)));
    }
    auto op = operator_spec(inputs);
    if (op.emitted_time) plan.event_times = {*op.emitted_time};
    plan.late_rows = op.event_column.has_value();
    plan.wants_epoch_each_trigger = spec_.time == TimeMode::processing_time;
    plan.wants_no_data_epoch = spec_.time != TimeMode::processing_time && inputs[0].watermarked;
    plan.state_name = "transformWithStateExec";
    plan.state_signature = signature(op.key_fields);
    plan.group_rule = {spec_.mode, false, false};
    plan.explain = "processor " + spec_.processor + ", key [" + inputs_.names() + "], " +
                   std::string(to_string(spec_.mode)) +
                   "\nkeeps a key while the processor keeps a state variable or a timer of it" +
                   timers_text();
    plan.factory = transform_operator(std::move(op));
    return plan;
  }

 private:
  std::string timers_text() const {
    if (spec_.time == TimeMode::none) return "";
    return std::string("; timers by ") +
           (spec_.time == TimeMode::event_time ? "the watermark" : "processing time");
  }

  void check_inputs(std::span<const OperationInput> inputs) const {
    if (spec_.time == TimeMode::event_time) {
      inputs_.check_event_time(
          inputs[0],
          std::string(operator_name) + ": TimeMode::event_time needs a watermark: timers go by it",
          "TimeMode::processing_time");
    }
    if (spec_.mode == OutputMode::complete) {
      fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
           "output mode complete is for aggregations; use append or update");
    }
    inputs_.check_initial_states(inputs);
  }

  /// The column of the output by which operators behind it go.
  std::optional<std::uint32_t> emitted_time(const OperationInput& rows) const {
    const auto& name = spec_.event_time;
    if (name.empty()) return std::nullopt;
    const auto place = spec_.output.find(name);
    if (!place) {
      fail("UNRESOLVED_COLUMN", "there is no event time column \"" + name +
                                    "\" in its result; the columns are [" +
                                    spec_.output.to_string() + "]");
    }
    if (spec_.output[*place].type.id() != TypeId::timestamp) {
      fail("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
           "the event time column \"" + name + "\" of its result is " +
               spec_.output[*place].type.to_string() + "; make it a std::chrono::sys_time");
    }
    if (spec_.time == TimeMode::processing_time) {
      fail("CANNOT_ASSIGN_EVENT_TIME_COLUMN_WITHOUT_WATERMARK",
           "with TimeMode::processing_time no watermark passes, so that its result can have no "
           "event time column; take TimeMode::event_time or none");
    }
    if (!rows.streaming) return std::nullopt;
    if (!rows.watermarked) {
      fail("CANNOT_ASSIGN_EVENT_TIME_COLUMN_WITHOUT_WATERMARK",
           "an event time column \"" + name +
               "\" of its result needs a watermark on its input; call with_watermark(…) below it");
    }
    return static_cast<std::uint32_t>(*place);
  }

  TransformOperatorSpec operator_spec(std::span<const OperationInput> inputs) const {
    const auto& rows = inputs[0];
    TransformOperatorSpec op;
    op.name = spec_.processor;
    op.keys = inputs_.places(rows.schema);
    for (const auto key : op.keys) op.key_fields.push_back(rows.schema[key]);
    if (spec_.time == TimeMode::event_time && !rows.event_times.empty()) {
      op.event_column = rows.event_times[0];
    }
    op.emitted_time = emitted_time(rows);
    op.watermarked = rows.watermarked;
    op.time = spec_.time;
    Schema states;
    if (inputs.size() > 1) {
      op.initial_keys = inputs_.places(inputs[1].schema);
      states = inputs[1].schema;
    }
    op.function = [make = spec_.function, schema = rows.schema, keys = Schema(op.key_fields),
                   states] { return make(schema, keys, states); };
    op.function()->end();  // throws here what does not fit, and what init refuses
    return op;
  }

  std::string signature(const std::vector<Field>& key_fields) const {
    return "transform keys(" + KeyedInputs::types(key_fields) + ") time mode " +
           std::string(to_string(spec_.time)) + " output mode " +
           std::string(to_string(spec_.mode));
  }

  TransformOperationSpec spec_;
  KeyedInputs inputs_;
};

}  // namespace

std::shared_ptr<const Operation> transform_operation(TransformOperationSpec spec) {
  return std::make_shared<TransformOperation>(std::move(spec));
}

}  // namespace libstream
