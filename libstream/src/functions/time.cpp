#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"
#include "text_rows.hpp"

#include <libstream/schema.hpp>
#include <libstream/time.hpp>

#include <array>
#include <cmath>

namespace libstream {
namespace {

// date_trunc: units of fixed length first, then those of the calendar.
struct FixedUnit {
  std::string_view name;
  std::int64_t size;
};
constexpr std::array<FixedUnit, 7> fixed_units{{{"microsecond", 1},
                                                {"millisecond", 1'000},
                                                {"second", 1'000'000},
                                                {"minute", 60'000'000},
                                                {"hour", 3'600'000'000},
                                                {"day", microseconds_per_day},
                                                {"dd", microseconds_per_day}}};

std::int64_t fixed_size(std::string_view unit) {
  for (const FixedUnit& fixed : fixed_units) {
    if (same_name(fixed.name, unit)) return fixed.size;
  }
  return 0;
}

/// The first day of the unit that `days` lies in; false where there is no such unit.
bool truncate_days(std::string_view unit, std::int64_t days, std::int64_t& first) {
  const auto is = [unit](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (same_name(unit, name)) return true;
    }
    return false;
  };
  const Day day = day_of(days);
  if (is({"week"})) {
    first = days - weekday(days);
  } else if (is({"month", "mon", "mm"})) {
    first = days_of(day.year, day.month, 1);
  } else if (is({"quarter"})) {
    first = days_of(day.year, (day.month - 1) / 3 * 3 + 1, 1);
  } else if (is({"year", "yyyy", "yy"})) {
    first = days_of(day.year, 1, 1);
  } else {
    return false;
  }
  return true;
}

std::int64_t truncate_to(std::int64_t time, std::int64_t size) {
  return floor_divide(time, size) * size;
}

/// Truncates by the unit of each row; an unknown unit gives null.
ColumnPtr date_trunc_kernel(const KernelCall& call) {
  const Vector& units = call.arguments[0];
  auto values = allocate_values<std::int64_t>(call.rows);
  auto* out = values->as<std::int64_t>();
  NullMarks marks(call);
  with_operand<std::int64_t>(call.arguments[1], [&](auto time) {
    if (const std::int64_t size = units.constant ? fixed_size(text_at(units, 0)) : 0) {
      for (std::size_t i = 0; i < call.rows; ++i) out[i] = truncate_to(time[i], size);
      return;
    }
    for (std::size_t i = 0; i < call.rows; ++i) {
      const std::string_view unit = text_at(units, i);
      const std::int64_t size = fixed_size(unit);
      std::int64_t first = 0;
      if (size != 0) {
        out[i] = truncate_to(time[i], size);
      } else if (truncate_days(unit, floor_divide(time[i], microseconds_per_day), first)) {
        out[i] = first * microseconds_per_day;
      } else {
        out[i] = 0;
        if (call.valid(i)) marks.mark(i);
      }
    }
  });
  return make_result(call, std::move(values), marks.finish());
}
/// trunc(date, unit)
ColumnPtr trunc_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int32_t>(call.rows);
  NullMarks marks(call);
  with_operand<std::int32_t>(call.arguments[0], [&](auto days) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      std::int64_t first = 0;
      const bool known = truncate_days(text_at(call.arguments[1], i), days[i], first);
      if (!known && call.valid(i)) marks.mark(i);
      values->as<std::int32_t>()[i] = static_cast<std::int32_t>(first);
    }
  });
  return make_result(call, std::move(values), marks.finish());
}

template <std::int64_t unit>
ColumnPtr unix_kernel(const KernelCall& call) {
  return map_values<std::int64_t, std::int64_t>(
      call, [](std::int64_t time) { return unit == 1 ? time : floor_divide(time, unit); });
}
ColumnPtr unix_date_kernel(const KernelCall& call) {
  return map_values<std::int32_t, std::int32_t>(call, [](std::int32_t days) { return days; });
}
/// Whole units since 1970 to a timestamp.
template <std::int64_t unit>
ColumnPtr from_unix_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int64_t>(call.rows);
  auto* out = values->as<std::int64_t>();
  with_operand<std::int64_t>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      if (__builtin_mul_overflow(a[i], unit, &out[i]) && call.valid(i)) {
        fail_row(call, i, "overflow of timestamp: " + shown(call.arguments[0], i));
      }
    }
  });
  return make_result(call, std::move(values));
}

