#include "function.hpp"
#include "literals.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <utility>

// Functions that are short for others: they need no kernel of their own.
namespace libstream {
namespace {

/// Function of each part of a time that EXTRACT and date_part know.
const std::vector<std::pair<std::string, std::string>>& parts_of_time() {
  static const std::vector<std::pair<std::string, std::string>> parts = [] {
    std::vector<std::pair<std::string, std::string>> all;
    const auto add = [&](const char* function, std::initializer_list<const char*> names) {
      for (const char* name : names) all.emplace_back(name, function);
    };
    add("year", {"year", "years", "y", "yr", "yrs"});
    add("iso_year", {"yearofweek"});
    add("quarter", {"quarter", "qtr"});
    add("month", {"month", "months", "mon", "mons"});
    add("weekofyear", {"week", "weeks", "w"});
    add("day", {"day", "days", "d"});
    add("dayofweek", {"dayofweek", "dow"});
    add("iso_weekday", {"dayofweek_iso", "dow_iso"});
    add("dayofyear", {"dayofyear", "doy"});
    add("hour", {"hour", "hours", "h", "hr", "hrs"});
    add("minute", {"minute", "minutes", "m", "min", "mins"});
    add("second_fraction", {"second", "seconds", "s", "sec", "secs"});
    return all;
  }();
  return parts;
}

Expression date_part(const Expression& expression) {
  const ExpressionNode& field = expression.node().arguments[0].node();
  if (field.kind != ExpressionNode::Kind::literal || field.type.id() != TypeId::string) {
    throw Error(ErrorCode::analysis,
                expression.to_string() + " needs the part's name as a literal");
  }
  const std::string name = lowered(field.value.text());
  std::vector<std::string> names;
  for (const auto& [part, function] : parts_of_time()) {
    if (part == name) return call(function, {expression.node().arguments[1]});
    names.push_back(part);
  }
  throw Error(ErrorCode::analysis, "'" + name + "' is no part of a time" + candidates(name, names) +
                                       " (in " + expression.to_string() + ")");
}

/// decode(value, search, result, …[, default]); a null finds a null.
Expression decode_by_values(const std::vector<Expression>& a) {
  std::vector<Expression> branches;
  std::size_t i = 1;
  for (; i + 1 < a.size(); i += 2) {
    branches.push_back(call("<=>", {a[0], a[i]}));
    branches.push_back(a[i + 1]);
  }
  if (i < a.size()) branches.push_back(a[i]);
  return call("case", std::move(branches));
}

}  // namespace

std::optional<Expression> expanded(const Expression& expression) {
  const ExpressionNode& node = expression.node();
  const auto& a = node.arguments;
  const std::string& name = node.name;
  const std::size_t size = a.size();
  if (name == "between" && size == 3) return a[0] >= a[1] && a[0] <= a[2];
  if (name == "nullif" && size == 2) return call("case", {a[0] == a[1], lit(Value()), a[0]});
  if (name == "nvl2" && size == 3) return call("case", {a[0].is_not_null(), a[1], a[2]});
  if (name == "if" && size == 3) return call("case", a);
  if ((name == "nvl" || name == "ifnull") && size == 2) return call("coalesce", a);
  if ((name == "date_part" || name == "datepart") && size == 2) return date_part(expression);
  if (name == "equal_null" && size == 2) return call("<=>", a);
  if (name == "negative" && size == 1) return call("negate", a);
  if (name == "ilike" && size >= 2) {
    std::vector<Expression> folded{call("lower", {a[0]}), call("lower", {a[1]})};
    folded.insert(folded.end(), a.begin() + 2, a.end());
    return call("like", std::move(folded));
  }
  if (name == "space" && size == 1) return call("repeat", {lit(" "), a[0]});
  if (name == "decode" && size > 2) return decode_by_values(a);
  if (name == "convert_timezone" && size == 2) return call("from_utc_timestamp", {a[1], a[0]});
  if (name == "convert_timezone" && size == 3) {
    return call("from_utc_timestamp", {call("to_utc_timestamp", {a[2], a[0]}), a[1]});
  }
  return std::nullopt;
}

std::string plain_name(const DataType& type) {
  if (type.id() == TypeId::array) return "array<" + plain_name(type.element()) + ">";
  if (type.id() != TypeId::structure) return type.to_string();
  std::string text = "struct<";
  for (const Field& field : type.fields()) {
    if (text.back() != '<') text += ',';
    text += field.name + ":" + plain_name(field.type);
  }
  return text + ">";
}

}  // namespace libstream
