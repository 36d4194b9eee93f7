#pragma once

#include <libstream/column.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Sort keys of rows in forms that compare without their types: smaller is better.
///
/// The word of a row is a first approximation of its key, one a row and computed a column at a
/// time: where two words differ the keys differ in the same way. The bytes are the whole key:
/// memcmp puts them in order. Nulls are the smallest values, NaN is the largest and equal to
/// itself, -0.0 equals 0.0.
class RankKeys {
 public:
  explicit RankKeys(std::vector<bool> descending) : descending_(std::move(descending)) {}

  /// Takes the key columns of a batch.
  void set(std::vector<ColumnPtr> columns, std::size_t rows);
  std::span<const std::uint64_t> words() const { return words_; }
  void append_bytes(std::size_t row, std::string& bytes) const;

 private:
  std::vector<bool> descending_;
  std::vector<ColumnPtr> columns_;
  std::vector<std::uint64_t> words_;
};

}  // namespace libstream