template <bool minus>
ColumnPtr date_add_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int32_t>(call.rows);
  auto* out = values->as<std::int32_t>();
  with_operands<std::int32_t, std::int32_t>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      const bool lost = minus ? __builtin_sub_overflow(a[i], b[i], &out[i])
                              : __builtin_add_overflow(a[i], b[i], &out[i]);
      if (lost && call.valid(i)) {
        fail_row(call, i,
                 "overflow of date: " + shown(call.arguments[0], i) + " moved by " +
                     shown(call.arguments[1], i) + " days");
      }
    }
  });
  return make_result(call, std::move(values));
}
ColumnPtr add_months_kernel(const KernelCall& call) {
  return map_pairs<std::int32_t, std::int32_t, std::int32_t>(call, add_months_to_date);
}
ColumnPtr datediff_kernel(const KernelCall& call) {
  return map_pairs<std::int32_t, std::int32_t, std::int32_t>(
      call, [](std::int32_t a, std::int32_t b) {
        return static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b);
      });
}

ColumnPtr now_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int64_t>(1);
  values->as<std::int64_t>()[0] = call.context.timestamp_milliseconds * 1000;
  return make_result(call, std::move(values));
}
ColumnPtr today_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int32_t>(1);
  values->as<std::int32_t>()[0] =
      static_cast<std::int32_t>(floor_divide(call.context.timestamp_milliseconds, 86'400'000));
  return make_result(call, std::move(values));
}

bool is_time_like(const BoundPtr& a) {
  return is_id(a, TypeId::date) || is_id(a, TypeId::timestamp) || is_id(a, TypeId::string) ||
         is_id(a, TypeId::null);
}
bool is_whole(const BoundPtr& a) {
  return a->type.is_integral() || is_id(a, TypeId::null) || is_id(a, TypeId::string);
}
std::optional<Signature> resolve_date_trunc(std::span<const BoundPtr> a) {
  if (!is_time_like(a[1]) || !is_scalar(a[0])) return std::nullopt;
  return signature({TypeId::string, TypeId::timestamp}, TypeId::timestamp, true);
}
std::optional<Signature> resolve_trunc(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0]) || !is_scalar(a[1])) return std::nullopt;
  return signature({TypeId::date, TypeId::string}, TypeId::date, true);
}
/// These read no other type as a time.
template <TypeId from, TypeId to>
std::optional<Signature> resolve_time(std::span<const BoundPtr> a) {
  if (!is_id(a[0], from) && !is_id(a[0], TypeId::null)) return std::nullopt;
  return signature({from}, to);
}
std::optional<Signature> resolve_from_unix(std::span<const BoundPtr> a) {
  if (!is_whole(a[0])) return std::nullopt;
  return signature({TypeId::bigint}, TypeId::timestamp);
}
std::optional<Signature> resolve_from_days(std::span<const BoundPtr> a) {
  if (!is_whole(a[0])) return std::nullopt;
  return signature({TypeId::integer}, TypeId::date);
}
std::optional<Signature> resolve_seconds(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  if (is_whole(a[0])) return signature({TypeId::bigint}, TypeId::timestamp);
  if (is_id(a[0], TypeId::decimal)) return signature({TypeId::timestamp}, TypeId::timestamp);
  return signature({TypeId::float64}, TypeId::timestamp, true);
}
std::optional<Signature> resolve_date_days(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0]) || !is_whole(a[1])) return std::nullopt;
  return signature({TypeId::date, TypeId::integer}, TypeId::date);
}
std::optional<Signature> resolve_datediff(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0]) || !is_time_like(a[1])) return std::nullopt;
  return signature({TypeId::date, TypeId::date}, TypeId::integer);
}
template <TypeId type>
std::optional<Signature> resolve_now(std::span<const BoundPtr>) {
  return signature({}, type);
}

