#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"
#include "date_pattern.hpp"
#include "text_rows.hpp"

#include <libstream/schema.hpp>

#include <date/tz.h>

#include <cmath>

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;

/// The zone of the last row: names repeat.
class ZoneState final : public FunctionState {
 public:
  /// µs that the zone is ahead of UTC. `local`: `time` is the zone's own; of a time that comes
  /// twice the first one, of one that is left out what the clock showed before.
  std::int64_t offset(const KernelCall& call, std::size_t row, std::string_view name,
                      std::int64_t time, bool local) {
    if (name_ != name || !known_) look_up(call, row, name);
    if (zone_ == nullptr) return fixed_;
    const std::int64_t seconds = floor_divide(time, second);
    if (local) {
      const auto info = zone_->get_info(date::local_seconds(std::chrono::seconds(seconds)));
      return info.first.offset.count() * second;
    }
    if (seconds < begin_ || seconds >= end_) {
      const auto info = zone_->get_info(date::sys_seconds(std::chrono::seconds(seconds)));
      begin_ = info.begin.time_since_epoch().count();
      end_ = info.end.time_since_epoch().count();
      offset_ = info.offset.count() * second;
    }
    return offset_;
  }

 private:
  void look_up(const KernelCall& call, std::size_t row, std::string_view name) {
    known_ = false;
    zone_ = nullptr;
    begin_ = end_ = 0;
    name_ = name;
    if (!fixed_offset(name)) {
      try {
        zone_ = date::locate_zone(name_);
      } catch (const std::exception&) {
        fail_row(call, row, "there is no time zone '" + name_ + "'",
                 "names are as in Europe/Berlin, UTC or +02:00");
      }
    }
    known_ = true;
  }
  /// "+02:00", "-0530", "UTC", "Z", "GMT+1"
  bool fixed_offset(std::string_view text) {
    fixed_ = 0;
    if (text == "Z" || text == "UTC" || text == "GMT") return true;
    if (text.starts_with("UTC") || text.starts_with("GMT")) text.remove_prefix(3);
    if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return false;
    std::string digits;
    for (const char c : text.substr(1)) {
      if (c >= '0' && c <= '9') {
        digits += c;
      } else if (c != ':') {
        return false;
      }
    }
    if (digits.empty() || digits.size() > 4 || digits.size() == 3) return false;
    const int hours = std::stoi(digits.substr(0, 2));
    const int minutes = digits.size() == 4 ? std::stoi(digits.substr(2)) : 0;
    if (hours > 18 || minutes > 59) return false;
    fixed_ = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes) * 60 * second;
    return true;
  }

  bool known_ = false;
  std::string name_;
  const date::time_zone* zone_ = nullptr;
  std::int64_t fixed_ = 0;
  std::int64_t begin_ = 0;  // where offset_ holds
  std::int64_t end_ = 0;
  std::int64_t offset_ = 0;
};
std::unique_ptr<FunctionState> prepare_zone(std::span<const BoundPtr>) {
  return std::make_unique<ZoneState>();
}

template <bool from_utc>
ColumnPtr zone_kernel(const KernelCall& call) {
  auto& state = static_cast<ZoneState&>(*call.state);
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const std::int64_t time = value_at<std::int64_t>(call.arguments[0], i);
    const std::int64_t ahead =
        state.offset(call, i, text_at(call.arguments[1], i), time, !from_utc);
    out = from_utc ? time + ahead : time - ahead;
    return true;
  });
}

