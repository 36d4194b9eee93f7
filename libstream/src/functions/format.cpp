#include "arithmetic_kernels.hpp"
#include "cast_text.hpp"
#include "code_points.hpp"
#include "number_digits.hpp"
#include "text_rows.hpp"
#include "utf8.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace libstream {
namespace {

constexpr std::string_view flag_letters = "-#+ 0,(";

/// One conversion of a format, as Java's: "%-10.2f", "%2$s".
struct Conversion {
  std::size_t argument = 0;  ///< from 1, 0 = the next one
  unsigned flags = 0;        ///< bit i: flag_letters[i]
  int width = 0;
  int precision = -1;
  char kind = 0;

  bool has(char flag) const { return (flags >> flag_letters.find(flag) & 1) != 0; }
};

/// At most four digits.
bool read_digits(std::string_view format, std::size_t& at, int& number) {
  const std::size_t begin = at;
  number = 0;
  while (at < format.size() && format[at] >= '0' && format[at] <= '9' && at - begin < 5) {
    number = number * 10 + (format[at++] - '0');
  }
  return at > begin && at - begin < 5;
}

/// Reads from behind the %; false where it is none.
bool parse_conversion(std::string_view format, std::size_t& at, Conversion& conversion) {
  conversion = {};
  std::size_t behind = at;
  int number = 0;
  if (read_digits(format, behind, number) && number > 0 && behind < format.size() &&
      format[behind] == '$') {
    conversion.argument = static_cast<std::size_t>(number);
    at = behind + 1;
  }
  for (; at < format.size(); ++at) {
    const std::size_t flag = flag_letters.find(format[at]);
    if (flag == std::string_view::npos) break;
    conversion.flags |= 1U << flag;
  }
  if (at < format.size() && format[at] >= '1' && format[at] <= '9') {
    if (!read_digits(format, at, conversion.width)) return false;
  }
  if (at < format.size() && format[at] == '.') {
    if (!read_digits(format, ++at, conversion.precision)) return false;
  }
  if (at >= format.size()) return false;
  conversion.kind = format[at++];
  return true;
}

/// Fills what stands from `begin` on up to the width.
void pad(const Conversion& conversion, std::size_t begin, std::string& out) {
  const auto width = static_cast<std::size_t>(conversion.width);
  const std::size_t size = characters(std::string_view(out).substr(begin));
  if (size >= width) return;
  if (conversion.has('-')) {
    out.append(width - size, ' ');
  } else {
    out.insert(begin, width - size, ' ');
  }
}

/// Sign, commas and zeros of the digits that stand from `begin` on.
void finish_number(const Conversion& conversion, bool negative, bool digits, std::size_t begin,
                   std::string& out) {
  if (digits && conversion.has(',')) group_digits(out, begin);
  const bool brackets = negative && conversion.has('(');
  const char sign = brackets              ? '('
                    : negative            ? '-'
                    : conversion.has('+') ? '+'
                    : conversion.has(' ') ? ' '
                                          : '\0';
  const std::size_t around = (sign != '\0' ? 1U : 0U) + (brackets ? 1U : 0U);
  const std::size_t size = out.size() - begin + around;
  const auto width = static_cast<std::size_t>(conversion.width);
  if (digits && conversion.has('0') && size < width) out.insert(begin, width - size, '0');
  if (sign != '\0') out.insert(begin, 1, sign);
  if (brackets) out += ')';
  pad(conversion, begin, out);
}

void append_real(const Conversion& conversion, double value, std::string& out) {
  const std::size_t begin = out.size();
  const bool negative = std::signbit(value) && !std::isnan(value);
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "NaN" : "Infinity";
    return finish_number(conversion, negative, false, begin, out);
  }
  RealDigits digits(value);
  const int precision = conversion.precision < 0 ? 6 : conversion.precision;
  const char kind = static_cast<char>(conversion.kind | 0x20);
  if (kind == 'f') {
    digits.round_to(digits.exponent() + 1 + precision);
    digits.append_plain(precision, out);
  } else if (kind == 'e') {
    digits.round_to(precision + 1);
    digits.append_scientific(precision, out);
  } else {
    const int wanted = std::max(precision, 1);
    digits.round_to(wanted);
    if (digits.zero() || (digits.exponent() >= -4 && digits.exponent() < wanted)) {
      digits.append_plain(wanted - 1 - digits.exponent(), out);
    } else {
      digits.append_scientific(wanted - 1, out);
    }
  }
  finish_number(conversion, negative, true, begin, out);
}

