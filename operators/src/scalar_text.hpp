#pragma once

#include <libstream/column.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace libstream {

// Scalars as the text of files: what the JSON and CSV readers and writers share. Parsers return
// false where the text is no value of the type; they never throw.

/// Optional minus, digits, nothing else; false on overflow.
bool parse_integer(std::string_view text, std::int64_t& value);
/// Decimal or scientific notation; with `special` also NaN, Infinity, Inf and their signs.
bool parse_real(std::string_view text, bool special, double& value);
/// Rounds half up to `scale`; false where more than `precision` digits are needed.
bool parse_decimal(std::string_view text, int precision, int scale, int128& value);
/// As parse_timestamp of time.hpp, faster for "2013-01-01T10:00:00Z".
bool parse_instant(std::string_view text, std::int64_t& microseconds);
/// RFC 4648 with padding; `out` is replaced.
bool decode_base64(std::string_view text, std::string& out);

/// Appends the value that `text` stands for, any scalar type; false leaves the builder unchanged.
/// `scratch` is reused memory.
bool append_text(ColumnBuilder& builder, std::string_view text, std::string& scratch);
/// Appends an integer that fits the builder's integral type; false where it does not.
bool append_integer(ColumnBuilder& builder, std::int64_t value);
/// Appends decimal digits at the type's scale in the type's storage.
void append_decimal(ColumnBuilder& builder, int128 digits);

void write_integer(std::int64_t value, std::string& out);
/// Shortest text that reads back the same, with ".0" for whole numbers.
void write_real(double value, std::string& out);
void write_real(float value, std::string& out);
void write_decimal(int128 digits, int scale, std::string& out);
/// As format_timestamp and format_date of time.hpp, without memory of their own.
void write_instant(std::int64_t microseconds, std::string& out);
void write_date(std::int32_t days, std::string& out);
void write_base64(std::string_view bytes, std::string& out);

/// Replaces what is not UTF-8 by U+FFFD, as decoders do (one for each maximal invalid part).
std::string replace_invalid_utf8(std::string_view text);

}  // namespace libstream
