#pragma once

#include "function.hpp"

#include <vector>

namespace libstream {

/// Values for some rows of a result: row rows[i] gets value from[i] (value i where `from` is
/// empty, the one value where `values` is constant).
struct Piece {
  Vector values;
  Selection rows;
  Selection from;
};

/// A column of `rows` values from pieces that do not overlap; rows in none are null.
ColumnPtr assemble(const DataType& type, std::size_t rows, const std::vector<Piece>& pieces);

/// A constant as a column of `rows` values.
ColumnPtr spread(const Vector& constant, std::size_t rows);

/// The rows that CASE or COALESCE still has to find a value for.
class Remainder {
 public:
  explicit Remainder(std::size_t count);

  bool empty() const { return rows_.empty(); }
  bool whole() const { return rows_.size() == count_; }
  const Selection& rows() const { return rows_; }
  /// Removes and returns the rows where `condition` (a value for each of rows()) is true.
  Selection take_true(const Vector& condition);
  /// The same for values that are not null; `positions` says where they are in `values`.
  Selection take_valid(const Vector& values, Selection& positions);

 private:
  std::size_t count_;
  Selection rows_;
};

}  // namespace libstream
