#include <libstream/error.hpp>
#include <libstream/operators/transform_operation.hpp>

#include <set>

namespace libstream {
namespace {

constexpr const char* operator_name = "transform_with_state";

[[noreturn]] void fail(std::string error_class, const std::string& message) {
  throw Error(ErrorCode::analysis, std::move(error_class),
              std::string(operator_name) + ": " + message);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class TransformOperation final : public Operation {
 public:
  explicit TransformOperation(TransformOperationSpec spec) : spec_(std::move(spec)) {}

  bool stateful() const override { return true; }

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    check_inputs(inputs);
    OperationPlan plan;
    plan.name = operator_name;
    plan.schema = spec_.output;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      plan.exchanges.push_back({Exchange::Kind::hash, keys_in(inputs[i].schema)});
      plan.columns.push_back(columns_in(inputs[i], i));
    }
    auto op = operator_spec(inputs);
    if (op.emitted_time) plan.event_times = {*op.emitted_time};
    plan.late_rows = op.event_column.has_value();
    plan.wants_no_data_epoch = spec_.time != TimeMode::processing_time && inputs[0].watermarked;
    plan.state_name = "transformWithStateExec";
    plan.state_signature = signature(op.key_fields);
    plan.group_rule = {spec_.mode, false, false};
    plan.explain = "processor " + spec_.processor + ", key [" + list_of(spec_.keys) + "], " +
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
    const auto& rows = inputs[0];
    if (spec_.time == TimeMode::event_time && rows.streaming && !rows.watermarked) {
      fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
           "TimeMode::event_time needs a watermark: timers go by it; call with_watermark(…) below "
           "it, or take TimeMode::processing_time");
    }
    if (spec_.time == TimeMode::event_time && rows.event_times.size() > 1) {
      fail("MULTIPLE_EVENT_TIME_COLUMNS",
           "both \"" + rows.schema[rows.event_times[0]].name + "\" and \"" +
               rows.schema[rows.event_times[1]].name +
               "\" carry the event time there; keep one of them with select or drop below");
    }
    if (spec_.mode == OutputMode::complete) {
      fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
           "output mode complete is for aggregations; use append or update");
    }
    if (inputs.size() > 1 && inputs[1].streaming) {
      fail("UNSUPPORTED_INITIAL_STATE",
           "the initial states are a stream; read them with Session::read()");
    }
    if (inputs.size() < 2) return;
    for (std::size_t i = 0; i < spec_.keys.size(); ++i) {
      const auto& a = inputs[0].schema[keys_in(inputs[0].schema)[i]];
      const auto& b = inputs[1].schema[keys_in(inputs[1].schema)[i]];
      if (a.type == b.type) continue;
      fail("DATATYPE_MISMATCH", "key " + a.name + " is " + a.type.to_string() +
                                    " in the rows, but " + b.type.to_string() +
                                    " in the initial states; cast one of them");
    }
  }

  std::vector<std::uint32_t> keys_in(const Schema& schema) const {
    std::vector<std::uint32_t> places;
    for (const auto& key : spec_.keys) {
      const auto place = schema.find(key);
      if (!place) {
        fail("UNRESOLVED_COLUMN", "there is no key column \"" + key + "\"; the columns are [" +
                                      schema.to_string() + "]");
      }
      places.push_back(static_cast<std::uint32_t>(*place));
    }
    return places;
  }

  std::vector<std::uint32_t> columns_in(const OperationInput& input, std::size_t index) const {
    std::set<std::uint32_t> columns;
    for (const auto column : spec_.columns(input.schema, index)) columns.insert(column);
    for (const auto column : keys_in(input.schema)) columns.insert(column);
    for (const auto column : input.event_times) columns.insert(column);
    return {columns.begin(), columns.end()};
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
    op.keys = keys_in(rows.schema);
    for (const auto key : op.keys) op.key_fields.push_back(rows.schema[key]);
    if (spec_.time == TimeMode::event_time && !rows.event_times.empty()) {
      op.event_column = rows.event_times[0];
    }
    op.emitted_time = emitted_time(rows);
    op.watermarked = rows.watermarked;
    op.time = spec_.time;
    Schema states;
    if (inputs.size() > 1) {
      op.initial_keys = keys_in(inputs[1].schema);
      states = inputs[1].schema;
    }
    op.function = [make = spec_.function, schema = rows.schema, keys = Schema(op.key_fields),
                   states] { return make(schema, keys, states); };
    op.function()->end();  // throws here what does not fit, and what init refuses
    return op;
  }

  std::string signature(const std::vector<Field>& key_fields) const {
    std::string text = "transform keys(";
    for (const auto& field : key_fields) {
      text += (text.back() == '(' ? "" : ", ") + field.type.to_string();
    }
    return text + ") time mode " + std::string(to_string(spec_.time)) + " output mode " +
           std::string(to_string(spec_.mode));
  }

  TransformOperationSpec spec_;
};

}  // namespace

std::shared_ptr<const Operation> transform_operation(TransformOperationSpec spec) {
  return std::make_shared<TransformOperation>(std::move(spec));
}

}  // namespace libstream