/// Whole numbers as they are stored: a date counts days, a timestamp µs.
bool whole_at(const Vector& vector, std::size_t row, std::int64_t& value, int& bits) {
  switch (vector.column->type().id()) {
    case TypeId::smallint:
      value = value_at<std::int16_t>(vector, row);
      bits = 16;
      return true;
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      value = value_at<std::int32_t>(vector, row);
      bits = 32;
      return true;
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      value = value_at<std::int64_t>(vector, row);
      bits = 64;
      return true;
    default:
      return false;
  }
}

bool append_whole(const Conversion& conversion, std::int64_t value, int bits, std::string& out) {
  const std::size_t begin = out.size();
  char text[72];
  const auto magnitude =
      value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  switch (conversion.kind) {
    case 'd':
      out.append(text, std::to_chars(text, text + sizeof text, magnitude).ptr);
      finish_number(conversion, value < 0, true, begin, out);
      return true;
    case 'x':
    case 'X':
    case 'o': {
      const auto pattern = static_cast<std::uint64_t>(value) & (~std::uint64_t{0} >> (64 - bits));
      if (conversion.has('#')) out += conversion.kind == 'o' ? "0" : "0x";
      const int base = conversion.kind == 'o' ? 8 : 16;
      out.append(text, std::to_chars(text, text + sizeof text, pattern, base).ptr);
      finish_number(conversion, false, true, begin, out);
      return true;
    }
    case 'c':
      if (bits == 64 || value < 0 || value > 0x10ffff) return false;
      append_code_point(static_cast<std::int32_t>(value), out);
      pad(conversion, begin, out);
      return true;
    default:
      return false;
  }
}

void append_text(const Conversion& conversion, std::string_view text, std::string& out) {
  const std::size_t begin = out.size();
  out += conversion.precision < 0
             ? text
             : character_range(text, 0, static_cast<std::size_t>(conversion.precision));
  pad(conversion, begin, out);
}

/// Appends one argument; false where the conversion does not print its type.
bool append_argument(const Conversion& conversion, const Vector& argument, std::size_t row,
                     std::string& scratch, std::string& out) {
  const char kind = conversion.kind;
  const TypeId type = argument.column->type().id();
  const bool null = argument.is_null(row);
  std::int64_t value = 0;
  int bits = 0;
  switch (kind) {
    case 's':
    case 'S':
      scratch.clear();
      if (null) {
        scratch = "null";
      } else if (type != TypeId::string && whole_at(argument, row, value, bits)) {
        scratch = std::to_string(value);
      } else {
        append_cast_text(*argument.column, argument.constant ? 0 : row, scratch);
      }
      append_text(conversion, scratch, out);
      return true;
    case 'b':
    case 'B': {
      const bool truth =
          !null && (type != TypeId::boolean || value_at<std::uint8_t>(argument, row) != 0);
      append_text(conversion, truth ? "true" : "false", out);
      return true;
    }
    case 'd':
    case 'x':
    case 'X':
    case 'o':
    case 'c':
      if (null) return append_text(conversion, "null", out), true;
      return whole_at(argument, row, value, bits) && append_whole(conversion, value, bits, out);
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      if (null) return append_text(conversion, "null", out), true;
      if (type == TypeId::float32) {
        return append_real(conversion, double{value_at<float>(argument, row)}, out), true;
      }
      if (type != TypeId::float64) return false;
      return append_real(conversion, value_at<double>(argument, row), out), true;
    default:
      return false;
  }
}

