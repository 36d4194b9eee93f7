#pragma once

#include <libstream/type.hpp>
#include <libstream/value.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

struct ExpressionNode;
class UserAggregateBody;
class UserFunctionBody;

/// An expression as the user wrote it: names not yet looked up. A value; copies share the tree.
/// Built by `col`, `lit`, `expr`, the functions below and the operators; both spellings make the
/// same tree, and `to_string` prints SQL text that `expr` reads back.
class Expression {
 public:
  Expression() = default;
  explicit Expression(std::shared_ptr<const ExpressionNode> node) : node_(std::move(node)) {}
  const ExpressionNode& node() const { return *node_; }
  bool empty() const { return node_ == nullptr; }

  Expression as(std::string name) const;
  Expression cast(const DataType& type) const;
  Expression cast(std::string_view type) const;
  Expression try_cast(std::string_view type) const;
  Expression is_null() const;
  Expression is_not_null() const;
  Expression equals_null_safe(const Expression& other) const;  ///< `<=>`
  Expression in(std::vector<Value> values) const;
  Expression between(const Expression& low, const Expression& high) const;
  Expression like(std::string_view pattern) const;
  Expression field(std::string_view name) const;         ///< of a structure: `w.start`
  Expression element(const Expression& index) const;     ///< of an array, from 0: `a[0]`
  Expression filter(const Expression& condition) const;  ///< aggregates: FILTER (WHERE condition)
  Expression asc() const;
  Expression desc() const;

  std::string to_string() const;

 private:
  std::shared_ptr<const ExpressionNode> node_;
};

struct ExpressionNode {
  enum class Kind {
    column,   ///< name, possibly "side.name"; resolved against columns and structure fields
    star,     ///< * in count(*) or select
    literal,  ///< value of `type`
    call,     ///< function `name` of `arguments`; operators are calls named by their SQL sign:
              ///< "+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "<=>", "and", "or",
              ///< "not", "negate", "in", "like", "between", "is_null", "is_not_null", "case"
              ///< (condition, value, …, [else]), "field" (structure, name literal), "element"
    cast,     ///< arguments[0] to `type`; name "cast" or "try_cast"
    alias,    ///< arguments[0] as `name`
    sort,     ///< arguments[0]; name "asc" or "desc"
  };
  Kind kind;
  std::string name;
  DataType type;
  Value value;
  std::vector<Expression> arguments;
  std::optional<Expression> filter;  ///< of an aggregate call
  bool distinct = false;             ///< of an aggregate call
  /// A call of the user's own; `name` is its name. Both empty: looked up by name.
  std::shared_ptr<const UserFunctionBody> function{};
  std::shared_ptr<const UserAggregateBody> aggregate{};
};

/// A column by name.
Expression col(std::string_view name);
Expression lit(Value value);
Expression lit(std::chrono::microseconds interval);
Expression timestamp_lit(std::string_view iso8601);
/// Parses SQL expression text. Throws Error(analysis) with the text and a caret at the place.
Expression expr(std::string_view text);
/// Any function of the table by name.
Expression call(std::string_view function, std::vector<Expression> arguments);

/// Where a column is expected a string is a name (`select("k")`), beside an operator a literal
/// (`col("k") == "a"`). Integers, doubles, bools and durations are literals.
struct ColumnArgument : Expression {
  ColumnArgument(Expression e) : Expression(std::move(e)) {}          // NOLINT
  ColumnArgument(const char* name) : Expression(col(name)) {}         // NOLINT
  ColumnArgument(const std::string& name) : Expression(col(name)) {}  // NOLINT
};
struct Operand : Expression {
  Operand(Expression e) : Expression(std::move(e)) {}           // NOLINT
  Operand(bool v) : Expression(lit(Value(v))) {}                // NOLINT
  Operand(int v) : Expression(lit(Value(v))) {}                 // NOLINT
  Operand(std::int64_t v) : Expression(lit(Value(v))) {}        // NOLINT
  Operand(double v) : Expression(lit(Value(v))) {}              // NOLINT
  Operand(const char* v) : Expression(lit(Value(v))) {}         // NOLINT
  Operand(const std::string& v) : Expression(lit(Value(v))) {}  // NOLINT
  template <class Rep, class Period>
  requires(std::ratio_less_equal_v<Period, std::chrono::weeks::period>)
      Operand(std::chrono::duration<Rep, Period> v)  // NOLINT
      : Expression(lit(std::chrono::duration_cast<std::chrono::microseconds>(v))) {}
};