template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}
/// Seconds with a fraction; null where they are no number.
ColumnPtr real_seconds_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const double time = value_at<double>(call.arguments[0], i) * 1e6;
    if (!std::isfinite(time)) return false;
    if (!(time >= -0x1p63 && time < 0x1p63)) {
      fail_row(call, i, "overflow of timestamp: " + shown(call.arguments[0], i));
    }
    out = static_cast<std::int64_t>(time);
    return true;
  });
}
/// The argument as the binder cast it.
ColumnPtr argument_kernel(const KernelCall& call) { return call.arguments[0].column; }
Kernel seconds_for(std::span<const BoundPtr> a, const DataType&) {
  if (is_id(a[0], TypeId::float64)) return real_seconds_kernel;
  return is_id(a[0], TypeId::bigint) ? from_unix_kernel<1'000'000> : argument_kernel;
}

}  // namespace

std::span<const Function> time_functions() {
  static const std::vector<Function> rows = [] {
    std::vector<Function> table;
    const auto add = [&](std::string_view name, std::string_view usage, std::size_t arguments,
                         auto resolve, auto kernel, bool fallible = false) {
      Function row;
      row.name = name;
      row.usage = usage;
      row.min_arguments = row.max_arguments = arguments;
      row.resolve = resolve;
      row.kernel = kernel;
      row.fallible = fallible;
      table.push_back(row);
    };
    constexpr auto to_count = resolve_time<TypeId::timestamp, TypeId::bigint>;
    add("date_trunc", "date_trunc('hour', time)", 2, resolve_date_trunc, only<date_trunc_kernel>);
    add("trunc", "trunc(date, 'month')", 2, resolve_trunc, only<trunc_kernel>);
    add("unix_seconds", "unix_seconds(time)", 1, to_count, only<unix_kernel<1'000'000>>);
    add("unix_millis", "unix_millis(time)", 1, to_count, only<unix_kernel<1'000>>);
    add("unix_micros", "unix_micros(time)", 1, to_count, only<unix_kernel<1>>);
    add("unix_date", "unix_date(date)", 1, resolve_time<TypeId::date, TypeId::integer>,
        only<unix_date_kernel>);
    add("timestamp_seconds", "timestamp_seconds(number)", 1, resolve_seconds, seconds_for, true);
    add("timestamp_millis", "timestamp_millis(bigint)", 1, resolve_from_unix,
        only<from_unix_kernel<1'000>>, true);
    add("timestamp_micros", "timestamp_micros(bigint)", 1, resolve_from_unix,
        only<from_unix_kernel<1>>);
    add("date_from_unix_date", "date_from_unix_date(days since 1970)", 1, resolve_from_days,
        only<unix_date_kernel>);
    add("date_add", "date_add(date, days)", 2, resolve_date_days, only<date_add_kernel<false>>,
        true);
    add("dateadd", "dateadd(date, days)", 2, resolve_date_days, only<date_add_kernel<false>>, true);
    add("date_sub", "date_sub(date, days)", 2, resolve_date_days, only<date_add_kernel<true>>,
        true);
    add("add_months", "add_months(date, months)", 2, resolve_date_days, only<add_months_kernel>);
    add("datediff", "datediff(end, start)", 2, resolve_datediff, only<datediff_kernel>);
    add("date_diff", "date_diff(end, start)", 2, resolve_datediff, only<datediff_kernel>);
    for (const char* name : {"current_timestamp", "now"}) {
      add(name, "current_timestamp()", 0, resolve_now<TypeId::timestamp>, only<now_kernel>);
      table.back().deterministic = false;
    }
    add("current_date", "current_date()", 0, resolve_now<TypeId::date>, only<today_kernel>);
    table.back().deterministic = false;
    return table;
  }();
  return rows;
}

}  // namespace libstream
