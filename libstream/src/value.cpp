#include "number_text.hpp"

#include <libstream/time.hpp>
#include <libstream/value.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace libstream {
namespace {

int compare_reals(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  return a < b ? -1 : (a > b ? 1 : 0);
}

template <class T>
std::string_view write_shortest(T value, char (&buffer)[real_text_limit]) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  const T size = std::fabs(value);
  char* end = buffer + real_text_limit;
  if (size == 0 || (size >= T(1e-3) && size < T(1e7))) {
    end = std::to_chars(buffer, end, value, std::chars_format::fixed).ptr;
    if (std::find(buffer, end, '.') == end) end = std::copy_n(".0", 2, end);
    return {buffer, end};
  }
  char digits[real_text_limit];
  char* const last =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  char* const exponent = std::find(digits, last, 'e');
  end = std::copy(digits, exponent, buffer);
  if (std::find(digits, exponent, '.') == exponent) end = std::copy_n(".0", 2, end);
  *end++ = 'E';
  char* at = exponent + 1;
  if (*at == '-') *end++ = '-';
  ++at;  // the sign always stands there
  while (at + 1 < last && *at == '0') ++at;
  end = std::copy(at, last, end);
  return {buffer, end};
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (const auto* real = std::get_if<double>(&a.data)) return compare_reals(*real, b.real()) == 0;
  if (const auto* list = std::get_if<ValueList>(&a.data)) return *list == b.list();
  return a.data == b.data;
}

bool operator<(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return a.data.index() < b.data.index();
  if (const auto* real = std::get_if<double>(&a.data)) return compare_reals(*real, b.real()) < 0;
  if (const auto* list = std::get_if<ValueList>(&a.data)) return *list < b.list();
  return a.data < b.data;
}

std::string decimal_text(int128 digits, int scale) {
  const bool negative = digits < 0;
  __extension__ using wide = unsigned __int128;
  wide rest = negative ? wide{0} - static_cast<wide>(digits) : static_cast<wide>(digits);
  std::string text;
  int position = 0;
  do {
    if (position == scale && scale > 0) text += '.';
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    ++position;
  } while (rest != 0 || position <= scale);
  if (negative) text += '-';
  return {text.rbegin(), text.rend()};
}

std::string_view write_real(double value, char (&buffer)[real_text_limit]) {
  return write_shortest(value, buffer);
}
std::string_view write_real(float value, char (&buffer)[real_text_limit]) {
  return write_shortest(value, buffer);
}
std::string real_text(double value) {
  char buffer[real_text_limit];
  return std::string(write_real(value, buffer));
}
std::string real_text(float value) {
  char buffer[real_text_limit];
  return std::string(write_real(value, buffer));
}

std::string to_text(const Value& value, const DataType& type) {
  if (value.is_null()) return "null";
  switch (type.id()) {
    case TypeId::boolean:
      return value.boolean() ? "true" : "false";
    case TypeId::float32:
      return real_text(static_cast<float>(value.real()));
    case TypeId::float64:
      return real_text(value.real());
    case TypeId::decimal:
      return decimal_text(std::get<int128>(value.data), type.scale());
    case TypeId::date:
      return format_date(static_cast<std::int32_t>(value.integer()));
    case TypeId::timestamp:
      return format_timestamp(value.integer());
    case TypeId::string:
    case TypeId::binary:
      return value.text();
    case TypeId::array:
    case TypeId::structure: {
      const bool array = type.id() == TypeId::array;
      std::string text = array ? "[" : "{";
      const auto& list = value.list();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (i > 0) text += ", ";
        text += to_text(list[i], array ? type.element() : type.fields()[i].type);
      }
      return text + (array ? "]" : "}");
    }
    default:
      return std::to_string(value.integer());
  }
}

}  // namespace libstream
