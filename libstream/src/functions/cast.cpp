#include "cast.hpp"

#include "../decimal.hpp"
#include "../number_text.hpp"
#include "arithmetic_kernels.hpp"
#include "cast_text.hpp"
#include "kernels.hpp"
#include "string_heap.hpp"
#include "time_text.hpp"

#include <libstream/time.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace libstream {
namespace {

[[noreturn]] void fail_cast(const KernelCall& call, std::size_t row) {
  fail_row(call, row,
           "bad cast: " + shown(call.arguments[0], row) + " (" +
               call.arguments[0].column->type().to_string() + ") is no " + call.type.to_string(),
           "use TRY_CAST to get null instead");
}

// Converters of one value: false = it has no counterpart.

struct Types {
  const DataType& from;
  const DataType& to;
};

template <class R>
bool whole_from_double(double value, R& result) {
  // The bounds are exact as doubles; R's maximum itself may not be.
  const double limit = std::ldexp(1.0, static_cast<int>(sizeof(R) * 8 - 1));
  if (!(value > -limit - 1 && value < limit)) return false;
  const double truncated = std::trunc(value);
  if (truncated < -limit) return false;
  result = static_cast<R>(truncated);
  return true;
}

template <class A, class R>
bool convert_number(const Types& types, A value, R& result) {
  const bool from_decimal = types.from.id() == TypeId::decimal;
  const bool to_decimal = types.to.id() == TypeId::decimal;
  if (to_decimal) {
    int128 digits = 0;
    const bool fits = rescale(static_cast<int128>(value), from_decimal ? types.from.scale() : 0,
                              types.to.scale(), types.to.precision(), digits);
    result = static_cast<R>(digits);
    return fits;
  }
  if constexpr (!std::is_floating_point_v<A>) {
    if (from_decimal) {
      if constexpr (std::is_floating_point_v<R>) {
        result = static_cast<R>(decimal_to_double(static_cast<int128>(value), types.from.scale()));
        return true;
      } else {
        const int128 whole = static_cast<int128>(value) / power_of_ten(types.from.scale());
        result = static_cast<R>(whole);
        return static_cast<int128>(result) == whole;
      }
    }
  }
  if constexpr (std::is_floating_point_v<R>) {
    result = static_cast<R>(value);
    return true;
  } else if constexpr (std::is_floating_point_v<A>) {
    return whole_from_double(static_cast<double>(value), result);
  } else {
    result = static_cast<R>(value);
    return static_cast<A>(result) == value;
  }
}

/// out[i] = convert(a[i]); where it fails the row is null or an error.
template <class A, class R, bool attempt, class Convert>
ColumnPtr convert_values(const KernelCall& call, Convert convert) {
  auto values = allocate_values<R>(call.rows);
  R* out = values->template as<R>();
  NullMarks marks(call);
  with_operand<A>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      R result{};
      if (!convert(a[i], result)) [[unlikely]] {
        result = R{};
        if (call.valid(i)) {
          if constexpr (!attempt) fail_cast(call, i);
          marks.mark(i);
        }
      }
      out[i] = result;
    }
  });
  return make_result(call, std::move(values), marks.finish());
}

template <class A, class R, bool attempt>
ColumnPtr number_to_number(const KernelCall& call) {
  const Types types{call.arguments[0].column->type(), call.type};
  const bool decimals = types.from.id() == TypeId::decimal || types.to.id() == TypeId::decimal;
  if constexpr (std::is_floating_point_v<R> ||
                (!std::is_floating_point_v<A> && sizeof(A) < sizeof(R))) {
    // Every value fits: a loop without checks.
    if (!decimals) return map_values<R, A>(call, [](A a) { return static_cast<R>(a); });
  }
  return convert_values<A, R, attempt>(
      call, [&](A a, R& result) { return convert_number<A, R>(types, a, result); });
}

/// Numbers that are none have no digits: null, also where a cast may fail.
template <class A, class R, bool attempt>
ColumnPtr real_to_decimal(const KernelCall& call) {
  auto values = allocate_values<R>(call.rows);
  R* out = values->template as<R>();
  NullMarks marks(call);
  with_operand<A>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      int128 digits = 0;
      const auto value = static_cast<double>(a[i]);
      if (!double_to_decimal(value, call.type.precision(), call.type.scale(), digits)) {
        digits = 0;
        if (call.valid(i)) {
          if (!attempt && std::isfinite(value)) fail_cast(call, i);
          marks.mark(i);
        }
      }
      out[i] = static_cast<R>(digits);
    }
  });
  return make_result(call, std::move(values), marks.finish());
}

