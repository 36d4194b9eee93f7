#pragma once

// Aggregates over lists of values, written as one would say them: what the tests of whole queries
// compare with.

#include <libstream/batch.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace libstream::naive {

inline std::vector<Value> not_null(const std::vector<Value>& values) {
  std::vector<Value> kept;
  for (const Value& value : values) {
    if (!value.is_null()) kept.push_back(value);
  }
  return kept;
}

inline Value sum(const std::vector<Value>& values) {
  const auto present = not_null(values);
  if (present.empty()) return nullptr;
  std::int64_t whole = 0;
  int128 digits = 0;
  double real = 0;
  for (const Value& value : present) {
    if (const auto* i = std::get_if<std::int64_t>(&value.data)) whole += *i;
    if (const auto* i = std::get_if<int128>(&value.data)) digits += *i;
    if (const auto* d = std::get_if<double>(&value.data)) real += *d;
  }
  if (std::holds_alternative<std::int64_t>(present[0].data)) return whole;
  if (std::holds_alternative<int128>(present[0].data)) return digits;
  return real;
}

/// Decimals gain four digits and round half away from zero.
inline Value average(const std::vector<Value>& values) {
  const auto present = not_null(values);
  if (present.empty()) return nullptr;
  const Value total = sum(present);
  const auto count = static_cast<std::int64_t>(present.size());
  if (const auto* digits = std::get_if<int128>(&total.data)) {
    const int128 scaled = *digits * 10'000;
    const int128 half = scaled < 0 ? -(count / 2) : count / 2;
    // Towards zero after a step of half a unit outwards; with an odd count no tie exists.
    return static_cast<int128>((scaled + half) / count);
  }
  const double real = std::holds_alternative<double>(total.data)
                          ? total.real()
                          : static_cast<double>(total.integer());
  return real / static_cast<double>(count);
}

inline Value extreme(const std::vector<Value>& values, bool largest) {
  Value best = nullptr;
  for (const Value& value : not_null(values)) {
    if (best.is_null() || (largest ? best < value : value < best)) best = value;
  }
  return best;
}

inline Value aggregate(const std::string& name, std::vector<Value> values, bool ignore_nulls) {
  if (name == "count") return static_cast<std::int64_t>(not_null(values).size());
  if (name == "count_if") {
    std::int64_t count = 0;
    for (const Value& value : not_null(values)) count += value.boolean() ? 1 : 0;
    return count;
  }
  if (name == "sum") return sum(values);
  if (name == "avg" || name == "mean") return average(values);
  if (name == "min") return extreme(values, false);
  if (name == "max") return extreme(values, true);
  if (ignore_nulls) values = not_null(values);
  if (values.empty()) return nullptr;
  return name.starts_with("last") ? values.back() : values.front();
}

}  // namespace libstream::naive
