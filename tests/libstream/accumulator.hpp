#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/batch.hpp>
#include <libstream/value_codec.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

namespace libstream::test {

using Rows = std::vector<Row>;

/// A state of an aggregate in memory of its own.
class Accumulator {
 public:
  explicit Accumulator(const AggregateFunction& function)
      : function_(function), memory_(function.state_size() / 8) {
    function.initialize(data());
  }
  ~Accumulator() { function_.destroy(data()); }
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;
  std::byte* data() { return reinterpret_cast<std::byte*>(memory_.data()); }
  std::vector<ColumnPtr> intermediates() {
    const std::byte* states[] = {data()};
    return function_.intermediates(states);
  }
  void merge(std::span<const ColumnPtr> columns) {
    std::byte* states[] = {data()};
    function_.merge(states, columns);
  }
  Value result() {
    const std::byte* states[] = {data()};
    return function_.finish(states)->value(0);
  }

 private:
  const AggregateFunction& function_;
  std::vector<std::uint64_t> memory_;
};

inline std::vector<ColumnPtr> columns_of(const AggregateFunction& function,
                                         const std::vector<Row>& rows) {
  std::vector<ColumnBuilder> builders;
  for (const DataType& type : function.argument_types()) builders.emplace_back(type);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < builders.size(); ++i) {
      const auto* number = std::get_if<std::int64_t>(&row[i].data);
      const bool cast = number != nullptr && builders[i].type().id() == TypeId::float64;
      builders[i].append_value(cast ? Value(static_cast<double>(*number)) : row[i]);
    }
  }
  std::vector<ColumnPtr> columns;
  for (auto& builder : builders) columns.push_back(builder.finish());
  return columns;
}

/// Through the bytes of a checkpoint.
inline std::vector<ColumnPtr> recoded(const std::vector<ColumnPtr>& columns) {
  std::vector<ColumnPtr> result;
  for (const ColumnPtr& column : columns) {
    ColumnBuilder builder(column->type());
    for (std::size_t i = 0; i < column->size(); ++i) {
      std::string bytes;
      encode_value(*column, i, bytes);
      std::string_view rest(bytes);
      decode_value(rest, builder);
      CHECK(rest.empty());
    }
    result.push_back(builder.finish());
  }
  return result;
}

inline Value in_one(const AggregateFunction& f, const std::vector<Row>& rows) {
  Accumulator state(f);
  f.update_single(state.data(), columns_of(f, rows), nullptr, rows.size());
  return state.result();
}
inline Value through_states(const AggregateFunction& f, const std::vector<Row>& rows) {
  Accumulator state(f);
  const std::vector<std::byte*> states(rows.size(), state.data());
  f.update(states, columns_of(f, rows));
  return state.result();
}
/// Rows that the filter excludes stand between those that count.
inline Value filtered(const AggregateFunction& f, const std::vector<Row>& rows, bool single) {
  std::vector<Row> doubled;
  std::vector<std::uint8_t> mask;
  for (const Row& row : rows) {
    doubled.insert(doubled.end(), {row, row});
    mask.insert(mask.end(), {0, 1});
  }
  const auto columns = columns_of(f, doubled);
  Accumulator state(f);
  if (single) {
    f.update_single(state.data(), columns, mask.data(), doubled.size());
  } else {
    std::vector<std::byte*> states(doubled.size(), nullptr);
    for (std::size_t i = 1; i < states.size(); i += 2) states[i] = state.data();
    f.update(states, columns);
  }
  return state.result();
}
inline Value as_singletons(const AggregateFunction& f, const std::vector<Row>& rows, bool masked) {
  std::vector<Row> given = rows;
  std::vector<std::uint8_t> mask(rows.size(), 1);
  if (masked && !rows.empty()) {
    given.push_back(rows[0]);
    mask.push_back(0);
  }
  const auto columns =
      f.singletons(columns_of(f, given), masked ? mask.data() : nullptr, given.size());
  Accumulator state(f);
  const std::vector<std::byte*> states(given.size(), state.data());
  f.merge(states, recoded(columns));
  return state.result();
}
inline Value in_parts(const AggregateFunction& f, const std::vector<Row>& rows,
                      std::mt19937_64& random, bool shuffled) {
  std::vector<std::vector<Row>> parts(1);
  for (const Row& row : rows) {
    if (random() % 4 == 0) parts.emplace_back();
    parts.back().push_back(row);
  }
  parts.emplace_back();  // one without rows
  if (shuffled) std::shuffle(parts.begin(), parts.end(), random);
  Accumulator total(f);
  for (const auto& part : parts) {
    Accumulator one(f);
    f.update_single(one.data(), columns_of(f, part), nullptr, part.size());
    total.merge(recoded(one.intermediates()));
  }
  return total.result();
}
/// Stored and restored after every few rows.
inline Value restarted(const AggregateFunction& f, const std::vector<Row>& rows) {
  std::vector<ColumnPtr> stored;
  for (std::size_t i = 0; i <= rows.size(); i += 3) {
    Accumulator state(f);
    if (!stored.empty()) state.merge(stored);
    const std::vector<Row> part(
        rows.begin() + static_cast<std::ptrdiff_t>(i),
        rows.begin() + static_cast<std::ptrdiff_t>(std::min(i + 3, rows.size())));
    f.update_single(state.data(), columns_of(f, part), nullptr, part.size());
    stored = recoded(state.intermediates());
  }
  Accumulator state(f);
  state.merge(stored);
  return state.result();
}

}  // namespace libstream::test
