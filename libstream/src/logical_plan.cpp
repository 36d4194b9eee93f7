#include <libstream/logical_plan.hpp>
#include <libstream/time.hpp>

#include <algorithm>

namespace libstream {
namespace {

std::string list_of(const std::vector<Expression>& expressions) {
  std::string text;
  for (const auto& expression : expressions) {
    text += (text.empty() ? "" : ", ") + expression.to_string();
  }
  return text;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string describe(const LogicalPlan& plan) {
  using Kind = LogicalPlan::Kind;
  switch (plan.kind) {
    case Kind::source:
      return std::string(plan.source.streaming ? "stream " : "static ") + plan.source.format +
             (plan.source.path.empty() ? "" : " " + plan.source.path);
    case Kind::project:
      return "project " + list_of(plan.expressions);
    case Kind::filter:
      return "filter " + list_of(plan.expressions);
    case Kind::watermark:
      return "watermark " + plan.column + " delay " + std::to_string(plan.delay_milliseconds) +
             " ms";
    case Kind::aggregate:
      return "aggregate by [" + list_of(plan.keys) + "] " + list_of(plan.expressions);
    case Kind::join:
      return std::string(to_string(plan.join_type)) + " join " +
             (plan.names.empty() ? "on " + list_of(plan.expressions)
                                 : "using " + list_of(plan.names));
    case Kind::as_of_join:
      return std::string(to_string(plan.join_type)) + " as-of join using " + list_of(plan.names) +
             ", " + plan.column + " as of " + plan.new_name;
    case Kind::union_all:
      return "union";
    case Kind::deduplicate:
      return "deduplicate [" + list_of(plan.keys) + "]" +
             (plan.within_watermark ? " within the watermark" : "");
    case Kind::limit:
      return "limit " + std::to_string(plan.count);
    case Kind::top_n:
      return "top " + std::to_string(plan.count) + (plan.ties ? " with ties" : "") + " by [" +
             list_of(plan.keys) + "] in the order " + list_of(plan.expressions);
    case Kind::sort:
      return "sort " + list_of(plan.expressions);
    case Kind::alias:
      return "alias " + plan.column;
    case Kind::operation:
      return "custom operator";
    case Kind::with_column:
      return "with column " + plan.column + " = " + list_of(plan.expressions);
    case Kind::rename:
      return "rename " + plan.column + " to " + plan.new_name;
    case Kind::drop:
      return "drop " + list_of(plan.names);
    case Kind::explode:
      return "explode " + plan.column + " as " + plan.new_name;
  }
  return "";
}

void print(const LogicalPlan& plan, std::size_t depth, std::string& text) {
  text += std::string(2 * depth, ' ') + describe(plan);
  if (!plan.name.empty()) text += " named \"" + plan.name + "\"";
  text += '\n';
  for (const auto& input : plan.inputs) print(*input, depth + 1, text);
}

}  // namespace

bool LogicalPlan::streaming() const {
  if (kind == Kind::source) return source.streaming;
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const PlanPtr& input) { return input->streaming(); });
}

std::string to_text(const LogicalPlan& plan) {
  std::string text;
  print(plan, 0, text);
  return text;
}

}  // namespace libstream