// At least one side must be an Expression; the other may be a literal.
Expression operator+(const Expression& a, const Operand& b);
Expression operator-(const Expression& a, const Operand& b);
Expression operator*(const Expression& a, const Operand& b);
Expression operator/(const Expression& a, const Operand& b);
Expression operator%(const Expression& a, const Operand& b);
Expression operator==(const Expression& a, const Operand& b);
Expression operator!=(const Expression& a, const Operand& b);
Expression operator<(const Expression& a, const Operand& b);
Expression operator<=(const Expression& a, const Operand& b);
Expression operator>(const Expression& a, const Operand& b);
Expression operator>=(const Expression& a, const Operand& b);
Expression operator&&(const Expression& a, const Expression& b);
Expression operator||(const Expression& a, const Expression& b);
Expression operator!(const Expression& a);
Expression operator-(const Expression& a);

// Event-time windows, for group_by. Durations up to weeks; longer ones by text.
Expression window(const ColumnArgument& time, std::chrono::microseconds size);
Expression window(const ColumnArgument& time, std::chrono::microseconds size,
                  std::chrono::microseconds slide,
                  std::chrono::microseconds start = std::chrono::microseconds{0});
Expression window(const ColumnArgument& time, std::string_view size);
Expression window(const ColumnArgument& time, std::string_view size, std::string_view slide,
                  std::string_view start = "0 seconds");
/// Sessions: rows of one key, each less than or exactly the gap behind the one before.
Expression session_window(const ColumnArgument& time, std::chrono::microseconds gap);
Expression session_window(const ColumnArgument& time, std::string_view gap);
/// A gap of each row's own: an interval, or text such as "5 minutes". Rows whose gap is null or not
/// above zero are left out.
Expression session_window(const ColumnArgument& time, const Expression& gap);
Expression window(const ColumnArgument& time, std::chrono::months size) = delete;
Expression window(const ColumnArgument& time, std::chrono::years size) = delete;

// Aggregates.
Expression count();  ///< count(*)
Expression count(const ColumnArgument& e);
Expression count_if(const ColumnArgument& e);
Expression sum(const ColumnArgument& e);
Expression avg(const ColumnArgument& e);
Expression mean(const ColumnArgument& e);
Expression min(const ColumnArgument& e);
Expression max(const ColumnArgument& e);
Expression first(const ColumnArgument& e, bool ignore_nulls = false);
Expression last(const ColumnArgument& e, bool ignore_nulls = false);

// Common scalar functions; `call` reaches all others.
Expression explode(const ColumnArgument& e);
Expression split(const ColumnArgument& e, std::string_view pattern);
Expression upper(const ColumnArgument& e);
Expression lower(const ColumnArgument& e);
Expression length(const ColumnArgument& e);
Expression trim(const ColumnArgument& e);
Expression concat(std::vector<Expression> parts);
Expression coalesce(std::vector<Expression> values);
Expression date_trunc(std::string_view unit, const ColumnArgument& e);
/// CASE: when(c1, v1).when(…) is spelled when({{c1, v1}, …}, otherwise).
Expression when(std::vector<std::pair<Expression, Operand>> branches);
Expression when(std::vector<std::pair<Expression, Operand>> branches, const Operand& otherwise);

}  // namespace libstream
