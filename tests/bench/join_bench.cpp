// The stream-stream join alone, without an engine: impressions with the clicks that follow within
// 10 s (10 % of them are clicked, the delay exponential with a mean of 2 s), state logged at every
// barrier as a checkpoint does. Rows per CPU second of both sides, bytes a kept row.
// With --skew so many percent of the impressions share one key, and so do the clicks on them.
//   join_bench [--live rows] [--rows rows] [--epoch rows] [--outer] [--skew percent]

#include <libstream/bound_expression.hpp>
#include <libstream/column.hpp>
#include <libstream/expression.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/stream_join.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <time.h>
#include <utility>
#include <vector>

using namespace libstream;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t range = 10 * second;

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class CountingOutput final : public Output {
 public:
  void emit(BatchPtr batch, std::size_t /*port*/) override { rows_ += batch->rows; }
  bool full() const override { return false; }
  bool connected(std::size_t /*port*/) const override { return false; }
  std::uint64_t rows() const { return rows_; }

 private:
  std::uint64_t rows_ = 0;
};

ColumnPtr words(DataType type, const std::vector<std::int64_t>& values) {
  const auto buffer = Buffer::allocate(values.size() * sizeof(std::int64_t));
  if (!values.empty()) std::memcpy(buffer->data(), values.data(), values.size() * 8);
  return Column::fixed(std::move(type), values.size(), buffer);
}

/// Impressions in order of time, and the clicks on them.
class Ads {
 public:
  Ads(std::int64_t rate, std::uint64_t skew) : rate_(rate), skew_(skew) {}

  BatchPtr impressions(std::size_t rows) {
    std::vector<std::int64_t> ids(rows);
    std::vector<std::int64_t> ads(rows);
    std::vector<std::int64_t> times(rows);
    for (std::size_t i = 0; i < rows; ++i, ++next_) {
      const std::uint64_t random = hash_word(next_ * 3 + 1);
      ids[i] = static_cast<std::int64_t>(hash_word(next_) >> 1);
      ads[i] = static_cast<std::int64_t>(random % 10'000);
      times[i] = start + static_cast<std::int64_t>(next_) * second / rate_;
      if (hash_word(next_ * 7 + 3) % 100 < skew_) {
        ids[i] = hot;
        hot_times_.push_back(times[i]);
      }
      if (random / 10'000 % 10 != 0) continue;
      const double part = static_cast<double>(hash_word(next_ * 5 + 2) >> 11) * 0x1p-53;
      const auto delay = static_cast<std::int64_t>(-2e6 * std::log(1 - part));
      clicks_.push({times[i] + delay, ids[i], delay <= range});
    }
    now_ = times.back();
    return make_batch(
        {words(TypeId::bigint, ids), words(TypeId::bigint, ads), words(TypeId::timestamp, times)},
        rows);
  }
  /// Those up to the last impression; null: none.
  BatchPtr clicks() {
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> times;
    for (; !clicks_.empty() && clicks_.top().time <= now_; clicks_.pop()) {
      ids.push_back(clicks_.top().id);
      times.push_back(clicks_.top().time);
      matches_ += clicks_.top().id == hot ? hot_before(clicks_.top().time)
                                          : std::uint64_t{clicks_.top().matches};
    }
    if (ids.empty()) return nullptr;
    return make_batch({words(TypeId::bigint, ids), words(TypeId::timestamp, times)}, ids.size());
  }
  std::int64_t now_ms() const { return now_ / 1000; }
  std::uint64_t matches() const { return matches_; }

 private:
  static constexpr std::int64_t start = 1'700'000'000 * second;
  static constexpr std::int64_t hot = -1;
  /// Impressions of the hot key that a click at `time` matches.
  std::uint64_t hot_before(std::int64_t time) const {
    const auto begin = std::lower_bound(hot_times_.begin(), hot_times_.end(), time - range);
    return static_cast<std::uint64_t>(std::upper_bound(begin, hot_times_.end(), time) - begin);
  }
  struct Click {
    std::int64_t time;
    std::int64_t id;
    bool matches;
    bool operator<(const Click& other) const { return time > other.time; }
  };
  const std::int64_t rate_;
  const std::uint64_t skew_;
  std::vector<std::int64_t> hot_times_;
  std::uint64_t next_ = 0;
  std::int64_t now_ = 0;
  std::uint64_t matches_ = 0;
  std::priority_queue<Click> clicks_;
};

const Schema impression_schema{
    {"id", TypeId::bigint}, {"ad", TypeId::bigint}, {"time", TypeId::timestamp}};
const Schema click_schema{{"clicked", TypeId::bigint}, {"clickTime", TypeId::timestamp}};

JoinPlan make_plan(bool outer) {
  JoinPlan plan;
  plan.type = outer ? JoinType::left_outer : JoinType::inner;
  plan.left.keys = {0};
  plan.left.event_column = 2;
  plan.left.retention.column = 2;
  plan.left.retention.bound = -range - 1000;
  plan.right.keys = {0};
  plan.right.event_column = 1;
  plan.right.retention.column = 1;
  plan.right.retention.bound = -1000;
  plan.null_safe = {false};
  plan.condition = bind(col("clickTime") >= col("time") &&
                            col("clickTime") <= col("time") + lit(std::chrono::microseconds(range)),
                        stream_join_late_schema(impression_schema, click_schema));
  plan.output = {0, 1, 2, 4};
  return plan;
}

std::uint64_t argument(int argc, char** argv, const char* name, std::uint64_t value) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) value = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t live = argument(argc, argv, "--live", 1'000'000);
  const std::uint64_t rows = argument(argc, argv, "--rows", live * 8);
  const std::uint64_t epoch_rows = argument(argc, argv, "--epoch", live / 8);
  bool outer = false;
  for (int i = 1; i < argc; ++i) outer = outer || std::strcmp(argv[i], "--outer") == 0;

