#pragma once

#include <libstream/column.hpp>

#include <span>
#include <string>
#include <string_view>

namespace libstream {

/// Appends one value to `bytes`: a byte 1, or 0 for null, then the value. Equal values (-0.0 = 0.0,
/// NaN = NaN) have equal bytes, for every type. Form: fixed width little-endian, zeros where null;
/// strings and arrays with a 4-byte count; structures field by field.
void encode_value(const Column& column, std::size_t row, std::string& bytes);

/// Reads what encode_value wrote, from the front of `bytes`, and cuts it off. Throws
/// Error(corrupt).
void decode_value(std::string_view& bytes, ColumnBuilder& builder);

/// The rows of several columns at once, column by column, as encode_value writes them: sets
/// `keys[i]` to row i's bytes, which live in `storage`.
void encode_rows(std::span<const Column* const> columns, std::size_t rows, std::string& storage,
                 std::vector<StringView>& keys);
/// The next value of every key as a column; cuts it off the keys.
ColumnPtr decode_rows(const DataType& type, std::span<std::string_view> keys);

/// The bits of a double by which equal keys are equal.
std::uint64_t canonical_bits(double value);
std::uint32_t canonical_bits(float value);

}  // namespace libstream