std::int64_t days_at(const KernelCall& call, std::size_t row) {
  const std::int64_t year = value_at<std::int32_t>(call.arguments[0], row);
  const int month = value_at<std::int32_t>(call.arguments[1], row);
  const int day = value_at<std::int32_t>(call.arguments[2], row);
  if (month < 1 || month > 12 || day < 1 || year < -290'000 || year > 290'000 ||
      day > month_length(year, month)) {
    fail_row(call, row,
             "there is no date " + std::to_string(year) + "-" + std::to_string(month) + "-" +
                 std::to_string(day));
  }
  return days_of(year, month, day);
}
ColumnPtr make_date_kernel(const KernelCall& call) {
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    out = static_cast<std::int32_t>(days_at(call, i));
    return true;
  });
}
ColumnPtr make_timestamp_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const std::int64_t hour = value_at<std::int32_t>(call.arguments[3], i);
    const std::int64_t minute = value_at<std::int32_t>(call.arguments[4], i);
    const std::int64_t seconds = value_at<std::int64_t>(call.arguments[5], i);  // µs
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || seconds < 0 ||
        seconds > 60 * second) {
      fail_row(call, i,
               "there is no time " + std::to_string(hour) + ":" + std::to_string(minute) + ":" +
                   shown(call.arguments[5], i));
    }
    out = days_at(call, i) * microseconds_per_day + (hour * 60 + minute) * 60 * second + seconds;
    return true;
  });
}

/// The first such weekday behind a date; null where it has no such name.
ColumnPtr next_day_kernel(const KernelCall& call) {
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    const std::int32_t days = value_at<std::int32_t>(call.arguments[0], i);
    const std::string_view name = text_at(call.arguments[1], i);
    for (int day = 0; day < 7; ++day) {
      const std::string_view full = day_name(day, true);
      if (same_name(name, full) || same_name(name, full.substr(0, 3)) ||
          same_name(name, full.substr(0, 2))) {
        const int ahead = (day - weekday(days) + 6) % 7 + 1;
        out = days + ahead;
        return true;
      }
    }
    fail_row(call, i, shown(call.arguments[1], i) + " is no day of the week");
  });
}

/// Whole months where the days are equal or both the last of their month, else 31 days a month.
ColumnPtr months_between_kernel(const KernelCall& call) {
  return make_values<double>(call, [&](std::size_t i, double& out) {
    const std::int64_t times[] = {value_at<std::int64_t>(call.arguments[0], i),
                                  value_at<std::int64_t>(call.arguments[1], i)};
    const bool rounds =
        call.arguments.size() < 3 || value_at<std::uint8_t>(call.arguments[2], i) != 0;
    Day days[2];
    bool last[2];
    double seconds[2];
    for (int side = 0; side < 2; ++side) {
      const std::int64_t day = floor_divide(times[side], microseconds_per_day);
      days[side] = day_of(day);
      last[side] = days[side].day == month_length(days[side].year, days[side].month);
      seconds[side] = static_cast<double>((times[side] - day * microseconds_per_day) / second) +
                      days[side].day * 86'400.0;
    }
    out = static_cast<double>((days[0].year - days[1].year) * 12 + days[0].month - days[1].month);
    if (days[0].day == days[1].day || (last[0] && last[1])) return true;
    out += (seconds[0] - seconds[1]) / (31 * 86'400.0);
    if (rounds) out = std::round(out * 1e8) / 1e8;
    return true;
  });
}

/// A unit of timestampadd: µs, or months.
struct Unit {
  std::string_view name;
  std::int64_t microseconds;
  std::int64_t months;
};
constexpr Unit units[] = {{"microsecond", 1, 0},
                          {"millisecond", 1'000, 0},
                          {"second", second, 0},
                          {"minute", 60 * second, 0},
                          {"hour", 3'600 * second, 0},
                          {"day", microseconds_per_day, 0},
                          {"dayofyear", microseconds_per_day, 0},
                          {"week", 7 * microseconds_per_day, 0},
                          {"month", 0, 1},
                          {"quarter", 0, 3},
                          {"year", 0, 12}};
const Unit& unit_at(const KernelCall& call, std::size_t row) {
  const std::string_view name = text_at(call.arguments[0], row);
  for (const Unit& unit : units) {
    if (same_name(unit.name, name)) return unit;
  }
  fail_row(call, row, "'" + std::string(name) + "' is no unit of time");
}

ColumnPtr timestampadd_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const Unit& unit = unit_at(call, i);
    const std::int64_t count = value_at<std::int64_t>(call.arguments[1], i);
    const std::int64_t time = value_at<std::int64_t>(call.arguments[2], i);
    std::int64_t distance = 0;
    bool lost = __builtin_mul_overflow(count, unit.microseconds + unit.months, &distance);
    if (unit.months > 0) {
      lost = lost || std::abs(distance) > 12 * 290'000;
      if (!lost) out = add_months_to_timestamp(time, static_cast<std::int32_t>(distance));
    } else {
      lost = lost || __builtin_add_overflow(time, distance, &out);
    }
    if (lost) fail_row(call, i, "overflow of timestamp: " + shown(call.arguments[2], i));
    return true;
  });
}
/// Whole units from the first time to the second.
ColumnPtr timestampdiff_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const Unit& unit = unit_at(call, i);
    const std::int64_t from = value_at<std::int64_t>(call.arguments[1], i);
    const std::int64_t to = value_at<std::int64_t>(call.arguments[2], i);
    if (unit.months == 0) {
      out = static_cast<std::int64_t>((int128{to} - from) / unit.microseconds);
      return true;
    }
    const Day a = day_of(floor_divide(from, microseconds_per_day));
    const Day b = day_of(floor_divide(to, microseconds_per_day));
    std::int64_t months = (b.year - a.year) * 12 + b.month - a.month;
    // The last month counts only where its day and time are reached.
    const std::int64_t in_a = from - days_of(a.year, a.month, 1) * microseconds_per_day;
    const std::int64_t in_b = to - days_of(b.year, b.month, 1) * microseconds_per_day;
    if (months > 0 && in_b < in_a) --months;
    if (months < 0 && in_b > in_a) ++months;
    out = months / unit.months;
    return true;
  });
}