template <bool attempt>
Kernel number_kernel(const DataType& from, const DataType& to) {
  return with_storage(from, [&](auto a) -> Kernel {
    return with_storage(to, [&](auto r) -> Kernel {
      using A = decltype(a);
      using R = decltype(r);
      if constexpr (std::is_same_v<A, StringView> || std::is_same_v<R, StringView> ||
                    std::is_same_v<A, std::uint8_t> || std::is_same_v<R, std::uint8_t>) {
        return nullptr;
      } else if constexpr (std::is_floating_point_v<A> && !std::is_floating_point_v<R> &&
                           sizeof(R) >= sizeof(std::int64_t)) {
        if (to.id() == TypeId::decimal) return real_to_decimal<A, R, attempt>;
        return number_to_number<A, R, attempt>;
      } else {
        return number_to_number<A, R, attempt>;
      }
    });
  });
}

template <class R, bool attempt>
ColumnPtr text_to_whole(const KernelCall& call) {
  return convert_values<StringView, R, attempt>(call, [](const StringView& a, R& result) {
    std::string_view text = trimmed(a.view());
    if (text.starts_with("+-")) return false;
    if (!text.empty() && text[0] == '+') text.remove_prefix(1);
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, result);
    return parsed.ec == std::errc() && parsed.ptr == end && !text.empty();
  });
}
/// "inf", "-Infinity", "NaN" in any case.
template <class R>
bool read_named_real(std::string_view text, R& result) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (same_name(text, "inf") || same_name(text, "infinity")) {
    result = negative ? -std::numeric_limits<R>::infinity() : std::numeric_limits<R>::infinity();
    return true;
  }
  result = std::numeric_limits<R>::quiet_NaN();
  return same_name(text, "nan");
}
/// As Java reads it: a suffix d or f changes nothing, what is too large is infinite.
template <class R>
bool read_real(std::string_view text, R& result) {
  if (text.starts_with("+-")) return false;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text[0] == '+') return false;
  const char first = text[text[0] == '-' && text.size() > 1 ? 1 : 0];
  if ((first < '0' || first > '9') && first != '.') return read_named_real(text, result);
  if (std::string_view("dDfF").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, result);
  if (parsed.ptr != end || text.empty()) return false;
  if (parsed.ec == std::errc::result_out_of_range) {
    const std::size_t exponent = text.find_first_of("eE");
    const bool small = exponent != std::string_view::npos && text.substr(exponent + 1, 1) == "-";
    const R size = small ? R{0} : std::numeric_limits<R>::infinity();
    result = text[0] == '-' ? -size : size;
  }
  return parsed.ec != std::errc::invalid_argument;
}
template <class R, bool attempt>
ColumnPtr text_to_real(const KernelCall& call) {
  return convert_values<StringView, R, attempt>(
      call, [](const StringView& a, R& result) { return read_real(trimmed(a.view()), result); });
}
template <class R, bool attempt>
ColumnPtr text_to_digits(const KernelCall& call) {
  return convert_values<StringView, R, attempt>(call, [&](const StringView& a, R& result) {
    int128 digits = 0;
    if (!text_to_decimal(trimmed(a.view()), call.type.precision(), call.type.scale(), digits)) {
      return false;
    }
    result = static_cast<R>(digits);
    return true;
  });
}
template <bool attempt>
ColumnPtr text_to_boolean(const KernelCall& call) {
  return convert_values<StringView, std::uint8_t, attempt>(
      call, [](const StringView& a, std::uint8_t& result) {
        const std::string_view text = trimmed(a.view());
        for (const char* word : {"t", "true", "y", "yes", "1"}) {
          if (same_name(text, word)) return result = 1, true;
        }
        for (const char* word : {"f", "false", "n", "no", "0"}) {
          if (same_name(text, word)) return result = 0, true;
        }
        return false;
      });
}
template <bool attempt>
ColumnPtr text_to_timestamp(const KernelCall& call) {
  return convert_values<StringView, std::int64_t, attempt>(
      call, [](const StringView& a, std::int64_t& result) {
        return read_timestamp_text(trimmed(a.view()), result);
      });
}
template <bool attempt>
ColumnPtr text_to_date(const KernelCall& call) {
  return convert_values<StringView, std::int32_t, attempt>(
      call, [](const StringView& a, std::int32_t& result) {
        return read_date_text(trimmed(a.view()), result);
      });
}
template <bool attempt>
ColumnPtr text_to_interval(const KernelCall& call) {
  return convert_values<StringView, std::int64_t, attempt>(
      call, [](const StringView& a, std::int64_t& result) {
        try {
          result = parse_duration(trimmed(a.view()));
          return true;
        } catch (const Error&) {
          return false;
        }
      });
}