  Ads ads(static_cast<std::int64_t>(live / 10), argument(argc, argv, "--skew", 0));
  const auto join = make_stream_join(make_plan(outer), impression_schema, click_schema, {});
  CountingOutput output;
  double seconds = 0;
  double collecting = 0;
  double longest = 0;
  std::uint64_t measured = 0;
  std::uint64_t logged = 0;
  std::uint64_t pairs = 0;
  for (std::uint64_t done = 0, epoch = 0; done < rows; ++epoch) {
    std::vector<std::pair<BatchPtr, std::size_t>> input;
    std::uint64_t in = 0;
    for (std::uint64_t i = 0; i < epoch_rows; i += batch_rows) {
      input.emplace_back(ads.impressions(batch_rows), 0);
      in += batch_rows;
      if (BatchPtr clicks = ads.clicks()) {
        in += clicks->rows;
        input.emplace_back(std::move(clicks), 1);
      }
    }
    done += in;
    const std::uint64_t pairs_before = output.rows();
    const double begin = cpu_seconds();
    join->start({Epoch{epoch}, {}});
    for (auto& [batch, side] : input) join->process(std::move(batch), side, output);
    const double barrier = cpu_seconds();
    join->on_barrier({Epoch{epoch}, Watermark{ads.now_ms()}}, output);
    ChangelogWriter changes;
    join->collect_changes(changes);
    const double end = cpu_seconds();
    if (done > 2 * live) {  // the state is full
      seconds += end - begin;
      collecting += end - barrier;
      longest = std::max(longest, end - barrier);
      measured += in;
      pairs += output.rows() - pairs_before;
      logged += changes.bytes().size();
    }
  }
  const OperatorMetrics metrics = join->metrics();
  const auto count = static_cast<double>(measured);
  std::printf(
      "{\"live\": %llu, \"rows_per_second\": %.3g, \"ns_per_row\": %.1f, \"ns_per_match\": %.1f, "
      "\"barrier_ns_per_row\": %.1f, \"longest_barrier_ms\": %.2f, "
      "\"logged_bytes_per_row\": %.1f, \"state_rows\": %llu, \"state_bytes_per_row\": %.1f, "
      "\"matches\": %llu, \"right\": %s}\n",
      static_cast<unsigned long long>(live), count / seconds, seconds / count * 1e9,
      seconds / static_cast<double>(pairs) * 1e9, collecting / count * 1e9, longest * 1e3,
      static_cast<double>(logged) / count, static_cast<unsigned long long>(metrics.state_rows),
      static_cast<double>(metrics.state_bytes) / static_cast<double>(metrics.state_rows),
      static_cast<unsigned long long>(output.rows()),
      outer || output.rows() == ads.matches() ? "true" : "false");
  return outer || output.rows() == ads.matches() ? 0 : 1;
}
