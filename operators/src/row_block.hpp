#pragma once

#include "gather_rows.hpp"

#include <libstream/schema.hpp>

#include <string>
#include <string_view>

namespace libstream {

/// Rows as bytes for the state store, column by column: the number of rows, then per column a byte
/// (1: a bitmap of valid rows follows) and the values. Little-endian; fixed widths as they are,
/// strings as their lengths and then their bytes, arrays and structures as encode_value writes
/// them.
/// Appends rows [begin, end) of the list.
void encode_row_block(const Schema& schema, const RowList& list, std::size_t begin, std::size_t end,
                      std::string& bytes);
/// Throws Error(corrupt).
BatchPtr decode_row_block(const Schema& schema, std::string_view bytes);

}  // namespace libstream