template <bool attempt>
Kernel text_kernel(const DataType& to) {
  switch (to.id()) {
    case TypeId::boolean:
      return text_to_boolean<attempt>;
    case TypeId::smallint:
      return text_to_whole<std::int16_t, attempt>;
    case TypeId::integer:
      return text_to_whole<std::int32_t, attempt>;
    case TypeId::bigint:
      return text_to_whole<std::int64_t, attempt>;
    case TypeId::float32:
      return text_to_real<float, attempt>;
    case TypeId::float64:
      return text_to_real<double, attempt>;
    case TypeId::decimal:
      return to.is_wide_decimal() ? text_to_digits<int128, attempt>
                                  : text_to_digits<std::int64_t, attempt>;
    case TypeId::timestamp:
      return text_to_timestamp<attempt>;
    case TypeId::date:
      return text_to_date<attempt>;
    case TypeId::day_interval:
      return text_to_interval<attempt>;
    default:
      return nullptr;
  }
}

/// The same bytes under another type (string and binary).
ColumnPtr same_bytes(const KernelCall& call) {
  const Column& a = *call.arguments[0].column;
  return Column::fixed(call.type, call.rows, a.values_buffer(), call.validity, a.heaps());
}

template <class R>
ColumnPtr boolean_to_number(const KernelCall& call) {
  const R one = static_cast<R>(call.type.id() == TypeId::decimal ? power_of_ten(call.type.scale())
                                                                 : int128{1});
  return map_values<R, std::uint8_t>(call, [one](std::uint8_t a) { return a != 0 ? one : R{0}; });
}
template <class A>
ColumnPtr number_to_boolean(const KernelCall& call) {
  return map_values<std::uint8_t, A>(call, [](A a) { return a != A{0} ? 1 : 0; });
}

ColumnPtr date_to_timestamp(const KernelCall& call) {
  return map_values<std::int64_t, std::int32_t>(
      call, [](std::int32_t days) { return std::int64_t{days} * microseconds_per_day; });
}
ColumnPtr timestamp_to_date(const KernelCall& call) {
  return map_values<std::int32_t, std::int64_t>(
      call, [](std::int64_t time) { return floor_divide(time, microseconds_per_day); });
}
template <class R, bool attempt>
ColumnPtr timestamp_to_number(const KernelCall& call) {
  return convert_values<std::int64_t, R, attempt>(call, [&](std::int64_t time, R& result) {
    if constexpr (std::is_floating_point_v<R>) {
      result = static_cast<R>(static_cast<double>(time) / 1e6);
      return true;
    } else {
      if (call.type.id() == TypeId::decimal) {
        int128 digits = 0;
        const bool fits = rescale(time, 6, call.type.scale(), call.type.precision(), digits);
        result = static_cast<R>(digits);
        return fits;
      }
      const std::int64_t seconds = floor_divide(time, 1'000'000);
      result = static_cast<R>(seconds);
      return static_cast<int128>(result) == seconds;
    }
  });
}
template <class A, bool attempt>
ColumnPtr number_to_timestamp(const KernelCall& call) {
  const DataType& from = call.arguments[0].column->type();
  return convert_values<A, std::int64_t, attempt>(call, [&](A a, std::int64_t& result) {
    if constexpr (std::is_floating_point_v<A>) {
      return whole_from_double(static_cast<double>(a) * 1e6, result);
    } else {
      int128 digits = 0;
      if (!rescale(a, from.id() == TypeId::decimal ? from.scale() : 0, 6, 38, digits)) return false;
      result = static_cast<std::int64_t>(digits);
      return result == digits;
    }
  });
}

template <bool attempt>
ColumnPtr array_to_array(const KernelCall& call) {
  const Column& a = *call.arguments[0].column;
  const auto rows = static_cast<std::size_t>(a.offsets()[call.rows]);
  const Vector elements{a.child(0), false};
  const DataType& type = call.type.element();
  ColumnPtr converted = elements.column;
  if (!(converted->type() == type)) {
    const Kernel kernel = cast_kernel(converted->type(), type, attempt);
    const KernelCall inner{type,
                           {&elements, 1},
                           std::max(rows, converted->size()),
                           converted->validity_buffer(),
                           call.context,
                           {call.place.text, nullptr},
                           nullptr};
    converted = kernel(inner);
  }
  return Column::array(call.type, call.rows, a.values_buffer(), std::move(converted),
                       call.validity);
}
template <bool attempt>
ColumnPtr structure_to_structure(const KernelCall& call) {
  const Column& a = *call.arguments[0].column;
  std::vector<ColumnPtr> fields;
  for (std::size_t i = 0; i < a.children(); ++i) {
    const DataType& type = call.type.fields()[i].type;
    const Vector field{a.child(i), false};
    if (field.column->type() == type) {
      fields.push_back(field.column);
      continue;
    }
    const Kernel kernel = cast_kernel(field.column->type(), type, attempt);
    const KernelCall inner{
        type,         {&field, 1},
        call.rows,    combine_validity(field.column->validity_buffer(), call.validity, call.rows),
        call.context, call.place,
        nullptr};
    fields.push_back(kernel(inner));
  }
  return Column::structure(call.type, call.rows, std::move(fields), call.validity);
}