void append_formatted(const KernelCall& call, std::size_t row, std::string_view format,
                      std::string& scratch, std::string& out) {
  Conversion conversion;
  std::size_t next = 1;
  for (std::size_t at = 0; at < format.size();) {
    const char c = format[at++];
    if (c != '%') {
      out += c;
      continue;
    }
    if (!parse_conversion(format, at, conversion)) {
      fail_row(call, row, "bad format '" + std::string(format) + "'");
    }
    if (conversion.kind == '%' || conversion.kind == 'n') {
      out += conversion.kind == '%' ? '%' : '\n';
      continue;
    }
    const std::size_t index = conversion.argument > 0 ? conversion.argument : next++;
    if (index >= call.arguments.size()) {
      fail_row(call, row, "the format '" + std::string(format) + "' has too few arguments");
    }
    const Vector& argument = call.arguments[index];
    const std::size_t begin = out.size();
    if (!append_argument(conversion, argument, row, scratch, out)) {
      fail_row(call, row,
               std::string("%") + conversion.kind + " does not print " +
                   argument.column->type().to_string() + " " + shown(argument, row),
               "use %s, or cast the argument");
    }
    if (conversion.kind >= 'A' && conversion.kind <= 'Z') {
      for (std::size_t i = begin; i < out.size(); ++i) {
        if (out[i] >= 'a' && out[i] <= 'z') out[i] = static_cast<char>(out[i] - 0x20);
      }
    }
  }
}

ColumnPtr format_kernel(const KernelCall& call) {
  std::string scratch;
  return make_texts(call, [&](std::size_t i, std::string& out) {
    if (call.arguments[0].is_null(i)) return false;
    append_formatted(call, i, text_at(call.arguments[0], i), scratch, out);
    return true;
  });
}

std::optional<Signature> resolve_format(std::span<const BoundPtr> a) {
  std::vector<DataType> types{TypeId::string};
  for (std::size_t i = 1; i < a.size(); ++i) {
    if (!is_scalar(a[i])) return std::nullopt;
    types.push_back(is_id(a[i], TypeId::null) ? DataType(TypeId::string) : a[i]->type);
  }
  return signature(std::move(types), TypeId::string, a[0]->nullable);
}

// format_number: halves to even, judged by the exact value of a double.

void append_rounded(double value, int digits, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  if (std::isinf(value)) {
    out += "∞";
    return;
  }
  const std::size_t begin = out.size();
  const RealDigits shortest(value);
  if (shortest.fraction_digits() <= digits) {
    shortest.append_plain(digits, out);
  } else {
    char text[400];
    const int size = std::snprintf(text, sizeof text, "%.*f", digits, std::fabs(value));
    out.append(text, static_cast<std::size_t>(size));
  }
  group_digits(out, begin);
}

ColumnPtr format_number_kernel(const KernelCall& call) {
  const DataType& type = call.arguments[0].column->type();
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const int digits = value_at<std::int32_t>(call.arguments[1], i);
    if (digits < 0) return false;
    if (digits > 340) fail_row(call, i, "format_number prints at most 340 digits");
    if (type.id() == TypeId::float64) {
      append_rounded(value_at<double>(call.arguments[0], i), digits, out);
      return true;
    }
    const int128 value = decimal_at(call.arguments[0], i);
    int128 rounded = value;
    const int scale = std::min(digits, type.scale());
    rescale(value, type.scale(), scale, 38, rounded, Half::to_even);
    out += decimal_to_text(rounded, scale);
    const bool negative = out[0] == '-';
    if (value < 0 && !negative) out.insert(0, 1, '-');
    group_digits(out, value < 0 ? 1 : 0);
    if (digits > scale) {
      if (scale == 0) out += '.';
      out.append(static_cast<std::size_t>(digits - scale), '0');
    }
    return true;
  });
}

std::optional<Signature> resolve_format_number(std::span<const BoundPtr> a) {
  const DataType& type = a[0]->type;
  if (!type.is_numeric() && !is_id(a[0], TypeId::null)) return std::nullopt;
  if (!a[1]->type.is_integral() && !is_id(a[1], TypeId::null)) return std::nullopt;
  const bool exact = type.is_integral() || type.id() == TypeId::decimal;
  const DataType read = exact ? decimal_for(type) : DataType(TypeId::float64);
  return signature({read, TypeId::integer}, TypeId::string, true);
}

}  // namespace

std::span<const Function> format_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    for (const char* name : {"format_string", "printf"}) {
      Function& row = t.add(name, "format_string(format, value, …)", 1, any_number, resolve_format,
                            always<format_kernel>);
      row.nulls = NullRule::own;
      row.fallible = true;
    }
    t.add("format_number", "format_number(number, digits)", 2, 2, resolve_format_number,
          always<format_number_kernel>)
        .fallible = true;
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
