#include "cast_text.hpp"

#include "../number_text.hpp"
#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"
#include "text_rows.hpp"

#include <charconv>
#include <cmath>

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;

void append_whole(std::int64_t value, std::string& out) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_padded(std::int64_t value, std::size_t width, std::string& out) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  const auto size = static_cast<std::size_t>(end - buffer);
  if (size < width) out.append(width - size, '0');
  out.append(buffer, size);
}

void append_date(std::int64_t days, std::string& out) {
  const Day day = day_of(days);
  if (day.year > 9999) out += '+';
  if (day.year < 0) out += '-';
  append_padded(std::abs(day.year), 4, out);
  out += '-';
  append_padded(day.month, 2, out);
  out += '-';
  append_padded(day.day, 2, out);
}

/// "10:20:30.5": of the fraction as many digits as it needs.
void append_clock(std::int64_t microseconds, std::string& out) {
  append_padded(microseconds / (3600 * second), 2, out);
  out += ':';
  append_padded(microseconds / (60 * second) % 60, 2, out);
  out += ':';
  append_padded(microseconds / second % 60, 2, out);
  if (microseconds % second == 0) return;
  out += '.';
  append_padded(microseconds % second, 6, out);
  while (out.back() == '0') out.pop_back();
}

void append_timestamp(std::int64_t time, std::string& out) {
  const std::int64_t days = floor_divide(time, microseconds_per_day);
  append_date(days, out);
  out += ' ';
  append_clock(time - days * microseconds_per_day, out);
}

void append_day_interval(std::int64_t length, std::string& out) {
  out += length < 0 ? "INTERVAL '-" : "INTERVAL '";
  // The least number has no positive counterpart: parts are taken before the sign goes.
  append_whole(std::abs(length / microseconds_per_day), out);
  out += ' ';
  append_clock(std::abs(length % microseconds_per_day), out);
  out += "' DAY TO SECOND";
}

void append_month_interval(std::int64_t months, std::string& out) {
  out += months < 0 ? "INTERVAL '-" : "INTERVAL '";
  append_whole(std::abs(months) / 12, out);
  out += '-';
  append_whole(std::abs(months) % 12, out);
  out += "' YEAR TO MONTH";
}

void append_real(const Column& column, std::size_t row, std::string& out) {
  char buffer[real_text_limit];
  out += column.type().id() == TypeId::float32 ? write_real(column.values<float>()[row], buffer)
                                               : write_real(column.values<double>()[row], buffer);
}

void append_nested(const Column& column, std::size_t row, std::string& out) {
  const bool array = column.type().id() == TypeId::array;
  const auto begin = array ? static_cast<std::size_t>(column.offsets()[row]) : 0;
  const auto end = array ? static_cast<std::size_t>(column.offsets()[row + 1]) : column.children();
  out += array ? '[' : '{';
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) out += ", ";
    const Column& part = *column.child(array ? 0 : i);
    const std::size_t at = array ? i : row;
    if (part.type().id() == TypeId::null || part.is_null(at)) {
      out += "null";
    } else {
      append_cast_text(part, at, out);
    }
  }
  out += array ? ']' : '}';
}

}  // namespace

void append_cast_text(const Column& column, std::size_t row, std::string& out) {
  const DataType& type = column.type();
  switch (type.id()) {
    case TypeId::boolean:
      out += column.values<std::uint8_t>()[row] != 0 ? "true" : "false";
      return;
    case TypeId::smallint:
      return append_whole(column.values<std::int16_t>()[row], out);
    case TypeId::integer:
      return append_whole(column.values<std::int32_t>()[row], out);
    case TypeId::bigint:
      return append_whole(column.values<std::int64_t>()[row], out);
    case TypeId::float32:
    case TypeId::float64:
      return append_real(column, row, out);
    case TypeId::decimal:
      out += decimal_to_text(type.is_wide_decimal() ? column.values<int128>()[row]
                                                    : int128{column.values<std::int64_t>()[row]},
                             type.scale());
      return;
    case TypeId::date:
      return append_date(column.values<std::int32_t>()[row], out);
    case TypeId::timestamp:
      return append_timestamp(column.values<std::int64_t>()[row], out);
    case TypeId::day_interval:
      return append_day_interval(column.values<std::int64_t>()[row], out);
    case TypeId::month_interval:
      return append_month_interval(column.values<std::int32_t>()[row], out);
    case TypeId::string:
    case TypeId::binary:
      out += column.string(row);
      return;
    default:
      return append_nested(column, row, out);
  }
}

ColumnPtr cast_to_text(const KernelCall& call) {
  const Vector& value = call.arguments[0];
  return make_texts(call, [&](std::size_t i, std::string& out) {
    append_cast_text(*value.column, value.constant ? 0 : i, out);
    return true;
  });
}

}  // namespace libstream
