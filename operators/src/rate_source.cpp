#include "rate_source.hpp"

#include "offset_json.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <charconv>

namespace libstream {
namespace {

constexpr std::string_view created_key = "created";

/// Rows [begin, end) of a source created at a time; the text of a unit.
struct RateRange {
  std::int64_t created_milliseconds = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::string text() const {
    return "{\"created\":" + std::to_string(created_milliseconds) +
           ",\"begin\":" + std::to_string(begin) + ",\"end\":" + std::to_string(end) + "}";
  }
  static RateRange parse(const std::string& text) {
    const auto number = [&](std::string_view name) {
      return static_cast<std::int64_t>(read_offset(text, name));
    };
    return {number("created"), number("begin"), number("end")};
  }
};

class RateReader final : public SourceReader {
 public:
  explicit RateReader(const RateSchedule& schedule) : schedule_(schedule) {}

  bool blocking() const override { return false; }

  void open(std::vector<ReadUnit> units) override {
    ranges_.clear();
    for (const ReadUnit& unit : units) ranges_.push_back(RateRange::parse(unit.bytes));
    next_ = 0;
    metrics_ = {};
  }

  BatchPtr next() override {
    while (next_ < ranges_.size() && ranges_[next_].begin == ranges_[next_].end) ++next_;
    if (next_ == ranges_.size()) return nullptr;
    RateRange& range = ranges_[next_];
    const auto rows = static_cast<std::size_t>(
        std::min<std::int64_t>(range.end - range.begin, std::int64_t{batch_rows}));
    const auto times = Buffer::allocate(rows * 8);
    const auto values = Buffer::allocate(rows * 8);
    fill(range, rows, times->as<std::int64_t>(), values->as<std::int64_t>());
    range.begin += static_cast<std::int64_t>(rows);
    metrics_.rows += rows;
    return make_batch({Column::fixed(TypeId::timestamp, rows, times),
                       Column::fixed(TypeId::bigint, rows, values)});
  }

  SourceMetrics metrics() const override { return metrics_; }

 private:
  /// Rows of a second are spread evenly over it.
  void fill(const RateRange& range, std::size_t rows, std::int64_t* times,
            std::int64_t* values) const {
    std::int64_t second = 0;
    std::int64_t first = 0;
    std::int64_t behind = 0;  // rows [first, behind) belong to `second`
    for (std::size_t i = 0; i < rows; ++i) {
      const std::int64_t row = range.begin + static_cast<std::int64_t>(i);
      if (row >= behind) {
        second = schedule_.second_of(row);
        first = schedule_.rows_until(second - 1);
        behind = schedule_.rows_until(second);
      }
      __extension__ using wide = __int128;
      const auto fraction =
          static_cast<std::int64_t>(wide{row - first} * 1000000 / (behind - first));
      times[i] = range.created_milliseconds * 1000 + (second - 1) * 1000000 + fraction;
      values[i] = row;
    }
  }

  RateSchedule schedule_;
  std::vector<RateRange> ranges_;
  std::size_t next_ = 0;
  SourceMetrics metrics_;
};

struct RateOptions {
  RateSchedule schedule;
  std::uint32_t partitions = 0;
  std::int64_t rows_per_trigger = 0;
};

class RateSource final : public Source {
 public:
  RateSource(const RateOptions& options, std::shared_ptr<Clock> clock)
      : options_(options), clock_(std::move(clock)) {}

  const Schema& schema() const override { return schema_; }
  std::string describe() const override {
    return "RateSource[" + std::to_string(options_.schedule.rows_per_second) + " rows/s]";
  }

  void restore(const Offset& committed, const StateReader& state) override {
    bool known = false;
    state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
      const char* const end = value.data() + value.size();
      known = key == created_key && std::from_chars(value.data(), end, created_).ptr == end;
    });
    if (!known && !committed.empty()) {
      throw Error(ErrorCode::corrupt,
                  describe() + " stands at " + committed + " but its creation time is missing");
    }
    if (!known) created_ = clock_->now_milliseconds();
    rewind(committed);
  }

