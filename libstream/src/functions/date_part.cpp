#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"
#include "kernels.hpp"

namespace libstream {
namespace {

std::int32_t year_of(std::int64_t days) { return static_cast<std::int32_t>(day_of(days).year); }
std::int32_t quarter_of(std::int64_t days) { return (day_of(days).month + 2) / 3; }
std::int32_t month_of(std::int64_t days) { return day_of(days).month; }
std::int32_t day_of_month(std::int64_t days) { return day_of(days).day; }
std::int32_t day_of_year(std::int64_t days) {
  return static_cast<std::int32_t>(days - days_of(day_of(days).year, 1, 1) + 1);
}
std::int32_t week_of_year(std::int64_t days) { return iso_week(days); }
std::int32_t day_of_week(std::int64_t days) { return (weekday(days) + 1) % 7 + 1; }  // 1 = Sunday
std::int32_t weekday_of(std::int64_t days) { return weekday(days); }                 // 0 = Monday

std::int32_t iso_weekday_of(std::int64_t days) { return weekday(days) + 1; }  // 1 = Monday
/// The year that the week belongs to.
std::int32_t iso_year_of(std::int64_t days) { return year_of(days - weekday(days) + 3); }

/// A part of the date; rows near each other often share the day, so the last one is kept.
template <std::int32_t (*part)(std::int64_t)>
ColumnPtr date_part_kernel(const KernelCall& call) {
  std::int64_t last = 0;
  std::int32_t last_part = part(0);
  const auto of_day = [&](std::int64_t days) {
    if (days != last) {
      last = days;
      last_part = part(days);
    }
    return last_part;
  };
  if (call.arguments[0].column->type().id() == TypeId::date) {
    return map_values<std::int32_t, std::int32_t>(call, of_day);
  }
  return map_values<std::int32_t, std::int64_t>(
      call, [&](std::int64_t time) { return of_day(floor_divide(time, microseconds_per_day)); });
}

/// (time / unit) modulo `modulus`, never negative.
template <std::int64_t unit, std::int64_t modulus>
ColumnPtr time_part_kernel(const KernelCall& call) {
  return map_values<std::int32_t, std::int64_t>(call, [](std::int64_t time) {
    const std::int64_t rest = time % (unit * modulus);
    return (rest < 0 ? rest + unit * modulus : rest) / unit;
  });
}
/// Seconds with their fraction, decimal(8,6).
ColumnPtr second_fraction_kernel(const KernelCall& call) {
  return map_values<std::int64_t, std::int64_t>(call, [](std::int64_t time) {
    const std::int64_t rest = time % 60'000'000;
    return rest < 0 ? rest + 60'000'000 : rest;
  });
}

ColumnPtr last_day_kernel(const KernelCall& call) {
  return map_values<std::int32_t, std::int32_t>(call, [](std::int32_t days) {
    const Day day = day_of(days);
    return days - day.day + month_length(day.year, day.month);
  });
}

bool is_time_like(const BoundPtr& a) {
  return is_id(a, TypeId::date) || is_id(a, TypeId::timestamp) || is_id(a, TypeId::string) ||
         is_id(a, TypeId::null);
}
std::optional<Signature> resolve_date_part(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0])) return std::nullopt;
  const TypeId type = is_id(a[0], TypeId::timestamp) ? TypeId::timestamp : TypeId::date;
  return signature({type}, TypeId::integer);
}
std::optional<Signature> resolve_time_part(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0])) return std::nullopt;
  return signature({TypeId::timestamp}, TypeId::integer);
}
std::optional<Signature> resolve_second_fraction(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0])) return std::nullopt;
  return signature({TypeId::timestamp}, DataType::decimal(8, 6));
}
std::optional<Signature> resolve_last_day(std::span<const BoundPtr> a) {
  if (!is_time_like(a[0])) return std::nullopt;
  return signature({TypeId::date}, TypeId::date);
}

template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

}  // namespace

std::int32_t add_months_to_date(std::int32_t days, std::int32_t months) {
  const Day day = day_of(days);
  const std::int64_t count = day.year * 12 + (day.month - 1) + months;
  const std::int64_t year = floor_divide(count, 12);
  const int month = static_cast<int>(count - year * 12) + 1;
  return static_cast<std::int32_t>(
      days_of(year, month, std::min(day.day, month_length(year, month))));
}

std::int64_t add_months_to_timestamp(std::int64_t time, std::int32_t months) {
  const std::int64_t days = floor_divide(time, microseconds_per_day);
  const std::int64_t moved = add_months_to_date(static_cast<std::int32_t>(days), months);
  return time + (moved - days) * microseconds_per_day;
}

std::span<const Function> date_part_functions() {
  static const std::vector<Function> rows = [] {
    std::vector<Function> table;
    const auto add = [&](std::string_view name, std::string_view usage, auto resolve, auto kernel) {
      Function row;
      row.name = name;
      row.usage = usage;
      row.min_arguments = row.max_arguments = 1;
      row.resolve = resolve;
      row.kernel = kernel;
      table.push_back(row);
    };
    constexpr auto date = resolve_date_part;
    constexpr auto time = resolve_time_part;
    add("year", "year(time)", date, only<date_part_kernel<year_of>>);
    add("quarter", "quarter(time)", date, only<date_part_kernel<quarter_of>>);
    add("month", "month(time)", date, only<date_part_kernel<month_of>>);
    add("weekofyear", "weekofyear(time)", date, only<date_part_kernel<week_of_year>>);
    add("day", "day(time)", date, only<date_part_kernel<day_of_month>>);
    add("dayofmonth", "dayofmonth(time)", date, only<date_part_kernel<day_of_month>>);
    add("dayofyear", "dayofyear(time)", date, only<date_part_kernel<day_of_year>>);
    add("dayofweek", "dayofweek(time), 1 = Sunday", date, only<date_part_kernel<day_of_week>>);
    add("weekday", "weekday(time), 0 = Monday", date, only<date_part_kernel<weekday_of>>);
    add("iso_weekday", "EXTRACT(DOW_ISO FROM time)", date, only<date_part_kernel<iso_weekday_of>>);
    add("iso_year", "EXTRACT(YEAROFWEEK FROM time)", date, only<date_part_kernel<iso_year_of>>);
    add("hour", "hour(time)", time, only<time_part_kernel<3'600'000'000, 24>>);
    add("minute", "minute(time)", time, only<time_part_kernel<60'000'000, 60>>);
    add("second", "second(time)", time, only<time_part_kernel<1'000'000, 60>>);
    add("second_fraction", "second_fraction(time)", resolve_second_fraction,
        only<second_fraction_kernel>);
    add("last_day", "last_day(date)", resolve_last_day, only<last_day_kernel>);
    return table;
  }();
  return rows;
}

}  // namespace libstream
