#pragma once

#include <libstream/type.hpp>

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace libstream {

struct Value;
/// Elements of an array or fields of a structure.
using ValueList = std::vector<Value>;

/// One scalar with no type of its own: literals, rows of tests and memory streams, progress. Not
/// for the data path. Integers, dates (days), timestamps (µs) and intervals are std::int64_t,
/// decimals int128 (digits at the type's scale), strings and binary std::string.
struct Value {
  std::variant<std::monostate, bool, std::int64_t, double, int128, std::string, ValueList> data;

  Value() = default;
  Value(std::nullptr_t) {}                        // NOLINT: implicit on purpose
  Value(bool v) : data(v) {}                      // NOLINT
  Value(int v) : data(std::int64_t{v}) {}         // NOLINT
  Value(std::int64_t v) : data(v) {}              // NOLINT
  Value(double v) : data(v) {}                    // NOLINT
  Value(int128 v) : data(v) {}                    // NOLINT
  Value(const char* v) : data(std::string(v)) {}  // NOLINT
  Value(std::string v) : data(std::move(v)) {}    // NOLINT
  Value(ValueList v) : data(std::move(v)) {}      // NOLINT

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  bool boolean() const { return std::get<bool>(data); }
  std::int64_t integer() const { return std::get<std::int64_t>(data); }
  double real() const { return std::get<double>(data); }
  const std::string& text() const { return std::get<std::string>(data); }
  const ValueList& list() const { return std::get<ValueList>(data); }

  /// Equal kinds and values; NaN equals NaN.
  friend bool operator==(const Value& a, const Value& b);
  friend bool operator<(const Value& a, const Value& b);  ///< a total order, for sorting in tests
};

/// Text as console and error messages print it: timestamps in ISO-8601, strings bare, null "null".
std::string to_text(const Value& value, const DataType& type);

}  // namespace libstream
