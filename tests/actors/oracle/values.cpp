#include "values.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cmath>

namespace libstream::oracle {
namespace {

bool close(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

bool same_numbers(const Value& a, const Value& b, double tolerance) {
  const auto* x = std::get_if<double>(&a.data);
  const auto* y = std::get_if<double>(&b.data);
  if (x != nullptr && y != nullptr) return close(*x, *y, tolerance);
  const auto* list = std::get_if<ValueList>(&a.data);
  const auto* other = std::get_if<ValueList>(&b.data);
  if (list == nullptr || other == nullptr) return a == b;
  return list->size() == other->size() &&
         std::equal(list->begin(), list->end(), other->begin(),
                    [&](const Value& v, const Value& w) { return same_numbers(v, w, tolerance); });
}

std::string digits_of(int128 number) {
  if (number < 0) return "-" + digits_of(-number);
  std::string text(1, static_cast<char>('0' + static_cast<int>(number % 10)));
  return number < 10 ? text : digits_of(number / 10) + text;
}

}  // namespace

std::size_t column_at(const Columns& columns, std::string_view name) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  LIBSTREAM_ASSERT(false, "a column of the query");
  return 0;
}

bool agrees(const Value& expected, const Value& actual, Compare compare) {
  if (compare == Compare::one_of) {
    const auto* list = std::get_if<ValueList>(&expected.data);
    if (list == nullptr) return expected == actual;
    return std::any_of(list->begin(), list->end(), [&](const Value& v) { return v == actual; });
  }
  if (expected.is_null() || actual.is_null()) return expected.is_null() && actual.is_null();
  switch (compare) {
    case Compare::close:
      return same_numbers(expected, actual, 1e-9);
    case Compare::rough:
      return same_numbers(expected, actual, 1e-6);
    case Compare::unordered: {
      auto a = expected.list();
      auto b = actual.list();
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      return a == b;
    }
    case Compare::estimate:
      return std::abs(expected.integer() - actual.integer()) <=
             std::max<std::int64_t>(2, expected.integer() / 5);
    default:
      return expected == actual;
  }
}

void sort_rows(std::vector<Row>& rows, const Columns& columns) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    for (std::size_t i = 0; i < columns.size() && i < std::min(a.size(), b.size()); ++i) {
      if (columns[i].compare != Compare::exact || a[i] == b[i]) continue;
      return a[i] < b[i];
    }
    return false;
  });
}

std::optional<std::string> difference(std::vector<Row> expected, std::vector<Row> actual,
                                      const Columns& columns) {
  sort_rows(expected, columns);
  sort_rows(actual, columns);
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    if (i >= actual.size()) return "expected row " + text_of(expected[i]) + ", got no more";
    if (i >= expected.size()) return "expected no more rows, got " + text_of(actual[i]);
    if (actual[i].size() != columns.size()) {
      return "expected " + std::to_string(columns.size()) + " columns, got " + text_of(actual[i]);
    }
    for (std::size_t j = 0; j < columns.size(); ++j) {
      if (agrees(expected[i][j], actual[i][j], columns[j].compare)) continue;
      return "column " + columns[j].name + ": expected row " + text_of(expected[i]) + ", got " +
             text_of(actual[i]);
    }
  }
  return std::nullopt;
}

std::string text_of(const Value& value) {
  if (value.is_null()) return "null";
  if (const auto* truth = std::get_if<bool>(&value.data)) return *truth ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return std::to_string(*whole);
  if (const auto* digits = std::get_if<int128>(&value.data)) return digits_of(*digits) + "m";
  if (const auto* real = std::get_if<double>(&value.data)) {
    return to_text(Value(*real), TypeId::float64);
  }
  if (const auto* text = std::get_if<std::string>(&value.data)) return '"' + *text + '"';
  std::string text = "{";
  for (const Value& part : value.list()) text += (text.size() > 1 ? ", " : "") + text_of(part);
  return text + "}";
}

std::string text_of(const Row& row) {
  std::string text = "(";
  for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ", ") + text_of(row[i]);
  return text + ")";
}

}  // namespace libstream::oracle
