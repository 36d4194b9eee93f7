#pragma once

#include <libstream/column.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::aggregates {

/// Values of one type as bytes, for sets and lists inside a state: fixed-width values and strings
/// as they are, nested ones encoded. Equal values (-0.0 = 0.0, NaN = NaN) have equal bytes.
class ValueBytes {
 public:
  explicit ValueBytes(DataType type);

  /// Of a row that is not null. Valid until `scratch` or the column goes.
  std::string_view read(const Column& column, std::size_t row, std::string& scratch) const;
  void append(std::string_view bytes, ColumnBuilder& builder) const;

  const DataType& type() const { return type_; }
  std::size_t width() const { return width_; }  ///< 0: not of fixed width

 private:
  DataType type_;
  std::size_t width_ = 0;
};

/// Distinct byte strings, numbered in the order of their first occurrence.
class ByteSet {
 public:
  /// The number of `bytes`, which is size() - 1 where they are new.
  std::uint32_t add(std::string_view bytes);
  std::string_view at(std::size_t index) const {
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  std::size_t size() const { return ends_.size(); }
  void clear();

 private:
  void grow();
  std::string bytes_;
  std::vector<std::uint64_t> ends_;
  std::vector<std::uint32_t> slots_;  // number + 1, 0 = free; a power of two
};

}  // namespace libstream::aggregates
