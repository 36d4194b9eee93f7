#pragma once

#include <libstream/batch.hpp>
#include <libstream/join.hpp>
#include <libstream/operator.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <vector>

namespace libstream::test {

/// A stream-stream join by its definition: every row kept in a list, every pair looked at, left
/// rows first. Predicates are functions over rows, so that nothing of the engine's is shared.
struct JoinModel {
  struct Side {
    std::vector<std::uint32_t> keys;
    std::optional<std::uint32_t> event_column;
    std::function<bool(const Row&)> filter;
    std::optional<std::uint32_t> due_column;
    std::int64_t bound = 0;
    std::int64_t fixed = std::numeric_limits<std::int64_t>::max();
  };
  struct Kept {
    Row row;
    bool matched = false;
  };

  JoinType type = JoinType::inner;
  Side sides[2];
  std::vector<bool> null_safe;
  std::function<bool(const Row& left, const Row& right)> condition;
  std::vector<std::uint32_t> output;
  std::size_t columns = 0;  ///< of a side

  std::vector<Kept> kept[2];
  std::vector<Row> rows;  ///< emitted
  std::vector<Row> late;
  std::uint64_t updated = 0;
  std::uint64_t removed = 0;
  std::int64_t late_ms[2] = {0, 0};

  void epoch(const std::vector<Row>& left, const std::vector<Row>& right, std::int64_t watermark) {
    epoch(left, right, {watermark, watermark}, {watermark, watermark});
  }
  /// With a watermark a side: its own, by which the next epoch's rows are late, and the one that
  /// bounds how long it keeps them.
  void epoch(const std::vector<Row>& left, const std::vector<Row>& right,
             std::array<std::int64_t, 2> own, std::array<std::int64_t, 2> bounding) {
    rows.clear();
    late.clear();
    updated = removed = 0;
    for (const Row& row : left) take(row, 0, bounding);
    for (const Row& row : right) take(row, 1, bounding);
    for (const int side : {0, 1}) evict(side, bounding[static_cast<std::size_t>(side)]);
    std::copy(own.begin(), own.end(), late_ms);
  }
  std::size_t total() const { return kept[0].size() + kept[1].size(); }

 private:
  bool pads(int side) const {
    return type == JoinType::full_outer ||
           type == (side == 0 ? JoinType::left_outer : JoinType::right_outer);
  }
  bool equal_keys(const Row& left, const Row& right) const {
    for (std::size_t k = 0; k < null_safe.size(); ++k) {
      const Value& a = left[sides[0].keys[k]];
      const Value& b = right[sides[1].keys[k]];
      if ((a.is_null() || b.is_null()) && !null_safe[k]) return false;
      if (!(a == b)) return false;
    }
    return true;
  }
  bool due(int side, const Row& row, std::int64_t watermark) const {
    if (!sides[side].due_column) return false;
    const Value& time = row[*sides[side].due_column];
    return !time.is_null() &&
           time.integer() <= std::min(watermark * 1000 + sides[side].bound, sides[side].fixed);
  }
  void emit(const Row* left, const Row* right) {
    Row row;
    for (const std::uint32_t column : output) {
      const Row* side = column < columns ? left : right;
      row.push_back(side == nullptr ? Value() : (*side)[column % columns]);
    }
    rows.push_back(std::move(row));
  }

  void take(const Row& row, int side, const std::array<std::int64_t, 2>& bounding) {
    bool null_key = false;
    for (std::size_t k = 0; k < null_safe.size(); ++k) {
      null_key = null_key || (!null_safe[k] && row[sides[side].keys[k]].is_null());
    }
    if (null_key && !pads(side)) return;
    if (sides[side].event_column) {
      const Value& time = row[*sides[side].event_column];
      if (!time.is_null() && time.integer() <= late_ms[side] * 1000) {
        Row pair(columns * 2);
        for (std::size_t c = 0; c < columns; ++c) {
          pair[c + columns * static_cast<std::size_t>(side)] = row[c];
        }
        late.push_back(std::move(pair));
        return;
      }
    }
    if (sides[side].filter && !sides[side].filter(row)) {
      if (pads(side)) side == 0 ? emit(&row, nullptr) : emit(nullptr, &row);
      return;
    }
    bool matched = false;
    for (Kept& other : kept[1 - side]) {
      if (type == JoinType::left_semi && side == 1 && other.matched) continue;
      const Row& left = side == 0 ? row : other.row;
      const Row& right = side == 0 ? other.row : row;
      if (!equal_keys(left, right) || (condition && !condition(left, right))) continue;
      if (type != JoinType::left_semi) emit(&left, &right);
      if (type == JoinType::left_semi && (side == 1 || !matched)) emit(&left, nullptr);
      matched = other.matched = true;
    }
    if (side == 0 && type == JoinType::left_semi && matched) return;
    if (side == 1 && due(1, row, bounding[1]) && (matched || !pads(1))) return;
    kept[side].push_back({row, matched});
    ++updated;
  }

  void evict(int side, std::int64_t watermark) {
    std::vector<Kept> rest;
    for (Kept& one : kept[side]) {
      if (!due(side, one.row, watermark)) {
        rest.push_back(std::move(one));
        continue;
      }
      if (!pads(side)) {
        ++removed;
      } else if (!one.matched) {
        side == 0 ? emit(&one.row, nullptr) : emit(nullptr, &one.row);
      }
    }
    kept[side] = std::move(rest);
  }
};

}  // namespace libstream::test
