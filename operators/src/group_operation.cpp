#include "keyed_inputs.hpp"

#include <libstream/operators/group_operation.hpp>

namespace libstream {
namespace {

class GroupOperation final : public Operation {
 public:
  explicit GroupOperation(GroupOperationSpec spec)
      : spec_(std::move(spec)), inputs_(spec_.name, spec_.keys) {}

  bool stateful() const override { return true; }

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    if (spec_.timeout == GroupTimeout::event_time) {
      inputs_.check_event_time(
          inputs[0],
          spec_.name + " with GroupTimeout::event_time needs a watermark: timeouts go by it",
          "GroupTimeout::processing_time");
    }
    inputs_.check_initial_states(inputs);
    OperationPlan plan;
    plan.name = spec_.name;
    plan.accounts = true;
    plan.schema = spec_.output;
    plan.passes_watermark = false;
    if (spec_.initial_states) plan.first_epoch_inputs = {1};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      plan.exchanges.push_back({Exchange::Kind::hash, inputs_.places(inputs[i].schema)});
      plan.columns.push_back(inputs_.columns(inputs[i], spec_.columns(inputs[i].schema, i)));
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
        "key [" + inputs_.names() + "], " + std::string(to_string(spec_.mode)) +
        "\nkeeps a key until the function removes its state" +
        (spec_.timeout == GroupTimeout::none
             ? std::string()
             : "; timeouts by " + std::string(event_time ? "the watermark" : "processing time"));
    plan.factory = group_operator(std::move(op));
    return plan;
  }

 private:
  GroupOperatorSpec operator_spec(std::span<const OperationInput> inputs) const {
    const auto& rows = inputs[0];
    GroupOperatorSpec op;
    op.name = spec_.name;
    op.keys = inputs_.places(rows.schema);
    for (const auto key : op.keys) op.key_fields.push_back(rows.schema[key]);
    if (!rows.event_times.empty()) op.event_column = rows.event_times[0];
    op.watermarked = rows.watermarked;
    op.timeout = spec_.timeout;
    Schema states;
    if (inputs.size() > 1) {
      op.initial_keys = inputs_.places(inputs[1].schema);
      states = inputs[1].schema;
    }
    op.function = [make = spec_.function, schema = rows.schema, keys = Schema(op.key_fields),
                   states] { return make(schema, keys, states); };
    op.function();  // throws here what does not fit
    return op;
  }

  std::string signature(const std::vector<Field>& key_fields) const {
    return "groups keys(" + KeyedInputs::types(key_fields) + ") timeout " +
           std::string(to_string(spec_.timeout));
  }

  GroupOperationSpec spec_;
  KeyedInputs inputs_;
};

}  // namespace

std::shared_ptr<const Operation> group_operation(GroupOperationSpec spec) {
  return std::make_shared<GroupOperation>(std::move(spec));
}

}  // namespace libstream
