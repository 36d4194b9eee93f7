#include "plan_words.hpp"

#include <libstream/error.hpp>
#include <libstream/operation.hpp>

namespace libstream {

using Kind = ResolvedPlan::Kind;

bool keeps_columns(const FusedStep& step) {
  auto unfiltered = step;
  unfiltered.filter = nullptr;
  return unfiltered.passes_all();
}

std::string step_text(const FusedStep& step) {
  std::string text = step.filter ? "where " + step.filter->text : "";
  if (keeps_columns(step)) return text;
  std::string columns;
  for (const auto& column : step.columns) {
    columns += (columns.empty() ? "" : ", ") + column->text;
  }
  return text + (text.empty() ? "" : "; ") + "columns " + columns;
}

std::string retention(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::complete) return "keeps all groups (output mode complete)";
  if (plan.keys.empty()) return "keeps its one group";
  if (!plan.time_key) return "keeps all groups: no key carries a watermark";
  const auto& field = plan.schema[*plan.time_key];
  const auto window = field.type.id() == TypeId::structure;
  return "keeps groups until the watermark passes " + field.name + (window ? ".end" : "");
}

std::string retention(const ResolvedPlan& plan) {
  if (plan.within_watermark) {
    return "keeps keys until the watermark passes " + plan.schema[*plan.event_column].name +
           " of their first row + " + duration_text(plan.delay_milliseconds * 1000);
  }
  if (!plan.time_key) return "keeps all keys: none carries a watermark";
  const auto& field = plan.schema[plan.keys[*plan.time_key]];
  const auto window = field.type.id() == TypeId::structure;
  return "keeps keys until the watermark passes " + field.name + (window ? ".end" : "");
}

const Field& key_field(const ResolvedPlan& plan, std::size_t key) {
  return plan.schema[plan.kind == Kind::aggregate ? key : plan.keys[key]];
}

std::string names_of_keys(const ResolvedPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + key_field(plan, i).name;
  }
  return "[" + text + "]";
}

std::string signature_of(const ResolvedPlan& plan, OutputMode mode) {
  if (plan.kind == Kind::limit) return "limit";
  if (plan.kind == Kind::operation) return plan.operation->state_signature;
  std::string text = plan.kind == Kind::aggregate ? plan.session_key ? "sessions" : "aggregate"
                     : plan.within_watermark      ? "deduplicate within watermark"
                                                  : "deduplicate";
  // Complete mode keeps every group for ever, so state that lost some is no start for it.
  if (plan.kind == Kind::aggregate && mode == OutputMode::complete) text = "complete " + text;
  text += " keys(";
  for (std::size_t i = 0; i < plan.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + key_field(plan, i).type.to_string();
  }
  if (plan.kind != Kind::aggregate) return text + ")";
  text += ") values(";
  for (std::size_t i = 0; i < plan.aggregates.size(); ++i) {
    const auto& function = *plan.aggregates[i].function;
    text += (i == 0 ? "" : ", ") + function.name() + "(";
    for (std::size_t j = 0; j < function.intermediate_types().size(); ++j) {
      text += (j == 0 ? "" : ", ") + function.intermediate_types()[j].to_string();
    }
    text += ")";
  }
  return text + ")";
}

WatermarkPolicy watermark_policy(const Options& options) {
  const auto policy = options.get("watermarkPolicy", "min");
  if (same_name(policy, "min")) return WatermarkPolicy::min;
  if (same_name(policy, "max")) return WatermarkPolicy::max;
  if (same_name(policy, "perSide")) return WatermarkPolicy::per_side;
  throw Error(ErrorCode::invalid_argument,
              "option watermarkPolicy is \"" + policy + "\", but can be min, max or perSide");
}

}  // namespace libstream
