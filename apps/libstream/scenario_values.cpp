#include "scenario_values.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace libstream::apps {
namespace {

namespace json = boost::json;

[[noreturn]] void no_value(const json::value& json, const DataType& type) {
  throw Error(ErrorCode::invalid_argument, json::serialize(json) + " is no " + type.to_string());
}

std::optional<double> real_of(const json::value& json) {
  if (json.is_number()) return json.to_number<double>();
  if (!json.is_string()) return std::nullopt;
  if (json.as_string() == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (json.as_string() == "Infinity") return std::numeric_limits<double>::infinity();
  if (json.as_string() == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

/// Digits of a decimal number at `scale`.
std::optional<int128> decimal_of(std::string_view text, int scale) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int128 digits = 0;
  int fraction = -1;
  for (const char c : text) {
    if (c == '.' && fraction < 0) {
      fraction = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    digits = digits * 10 + (c - '0');
    if (fraction >= 0) ++fraction;
  }
  fraction = std::max(fraction, 0);
  if (fraction > scale) return std::nullopt;
  for (; fraction < scale; ++fraction) digits *= 10;
  return negative ? -digits : digits;
}

std::optional<std::string> bytes_of(std::string_view base64) {
  static constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : base64) {
    if (c == '=') break;
    const auto place = letters.find(c);
    if (place == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(place);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

std::optional<Value> text_value(std::string_view text, const DataType& type) {
  switch (type.id()) {
    case TypeId::string:
      return Value(std::string(text));
    case TypeId::binary:
      if (auto bytes = bytes_of(text)) return Value(std::move(*bytes));
      return std::nullopt;
    case TypeId::decimal:
      if (const auto digits = decimal_of(text, type.scale())) return Value(*digits);
      return std::nullopt;
    case TypeId::date:
      if (std::int32_t days = 0; parse_date(text, days)) return Value(std::int64_t{days});
      return std::nullopt;
    case TypeId::timestamp:
      if (EventTime time = 0; parse_timestamp(text, time)) return Value(time);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool same_reals(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  return std::isfinite(a) && std::isfinite(b) &&
         std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

bool same_values(const Value& a, const Value& b, const ColumnComparison& how) {
  if (a.data.index() != b.data.index()) return false;
  if (std::holds_alternative<double>(a.data)) return same_reals(a.real(), b.real(), how.tolerance);
  if (!std::holds_alternative<ValueList>(a.data)) return a == b;
  auto left = a.list();
  auto right = b.list();
  if (how.any_order) {
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
  }
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](const Value& x, const Value& y) { return same_values(x, y, how); });
}

bool same_row(const Row& a, const Row& b, const std::vector<ColumnComparison>& columns) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!same_values(a[i], b[i], columns[i])) return false;
  }
  return true;
}

}  // namespace

Value scenario_value(const json::value& json, const DataType& type) {
  if (json.is_null()) return {};
  if (type.id() == TypeId::boolean && json.is_bool()) return json.as_bool();
  if (type.is_integral() && (json.is_int64() || json.is_uint64())) {
    return json.to_number<std::int64_t>();
  }
  if (type.id() == TypeId::float32 || type.id() == TypeId::float64) {
    if (const auto real = real_of(json)) return *real;
  }
  if (json.is_string()) {
    if (auto value = text_value(json.as_string(), type)) return std::move(*value);
  }
  if (type.id() == TypeId::array && json.is_array()) {
    ValueList elements;
    for (const auto& element : json.as_array()) {
      elements.push_back(scenario_value(element, type.element()));
    }
    return elements;
  }
  if (type.id() == TypeId::structure && json.is_object()) {
    const auto& object = json.as_object();
    if (object.size() != type.fields().size()) no_value(json, type);
    ValueList fields;
    for (const auto& field : type.fields()) {
      const auto* value = object.if_contains(field.name);
      if (value == nullptr) no_value(json, type);
      fields.push_back(scenario_value(*value, field.type));
    }
    return fields;
  }
  no_value(json, type);
}

std::vector<Row> scenario_rows(const json::array& rows, const Schema& schema) {
  std::vector<Row> result;
  for (const auto& entry : rows) {
    const auto& values = entry.as_array();
    if (values.size() != schema.size()) {
      throw Error(ErrorCode::invalid_argument,
                  json::serialize(entry) + " has not the columns " + schema.to_string());
    }
    Row row;
    for (std::size_t i = 0; i < schema.size(); ++i) {
      row.push_back(scenario_value(values[i], schema[i].type));
    }
    result.push_back(std::move(row));
  }
  return result;
}

bool same_rows(const std::vector<Row>& expected, const std::vector<Row>& got,
               const std::vector<ColumnComparison>& columns) {
  if (expected.size() != got.size()) return false;
  std::vector<bool> taken(got.size());
  for (const auto& row : expected) {
    std::size_t i = 0;
    while (i < got.size() && (taken[i] || !same_row(row, got[i], columns))) ++i;
    if (i == got.size()) return false;
    taken[i] = true;
  }
  return true;
}

std::string rows_text(std::vector<Row> rows, const Schema& schema) {
  std::sort(rows.begin(), rows.end());
  std::string text;
  for (const auto& row : rows) {
    text += text.empty() ? "[" : ", [";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += (i == 0 ? "" : ", ") + to_text(row[i], schema[i].type);
    }
    text += "]";
  }
  return text.empty() ? "no rows" : text;
}

}  // namespace libstream::apps
