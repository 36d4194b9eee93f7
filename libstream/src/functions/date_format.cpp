#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"
#include "date_pattern.hpp"
#include "text_rows.hpp"

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr auto time_type = TypeId::timestamp;
constexpr auto text_type = TypeId::string;

/// The last pattern seen, read: once for a literal, once a change for a column.
class PatternState final : public FunctionState {
 public:
  /// A pattern to print with, or to read with.
  const DatePattern& get(const KernelCall& call, std::size_t row, std::string_view text,
                         bool reads) {
    if (!known_ || text != text_) {
      known_ = false;
      text_ = text;
      const std::string wrong = pattern_.read(text);
      if (!wrong.empty()) fail_row(call, row, wrong);
      if (reads && pattern_.print_only() != 0) {
        fail_row(call, row,
                 std::string("'") + pattern_.print_only() + "' of a pattern cannot be read back");
      }
      known_ = true;
    }
    return pattern_;
  }

 private:
  bool known_ = false;
  std::string text_;
  DatePattern pattern_;
};
std::unique_ptr<FunctionState> prepare_pattern(std::span<const BoundPtr>) {
  return std::make_unique<PatternState>();
}
std::string_view pattern_at(const KernelCall& call, std::size_t row) {
  return call.arguments.size() == 2 ? text_at(call.arguments[1], row)
                                    : std::string_view("yyyy-MM-dd HH:mm:ss");
}

template <std::int64_t unit>
ColumnPtr print_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  return make_texts(call, [&](std::size_t i, std::string& out) {
    std::int64_t time = 0;
    if (__builtin_mul_overflow(value_at<std::int64_t>(call.arguments[0], i), unit, &time)) {
      fail_row(call, i, "overflow of timestamp: " + shown(call.arguments[0], i));
    }
    state.get(call, i, pattern_at(call, i), false).print(time, out);
    return true;
  });
}

/// A text read by a pattern: a date (days), a time (µs) or whole seconds.
template <class T, std::int64_t unit, bool attempt>
ColumnPtr parse_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  return make_values<T>(call, [&](std::size_t i, T& out) {
    const DatePattern& pattern = state.get(call, i, pattern_at(call, i), true);
    std::int64_t time = 0;
    if (!pattern.parse(text_at(call.arguments[0], i), time)) {
      if (attempt) return false;
      fail_row(call, i,
               shown(call.arguments[0], i) + " does not have the form '" +
                   std::string(pattern_at(call, i)) + "'",
               "use try_to_timestamp to get null instead");
    }
    // Seconds are cut as unix_timestamp cuts them.
    out = static_cast<T>(unit == second ? time / unit : floor_divide(time, unit));
    return true;
  });
}

/// The argument as the binder cast it.
ColumnPtr argument_kernel(const KernelCall& call) {
  return with_storage(call.type, [&](auto zero) -> ColumnPtr {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>) {
      return map_values<T, T>(call, [](T a) { return a; });
    } else {
      return call.arguments[0].column;
    }
  });
}
ColumnPtr unix_timestamp_kernel(const KernelCall& call) {
  return map_values<std::int64_t, std::int64_t>(call,
                                                [](std::int64_t time) { return time / second; });
}

bool is_time(const BoundPtr& a) { return is_id(a, TypeId::date) || is_id(a, time_type); }

/// A text with a pattern, or a time, which needs none.
template <TypeId to, TypeId read_as, bool attempt>
std::optional<Signature> resolve_read(std::span<const BoundPtr> a) {
  if (a.size() == 2 && !is_scalar(a[1])) return std::nullopt;
  const bool number = read_as == time_type && to == time_type && a[0]->type.is_numeric();
  const bool text = is_id(a[0], text_type) || is_id(a[0], TypeId::null);
  if (!is_time(a[0]) && !text && !number) return std::nullopt;
  // Without a pattern a text is cast; only unix_timestamp has a pattern of its own.
  const bool parsed = text && (a.size() == 2 || to == TypeId::bigint || attempt);
  std::vector<DataType> types(a.size(), text_type);
  types[0] = parsed ? text_type : read_as;
  return signature(std::move(types), to, attempt);
}
template <class T, std::int64_t unit, bool attempt>
Kernel read_for(std::span<const BoundPtr> a, const DataType& type) {
  if (!is_id(a[0], text_type)) {
    return type.id() == TypeId::bigint ? unix_timestamp_kernel : argument_kernel;
  }
  if (a.size() == 1 && type.id() != TypeId::bigint) return cast_kernel(text_type, type, attempt);
  return parse_kernel<T, unit, attempt>;
}

ColumnPtr day_name_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    out = day_name(weekday(value_at<std::int32_t>(call.arguments[0], i)), false);
    return true;
  });
}
ColumnPtr month_name_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    out = month_name(day_of(value_at<std::int32_t>(call.arguments[0], i)).month - 1, false);
    return true;
  });
}

}  // namespace

std::span<const Function> date_format_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    const auto add = [&](std::string_view name, std::string_view usage, std::size_t least,
                         auto resolve, auto kernel) {
      Function& row = t.add(name, usage, least, 2, resolve, kernel);
      row.fallible = true;
      row.prepare = prepare_pattern;
    };
    using Days = std::int32_t;
    using Time = std::int64_t;
    constexpr auto date = TypeId::date;
    constexpr auto count = TypeId::bigint;
    add("date_format", "date_format(time, pattern)", 2, takes<time_type, text_type, text_type>,
        always<print_kernel<1>>);
    add("from_unixtime", "from_unixtime(seconds[, pattern])", 1, takes<count, text_type, text_type>,
        always<print_kernel<second>>);
    add("to_date", "to_date(string[, pattern])", 1, resolve_read<date, date, false>,
        read_for<Days, microseconds_per_day, false>);
    add("try_to_date", "try_to_date(string[, pattern])", 1, resolve_read<date, date, true>,
        read_for<Days, microseconds_per_day, true>);
    add("to_timestamp", "to_timestamp(string[, pattern])", 1,
        resolve_read<time_type, time_type, false>, read_for<Time, 1, false>);
    add("try_to_timestamp", "try_to_timestamp(string[, pattern])", 1,
        resolve_read<time_type, time_type, true>, read_for<Time, 1, true>);
    for (const char* name : {"unix_timestamp", "to_unix_timestamp"}) {
      add(name, "unix_timestamp(time or string[, pattern])", 1,
          resolve_read<count, time_type, false>, read_for<Time, second, false>);
    }
    t.add("dayname", "dayname(date)", 1, 1, takes<date, text_type>, always<day_name_kernel>);
    t.add("monthname", "monthname(date)", 1, 1, takes<date, text_type>, always<month_name_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