constexpr auto time_type = TypeId::timestamp;
constexpr auto text_type = TypeId::string;
constexpr auto number_type = TypeId::integer;

std::optional<Signature> resolve_make_timestamp(std::span<const BoundPtr> a) {
  std::vector<DataType> types(6, number_type);
  types[5] = DataType::decimal(16, 6);
  for (const BoundPtr& argument : a) {
    if (!is_number_like(argument)) return std::nullopt;
  }
  return signature(std::move(types), time_type);
}
std::optional<Signature> resolve_months_between(std::span<const BoundPtr> a) {
  std::vector<DataType> types{time_type, time_type, TypeId::boolean};
  types.resize(a.size());
  return signature(std::move(types), TypeId::float64);
}

}  // namespace

std::span<const Function> zone_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    const auto fails = [&](std::string_view name, std::string_view usage, std::size_t least,
                           std::size_t most, auto resolve, auto kernel) -> Function& {
      Function& row = t.add(name, usage, least, most, resolve, kernel);
      row.fallible = true;
      return row;
    };
    constexpr auto zoned = takes<time_type, text_type, time_type>;
    fails("from_utc_timestamp", "from_utc_timestamp(time, zone)", 2, 2, zoned,
          always<zone_kernel<true>>)
        .prepare = prepare_zone;
    fails("to_utc_timestamp", "to_utc_timestamp(time, zone)", 2, 2, zoned,
          always<zone_kernel<false>>)
        .prepare = prepare_zone;
    fails("make_date", "make_date(year, month, day)", 3, 3, takes<number_type, TypeId::date>,
          always<make_date_kernel>);
    fails("make_timestamp", "make_timestamp(year, month, day, hour, minute, seconds)", 6, 6,
          resolve_make_timestamp, always<make_timestamp_kernel>);
    fails("next_day", "next_day(date, 'Monday')", 2, 2,
          takes<TypeId::date, text_type, TypeId::date>, always<next_day_kernel>);
    t.add("months_between", "months_between(time, time[, round])", 2, 3, resolve_months_between,
          always<months_between_kernel>);
    fails("timestampadd", "timestampadd(MONTH, count, time)", 3, 3,
          takes<text_type, TypeId::bigint, time_type, time_type>, always<timestampadd_kernel>);
    fails("timestampdiff", "timestampdiff(MONTH, time, time)", 3, 3,
          takes<text_type, time_type, time_type, TypeId::bigint>, always<timestampdiff_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