  std::optional<PlannedRange> plan(bool unlimited) override {
    const std::int64_t latest = frozen_ ? frozen_rows_ : rows_by_now();
    std::int64_t end = latest;
    if (options_.rows_per_trigger != 0 && !unlimited) {
      end = std::min(end, planned_ + options_.rows_per_trigger);
    }
    if (end <= planned_) return std::nullopt;
    PlannedRange range;
    if (planned_ > 0) range.start = offset(planned_);
    range.end = offset(end);
    range.latest = offset(latest);
    if (planned_ == 0) {
      ChangelogWriter changes;
      changes.put(0, created_key, std::to_string(created_));
      range.changelog = changes.take();
    }
    const std::int64_t rows = end - planned_;
    const std::int64_t parts =
        std::min(rows, options_.partitions != 0 ? std::int64_t{options_.partitions}
                                                : std::max<std::int64_t>(rows / 1000, 1));
    for (std::int64_t i = 0; i < std::min<std::int64_t>(parts, 64); ++i) {
      const std::int64_t count = std::min<std::int64_t>(parts, 64);
      const RateRange part{created_, planned_ + rows / count * i + std::min(i, rows % count),
                           planned_ + rows / count * (i + 1) + std::min(i + 1, rows % count)};
      range.units.push_back({part.text(), static_cast<std::uint64_t>(part.end - part.begin), -1});
    }
    planned_ = end;
    return range;
  }

  void rewind(const Offset& committed) override {
    planned_ = static_cast<std::int64_t>(read_offset(committed, "rows"));
  }

  void freeze() override {
    if (!frozen_) frozen_rows_ = rows_by_now();
    frozen_ = true;
  }

  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<RateReader>(options_.schedule);
  }
  std::uint32_t max_parallelism() const override { return options_.partitions; }

 private:
  std::int64_t rows_by_now() {
    // The wall clock may jump back.
    latest_second_ = std::max(latest_second_, (clock_->now_milliseconds() - created_) / 1000);
    return options_.schedule.rows_until(latest_second_);
  }
  /// Seconds since creation that the rows stand for, and the rows themselves: with rowsPerTrigger
  /// an epoch may end within a second.
  Offset offset(std::int64_t rows) const {
    return "{\"seconds\":" + std::to_string(options_.schedule.second_of(rows - 1)) +
           ",\"rows\":" + std::to_string(rows) + "}";
  }

  const Schema schema_ = rate_schema();
  const RateOptions options_;
  std::shared_ptr<Clock> clock_;
  std::int64_t created_ = 0;
  std::int64_t planned_ = 0;
  std::int64_t latest_second_ = 0;
  bool frozen_ = false;
  std::int64_t frozen_rows_ = 0;
};

std::int64_t positive(const Options& options, std::string_view name, std::int64_t fallback,
                      std::int64_t limit) {
  const std::int64_t value = options.integer(name).value_or(fallback);
  if (options.find(name) && (value <= 0 || value > limit)) {
    throw Error(ErrorCode::invalid_argument,
                "option " + std::string(name) + " takes a number from 1 to " +
                    std::to_string(limit) + ", not " + std::to_string(value));
  }
  return value;
}

std::int64_t ramp_option(const Options& options) {
  const std::string text = options.get("rampUpTime", "0");
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const std::int64_t seconds = parse_duration(number ? text + " seconds" : text) / 1000000;
  if (seconds >= 0 && seconds <= 1000000000) return seconds;
  throw Error(ErrorCode::invalid_argument, "option rampUpTime takes seconds, not \"" + text + "\"");
}

}  // namespace

std::int64_t RateSchedule::rows_until(std::int64_t seconds) const {
  if (seconds <= 0) return 0;
  const std::int64_t rise = rows_per_second / (ramp_seconds + 1);
  const std::int64_t rising = std::min(seconds, ramp_seconds);
  return rise * (rising * (rising + 1) / 2) + rows_per_second * (seconds - rising);
}

std::int64_t RateSchedule::second_of(std::int64_t row) const {
  const std::int64_t at_ramp_end = rows_until(ramp_seconds);
  if (row >= at_ramp_end) return ramp_seconds + (row - at_ramp_end) / rows_per_second + 1;
  std::int64_t low = 1;
  std::int64_t high = ramp_seconds;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (rows_until(middle) > row) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Schema rate_schema() { return {{"timestamp", TypeId::timestamp}, {"value", TypeId::bigint}}; }

std::shared_ptr<Source> rate_source(const SourceSpec& spec, const Environment& environment) {
  const Options& known = spec.options;
  known.check_known({"rowsPerSecond", "rampUpTime", "numPartitions", "rowsPerTrigger"},
                    "the rate source");
  RateOptions options;
  options.schedule.rows_per_second = positive(known, "rowsPerSecond", 1, 1000000000);
  options.schedule.ramp_seconds = ramp_option(known);
  options.partitions = static_cast<std::uint32_t>(positive(known, "numPartitions", 0, 64));
  options.rows_per_trigger = positive(known, "rowsPerTrigger", 0, 1000000000000);
  return std::make_shared<RateSource>(options, environment.clock);
}

}  // namespace libstream
