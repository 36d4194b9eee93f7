#pragma once

#include <libstream/analyser.hpp>
#include <libstream/error.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What the files of the analyser share.
namespace libstream::analysis {

[[noreturn]] void fail(std::string error_class, const std::string& message);
[[noreturn]] void fail_unsupported(std::string error_class, const std::string& message);

// Expression trees (expression_tree.cpp).
const Expression& without_alias(const Expression& expression);
bool is_call(const Expression& expression, std::string_view name);
bool is_star(const Expression& expression);
bool is_aggregate_call(const Expression& expression);
bool is_generator(const Expression& expression);
/// True where `found` is for a node of the tree; does not look below nodes where it is.
bool contains(const Expression& expression, const std::function<bool(const Expression&)>& found);
/// Replaces each topmost node for which `replace` gives something.
Expression rewrite(const Expression& expression,
                   const std::function<std::optional<Expression>(const Expression&)>& replace);
/// The name of the output column: the alias, the column's own last part, or Structured Streaming's
/// spelling ("count(1)", "avg(v)").
std::string derived_name(const Expression& expression);
/// Two spellings of one expression compare equal.
bool same_expression(const Expression& a, const Expression& b);
/// Conditions joined by AND, left to right.
std::vector<Expression> conjuncts(const Expression& condition);
/// µs of a constant interval or duration text; otherwise nothing, and `problem` says why.
std::optional<std::int64_t> constant_duration(const Expression& expression, std::string& problem);

// Columns (scope.cpp).
/// An output column of a projection.
struct Item {
  std::string name;
  BoundPtr value;
  bool event_time = false;
  std::string qualifier = {};  ///< its side, if `as` named one
};
/// Index of a column by its name, also "side.name". Throws where there is none or more than one.
std::uint32_t column_of(std::string_view name, const ResolvedPlan& input, std::string_view where);
/// Binds a scalar expression. `where` names the operator in messages ("filter").
BoundPtr bind_in(const Expression& expression, const ResolvedPlan& input, std::string_view where);
/// The same as an output column.
Item item_of(const Expression& expression, const ResolvedPlan& input, std::string_view where);
Item column_item(std::uint32_t column, const ResolvedPlan& input);
std::vector<Item> all_columns(const ResolvedPlan& input);
/// The columns that `*` or `struct.*` stands for.
std::vector<Item> star_items(const Expression& star, const ResolvedPlan& input);

/// A node above `inputs` that is a stream and watermarked as they are.
std::shared_ptr<ResolvedPlan> node_above(ResolvedPlan::Kind kind, std::vector<ResolvedPtr> inputs);
ResolvedPtr project_items(ResolvedPtr input, std::vector<Item> items);
/// Input columns, then `items` under names that are not taken; where there are none the input.
ResolvedPtr append_items(ResolvedPtr input, std::vector<Item> items);
/// struct<start: timestamp, end: timestamp>
bool is_window(const DataType& type);
/// Its last instant, µs before the end: what a window over windows goes by.
Expression window_time(const Expression& window);
std::string unused_name(std::string name, const Schema& schema);
/// "known columns: a, b", or "did you mean a?" where one resembles `name`.
std::string candidates(std::string_view name, const Schema& schema);

/// Of a stateful operator: that of its state, and its place in the plan, the sink's end first.
struct Identity {
  OperatorId id{};
  std::uint32_t place = 0;
};

// Windows (analyse_windows.cpp).
struct Window {
  std::int64_t size = 0;  ///< µs, as the two below
  std::int64_t slide = 0;
  std::int64_t start = 0;
};
[[noreturn]] void bad_window(const Expression& window, std::string_view where,
                             const std::string& problem);
Window window_of(const Expression& expression, std::string_view where);
/// The timestamp that a window is over, as a column of its own or the input's.
Item window_item(const Expression& expression, const ResolvedPlan& input, std::string_view where);
/// `below` with the windows over `time_column` behind its columns.
std::shared_ptr<ResolvedPlan> windows_above(const ResolvedPtr& below, ResolvedPlan::Kind kind,
                                            std::uint32_t time_column, const std::string& name);
/// The input's columns first, the windows of the call window(…) last.
ResolvedPtr add_window(const ResolvedPtr& input, const Expression& expression,
                       std::string_view where);
/// Keys of an operator as columns: the input grown by those that are computed, and a window among
/// them. `where` names the operator in messages.
struct KeyColumns {
  ResolvedPtr below;
  std::vector<std::uint32_t> columns;
};
KeyColumns resolve_keys(const std::vector<Expression>& keys, const ResolvedPtr& input,
                        std::string_view where);

// Operators with a file of their own.
ResolvedPtr resolve_select(const LogicalPlan& plan, const ResolvedPtr& input);
ResolvedPtr explode_column(const ResolvedPtr& input, std::vector<Item> kept, const Item& array,
                           std::size_t position, bool outer);
ResolvedPtr resolve_aggregate_node(const LogicalPlan& plan, const ResolvedPtr& input,
                                   const Identity& identity);
ResolvedPtr resolve_deduplicate(const LogicalPlan& plan, const ResolvedPtr& input,
                                const Identity& identity);
/// Throws: both of the first two `columns` of `input` carry the event time.
[[noreturn]] void fail_with_event_times(const std::string& name, const ResolvedPlan& input,
                                        std::span<const std::uint32_t> columns);
ResolvedPtr resolve_top_n(const LogicalPlan& plan, const ResolvedPtr& input,
                          const Identity& identity);
/// Throws where a top_n cannot run in that output mode, or not below that operator.
void check_top_n(const ResolvedPlan& plan, OutputMode mode);
ResolvedPtr resolve_limit(const LogicalPlan& plan, const ResolvedPtr& input,
                          const Identity& identity);
/// `identity`: of one that keeps state.
ResolvedPtr resolve_operation(const LogicalPlan& plan, std::vector<ResolvedPtr> inputs,
                              const std::optional<Identity>& identity);
ResolvedPtr resolve_join(const LogicalPlan& plan, const ResolvedPtr& left, const ResolvedPtr& right,
                         const Identity& identity);
ResolvedPtr resolve_as_of_join(const LogicalPlan& plan, ResolvedPtr left, ResolvedPtr right,
                               const Identity& identity);
ResolvedPtr resolve_union(std::vector<ResolvedPtr> inputs);

}  // namespace libstream::analysis
