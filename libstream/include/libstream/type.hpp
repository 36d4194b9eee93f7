#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

__extension__ typedef __int128 int128;

enum class TypeId : std::uint8_t {
  null,            ///< only nulls (an untyped NULL literal)
  boolean,         ///< std::uint8_t, 0 or 1, one byte a row
  smallint,        ///< std::int16_t
  integer,         ///< std::int32_t, spelled "int"
  bigint,          ///< std::int64_t
  float32,         ///< float, spelled "float"
  float64,         ///< double, spelled "double"
  decimal,         ///< std::int64_t up to precision 18, int128 above; value = digits / 10^scale
  string,          ///< StringView, UTF-8
  binary,          ///< StringView, any bytes
  date,            ///< std::int32_t days since 1970-01-01
  timestamp,       ///< std::int64_t µs since 1970-01-01T00:00Z
  day_interval,    ///< std::int64_t µs; spelled "interval day to second"; expressions only
  month_interval,  ///< std::int32_t months; spelled "interval year to month"; expressions only
  array,           ///< std::int32_t offsets into one child column
  structure,       ///< one child column a field, spelled "struct<a: bigint, b: string>"
};

struct Field;

/// Type of a column. A value: copies share the nested fields.
class DataType {
 public:
  DataType() = default;  ///< null
  DataType(TypeId id);   // NOLINT: implicit on purpose; asserts that `id` needs no parameters
  static DataType decimal(int precision, int scale);  ///< 1 ≤ precision ≤ 38, 0 ≤ scale ≤ precision
  static DataType array(DataType element, bool element_nullable = true);
  static DataType structure(std::vector<Field> fields);

  TypeId id() const { return id_; }
  int precision() const { return precision_; }
  int scale() const { return scale_; }
  /// Fields of a structure; of an array one field named "element".
  const std::vector<Field>& fields() const;
  const DataType& element() const;

  /// Bytes of one value in the values buffer; 0 for null and structure, 4 (an offset) for array.
  std::size_t width() const;
  bool is_integral() const;
  bool is_numeric() const;  ///< integral, float32, float64, decimal
  bool is_string_like() const { return id_ == TypeId::string || id_ == TypeId::binary; }
  bool is_wide_decimal() const { return id_ == TypeId::decimal && precision_ > 18; }

  /// SQL spelling, as `parse` reads it: "bigint", "decimal(10,2)", "array<string>".
  std::string to_string() const;
  /// Throws Error(invalid_argument) with the text, the place and the known names.
  static DataType parse(std::string_view text);

  friend bool operator==(const DataType& a, const DataType& b);

 private:
  TypeId id_ = TypeId::null;
  std::uint8_t precision_ = 0;
  std::uint8_t scale_ = 0;
  std::shared_ptr<const std::vector<Field>> fields_;
};

struct Field {
  std::string name;
  DataType type;
  bool nullable = true;

  friend bool operator==(const Field&, const Field&) = default;
};

}  // namespace libstream