ColumnPtr nulls_kernel(const KernelCall& call) { return Column::nulls(call.type, call.rows); }

template <bool attempt>
Kernel nested_kernel(const DataType& from, const DataType& to) {
  if (from.id() != to.id()) return nullptr;
  if (from.id() == TypeId::array) {
    const bool fits = from.element() == to.element() ||
                      cast_kernel(from.element(), to.element(), attempt) != nullptr;
    return fits ? array_to_array<attempt> : nullptr;
  }
  if (from.fields().size() != to.fields().size()) return nullptr;
  for (std::size_t i = 0; i < from.fields().size(); ++i) {
    const DataType& a = from.fields()[i].type;
    const DataType& b = to.fields()[i].type;
    if (!(a == b) && cast_kernel(a, b, attempt) == nullptr) return nullptr;
  }
  return structure_to_structure<attempt>;
}

bool is_nested(const DataType& type) {
  return type.id() == TypeId::array || type.id() == TypeId::structure;
}

template <bool attempt>
Kernel number_or_time_kernel(const DataType& from, const DataType& to) {
  if (from.is_numeric() && to.is_numeric()) return number_kernel<attempt>(from, to);
  return with_storage(from.is_numeric() ? from : to, [&](auto zero) -> Kernel {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, StringView> || std::is_same_v<T, std::uint8_t>) {
      return nullptr;
    } else {
      if (from.id() == TypeId::boolean && to.is_numeric()) return boolean_to_number<T>;
      if (from.is_numeric() && to.id() == TypeId::boolean) return number_to_boolean<T>;
      if (from.id() == TypeId::timestamp && to.is_numeric()) {
        return timestamp_to_number<T, attempt>;
      }
      if (from.is_numeric() && to.id() == TypeId::timestamp) {
        return number_to_timestamp<T, attempt>;
      }
      return nullptr;
    }
  });
}

template <bool attempt>
Kernel find_cast(const DataType& from, const DataType& to) {
  if (from.id() == TypeId::null) return nulls_kernel;
  if (is_nested(from) || is_nested(to)) {
    if (to.id() == TypeId::string) return cast_to_text;
    return nested_kernel<attempt>(from, to);
  }
  if (from.is_string_like() && to.is_string_like()) return same_bytes;
  if (from.id() == TypeId::string) return text_kernel<attempt>(to);
  if (to.id() == TypeId::string) return cast_to_text;
  if (from.id() == TypeId::date && to.id() == TypeId::timestamp) return date_to_timestamp;
  if (from.id() == TypeId::timestamp && to.id() == TypeId::date) return timestamp_to_date;
  if (from.id() == TypeId::binary || to.id() == TypeId::binary) return nullptr;
  return number_or_time_kernel<attempt>(from, to);
}

}  // namespace

Kernel cast_kernel(const DataType& from, const DataType& to, bool attempt) {
  return attempt ? find_cast<true>(from, to) : find_cast<false>(from, to);
}

bool cast_is_safe(const DataType& from, const DataType& to) {
  if (from.id() == TypeId::null || to.id() == TypeId::string) return true;
  if (from.id() == TypeId::string) return to.id() == TypeId::binary;
  if (to.id() == TypeId::float32 || to.id() == TypeId::float64) return true;
  if (from.is_integral() && to.is_integral()) return from.width() <= to.width();
  if (to.id() == TypeId::decimal && (from.is_integral() || from.id() == TypeId::decimal)) {
    const DataType exact = decimal_for(from);
    return exact.scale() <= to.scale() &&
           exact.precision() - exact.scale() <= to.precision() - to.scale();
  }
  const bool times = (from.id() == TypeId::date && to.id() == TypeId::timestamp) ||
                     (from.id() == TypeId::timestamp && to.id() == TypeId::date);
  return times || to.id() == TypeId::boolean;
}

}  // namespace libstream
