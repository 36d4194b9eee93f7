#pragma once

#include <libstream/buffer.hpp>
#include <libstream/type.hpp>
#include <libstream/value.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace libstream {

class Column;
using ColumnPtr = std::shared_ptr<const Column>;

/// Values of one type, one a row, immutable and shared. Arrow's layout, but for booleans (a byte a
/// row) and strings (16-byte views). Values at null rows are unspecified but readable (strings
/// there are valid views).
class Column {
 public:
  /// `values`: size × type.width() bytes. `validity`: bit i set = row i is not null; nullptr = no
  /// nulls. For string and binary `values` holds StringViews and `heaps` what they point into.
  static ColumnPtr fixed(DataType type, std::size_t size, BufferPtr values,
                         BufferPtr validity = nullptr, std::vector<BufferPtr> heaps = {});
  /// `offsets`: size + 1 std::int32_t, row i holds elements [offsets[i], offsets[i + 1]).
  static ColumnPtr array(DataType type, std::size_t size, BufferPtr offsets, ColumnPtr elements,
                         BufferPtr validity = nullptr);
  static ColumnPtr structure(DataType type, std::size_t size, std::vector<ColumnPtr> fields,
                             BufferPtr validity = nullptr);
  static ColumnPtr nulls(DataType type, std::size_t size);
  static ColumnPtr constant(DataType type, const Value& value, std::size_t size);

  const DataType& type() const { return type_; }
  std::size_t size() const { return size_; }

  bool has_validity() const { return validity_ != nullptr; }
  /// Bitmap of 64-bit words, nullptr = no nulls.
  const std::uint64_t* validity() const {
    return validity_ ? validity_->as<std::uint64_t>() : nullptr;
  }
  const BufferPtr& validity_buffer() const { return validity_; }
  bool is_null(std::size_t row) const {
    return validity_ && !((validity()[row >> 6] >> (row & 63)) & 1);
  }

  /// Values of a fixed-width type; T must have type().width() bytes.
  template <class T>
  const T* values() const {
    return static_cast<const T*>(values_);
  }
  std::string_view string(std::size_t row) const { return values<StringView>()[row].view(); }
  /// Array: its offsets.
  const std::int32_t* offsets() const { return static_cast<const std::int32_t*>(values_); }
  /// Array: the elements (child 0). Structure: the fields.
  const ColumnPtr& child(std::size_t index) const { return children_[index]; }
  std::size_t children() const { return children_.size(); }
  const std::vector<BufferPtr>& heaps() const { return heaps_; }
  const BufferPtr& values_buffer() const { return values_buffer_; }

  /// One row as a scalar; for tests, literals and messages, not for the data path.
  Value value(std::size_t row) const;
  /// Bytes of memory that this column keeps alive, shared buffers counted in full.
  std::size_t bytes() const { return bytes_; }

  /// Rows [begin, begin + count); shares the values.
  ColumnPtr slice(std::size_t begin, std::size_t count) const;
  /// The given rows in the given order; shares string bytes.
  ColumnPtr gather(std::span<const std::uint32_t> rows) const;
  /// The same values under a type of the same layout (renamed struct fields, nullability).
  ColumnPtr with_type(DataType type) const;

  Column() = default;  // for the factories; an empty null column otherwise

 private:
  DataType type_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  const void* values_ = nullptr;
  BufferPtr values_buffer_;
  BufferPtr validity_;
  std::vector<BufferPtr> heaps_;
  std::vector<ColumnPtr> children_;
};

/// Joins columns of one type; copies, string bytes stay shared.
ColumnPtr concatenate(const DataType& type, std::span<const ColumnPtr> columns);

/// Appends values of one type and makes a column of them. For parsers and outputs that are built
/// row by row: fixed-width appends are inlined and grow geometrically, strings go to an arena.
class ColumnBuilder {
 public:
  explicit ColumnBuilder(DataType type, std::size_t capacity = 0);
  ColumnBuilder(ColumnBuilder&&) noexcept;
  ColumnBuilder& operator=(ColumnBuilder&&) noexcept;
  ~ColumnBuilder();

  const DataType& type() const { return type_; }
  std::size_t size() const { return size_; }

  void append_null();
  /// T: the storage type of `type()` (std::uint8_t for boolean).
  template <class T>
  void append(T value) {
    if (size_ == capacity_) grow();
    reinterpret_cast<T*>(values_)[size_] = value;
    if (has_nulls_) mark_valid();
    ++size_;
  }
  /// Copies the bytes.
  void append_string(std::string_view text);
  /// Keeps a view; `keep` (see keep_alive) must own the bytes.
  void append_view(StringView view) { append(view); }
  void keep_alive(BufferPtr heap);
  /// Array: call after appending `n` elements to child(0). Structure: after appending to each
  /// child.
  void append_array(std::size_t n);
  void append_structure();
  ColumnBuilder& child(std::size_t index);
  /// Any type; casts nothing: asserts that the value fits the type.
  void append_value(const Value& value);
  /// One row of a column of the same type.
  void append_from(const Column& column, std::size_t row);

  /// The column so far; the builder starts again empty.
  ColumnPtr finish();
  /// Drops rows behind `size` (a record that turned out malformed).
  void truncate(std::size_t size);

 private:
  struct Nested;
  void grow();
  void mark_valid();
  DataType type_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t width_ = 0;
  std::byte* values_ = nullptr;
  bool has_nulls_ = false;
  std::shared_ptr<Buffer> values_buffer_;
  std::shared_ptr<Buffer> validity_;
  std::unique_ptr<Nested> nested_;  // string arena, children
};

}  // namespace libstream
