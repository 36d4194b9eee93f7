#include <libstream/error.hpp>
#include <libstream/operators/group_operation.hpp>

#include <algorithm>
#include <set>

namespace libstream {
namespace {

[[noreturn]] void fail(std::string error_class, const std::string& message) {
  throw Error(ErrorCode::analysis, std::move(error_class), message);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class GroupOperation final : public Operation {
 public:
  explicit GroupOperation(GroupOperationSpec spec) : spec_(std::move(spec)) {}

  bool stateful() const override { return true; }

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    check_inputs(inputs);
    OperationPlan plan;
    plan.name = spec_.name;
    plan.accounts = true;
    plan.schema = spec_.output;
    plan.passes_watermark = false;
    if (spec_.initial_states) plan.first_epoch_inputs = {1};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      plan.exchanges.push_back({Exchange::Kind::hash, keys_in(inputs[i].schema)});
      plan.columns.push_back(columns_in(inputs[i], i));
    }
    const auto event_time = spec_.timeout == GroupTimeout::event_time;
    auto op = operator_spec(inputs);
    plan.late_rows = event_time && op.event_column.has_value();
    plan.wants_no_data_epoch = event_time;
    plan.wants_epoch_each_trigger = spec_.timeout == GroupTimeout::processing_time;
    plan.state_name = "flatMapGroupsWithState";
    plan.state_signature = signature(op.key_fields);
    plan.group_rule = {spec_.mode, spec_.one_row_a_call, event_time};
    plan.explain =
        "key [" + list_of(spec_.keys) + "], " + std::string(to_string(spec_.mode)) +
        "\nkeeps a key until the function removes its state" +
        (spec_.timeout == GroupTimeout::none
             ? std::string()
             : "; timeouts by " + std::string(event_time ? "the watermark" : "processing time"));
    plan.factory = group_operator(std::move(op));
    return plan;
  }

 private:
  void check_inputs(std::span<const OperationInput> inputs) const {
    const auto& rows = inputs[0];
    if (spec_.timeout == GroupTimeout::event_time && rows.streaming && !rows.watermarked) {
      fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
           spec_.name +
               " with GroupTimeout::event_time needs a watermark: timeouts go by it; call "
               "with_watermark(…) below it, or take GroupTimeout::processing_time");
    }
    if (spec_.timeout == GroupTimeout::event_time && rows.event_times.size() > 1) {
      fail("MULTIPLE_EVENT_TIME_COLUMNS",
           spec_.name + ": both \"" + rows.schema[rows.event_times[0]].name + "\" and \"" +
               rows.schema[rows.event_times[1]].name +
               "\" carry the event time there; keep one of them with select or drop below");
    }
    if (inputs.size() > 1 && inputs[1].streaming) {
      fail("UNSUPPORTED_INITIAL_STATE",
           spec_.name + ": the initial states are a stream; read them with Session::read()");
    }
    if (inputs.size() < 2) return;
    for (std::size_t i = 0; i < spec_.keys.size(); ++i) {
      const auto& a = inputs[0].schema[keys_in(inputs[0].schema)[i]];
      const auto& b = inputs[1].schema[keys_in(inputs[1].schema)[i]];
      if (a.type == b.type) continue;
      fail("DATATYPE_MISMATCH", spec_.name + ": key " + a.name + " is " + a.type.to_string() +
                                    " in the rows, but " + b.type.to_string() +
                                    " in the initial states; cast one of them");
    }
  }

  std::vector<std::uint32_t> keys_in(const Schema& schema) const {
    std::vector<std::uint32_t> places;
    for (const auto& key : spec_.keys) {
      const auto place = schema.find(key);
      if (!place) {
        fail("UNRESOLVED_COLUMN", spec_.name + ": there is no key column \"" + key +
                                      "\"; the columns are [" + schema.to_string() + "]");
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

  GroupOperatorSpec operator_spec(std::span<const OperationInput> inputs) const {
    const auto& rows = inputs[0];
    GroupOperatorSpec op;
    op.name = spec_.name;
    op.keys = keys_in(rows.schema);
    for (const auto key : op.keys) op.key_fields.push_back(rows.schema[key]);
    if (!rows.event_times.empty()) op.event_column = rows.event_times[0];
    op.watermarked = rows.watermarked;
    op.timeout = spec_.timeout;
    op.skip_initial_only = spec_.skip_initial_only;
    Schema states;
    if (inputs.size() > 1) {
      op.initial_keys = keys_in(inputs[1].schema);
      states = inputs[1].schema;
    }
    op.function = [make = spec_.function, schema = rows.schema, keys = Schema(op.key_fields),
                   states] { return make(schema, keys, states); };
    op.function();  // throws here what does not fit
    return op;
  }

  std::string signature(const std::vector<Field>& key_fields) const {
    std::string text = "groups keys(";
    for (const auto& field : key_fields) {
      text += (text.back() == '(' ? "" : ", ") + field.type.to_string();
    }
    return text + ") timeout " + std::string(to_string(spec_.timeout));
  }

  GroupOperationSpec spec_;
};

}  // namespace

std::shared_ptr<const Operation> group_operation(GroupOperationSpec spec) {
  return std::make_shared<GroupOperation>(std::move(spec));
}

}  // namespace libstream
