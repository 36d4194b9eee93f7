#pragma once

#include <libstream/batch.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Rows as bytes for the state store, column by column: the number of rows, then per column a byte
/// (1: a bitmap of valid rows follows) and the values. Little-endian. Fixed widths of 2, 4 and 8
/// bytes are the least value (as a signed number), a byte that says how wide the differences to it
/// are (0: none), and those; others are as they are. Strings are their lengths and then their
/// bytes, structures their fields as columns, arrays as encode_value writes them.
class RowBlockEncoder {
 public:
  /// Entry i is row `rows[i]` of `batches[from[i]]`; all of them outlive the encoder.
  RowBlockEncoder(const Schema& schema, std::span<const Batch* const> batches,
                  std::span<const std::uint32_t> from, std::span<const std::uint32_t> rows);

  /// Appends entries [begin, end).
  void encode(std::size_t begin, std::size_t end, std::string& bytes);

 private:
  struct Source {
    const DataType* type;
    bool has_nulls;
    std::vector<const Column*> columns;  ///< by batch
    std::vector<const std::byte*> values;
    std::vector<Source> fields;  ///< of a structure
  };
  static Source source_of(const DataType& type, std::vector<const Column*> columns);

  void encode_column(const Source& source, std::size_t begin, std::size_t end, std::string& bytes);
  template <class T>
  const T* gather(const Source& source, std::size_t begin, std::size_t end);
  template <class T>
  void encode_values(const Source& source, std::size_t begin, std::size_t end, std::string& bytes);
  void encode_strings(const Source& source, std::size_t begin, std::size_t end,
                      std::string& bytes) const;
  bool is_null(const Source& source, std::size_t i) const {
    return source.columns[from_[i]]->is_null(rows_[i]);
  }

  std::vector<Source> sources_;
  const std::span<const std::uint32_t> from_;
  const std::span<const std::uint32_t> rows_;
  std::vector<std::byte> values_;
  std::vector<std::byte> narrow_;
};
/// Throws Error(corrupt).
BatchPtr decode_row_block(const Schema& schema, std::string_view bytes);

}  // namespace libstream
