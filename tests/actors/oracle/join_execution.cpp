#include "execution.hpp"
#include "join_case.hpp"
#include "values.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace libstream::oracle {
namespace {

constexpr std::uint64_t endless = 1'000'000;
using Two = std::array<std::int64_t, 2>;

std::string in_epoch(std::size_t epoch, const std::string& what) {
  return "epoch " + std::to_string(epoch) + ": " + what;
}

std::vector<Row> sorted(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// The first row that one has and the other lacks.
std::optional<std::string> unlike(std::vector<Row> expected, std::vector<Row> got) {
  expected = sorted(std::move(expected));
  got = sorted(std::move(got));
  const auto at = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  if (at.first == expected.end() && at.second == got.end()) return std::nullopt;
  return std::to_string(expected.size()) + " rows expected, " + std::to_string(got.size()) +
         " got; expected " + (at.first == expected.end() ? "no more" : text_of(*at.first)) +
         ", got " + (at.second == got.end() ? "no more" : text_of(*at.second));
}

/// What the query has to do, epoch by epoch, as its decisions say which rows were in each.
class JoinTruth {
 public:
  struct Epoch {
    std::int64_t watermark;
    std::vector<Row> rows;
    std::vector<Value> late;  ///< ids
    std::uint64_t total, updated, removed;
  };

  JoinTruth(const JoinCase& plan, const std::array<std::vector<std::vector<Row>>, 2>& input)
      : plan_(plan), model_(plan.model()), input_(input) {}

  const std::vector<Epoch>& epochs() const { return epochs_; }

  std::optional<std::string> decide(const EpochEntry& entry) {
    const auto own = next_;
    const auto joined = joined_;
    if (entry.watermark.milliseconds != joined) return "another watermark is used";
    std::array<std::vector<Row>, 2> rows;
    for (const std::size_t side : {0U, 1U}) {
      const auto end = batches_of(entry.source_ends.at(side));
      if (end < taken_[side] || end > input_[side].size()) return "a source goes back";
      for (; taken_[side] < end; ++taken_[side]) {
        for (const Row& row : input_[side][taken_[side]]) rows[side].push_back(row);
      }
    }
    const bool any = !rows[0].empty() || !rows[1].empty();
    if (any == entry.no_data) return "has data, or not, against what it says";
    if (!any && !due_) return "is an epoch without data that nothing asks for";
    remember(rows);
    model_.epoch(rows[0], rows[1], own_of(own, joined), bounding_of(own, joined));
    Epoch epoch{joined, model_.rows, {}, model_.total(), model_.updated, model_.removed};
    for (const Row& row : model_.late) {
      epoch.late.push_back(row[join_id].is_null() ? row[join_id + join_columns] : row[join_id]);
    }
    epochs_.push_back(std::move(epoch));
    advance(rows, own, joined);
    return std::nullopt;
  }

  /// What is wrong when the query has nothing more to do.
  std::optional<std::string> unfinished() const {
    if (taken_[0] < input_[0].size() || taken_[1] < input_[1].size()) return "rows are left";
    if (due_ && plan_.no_data_epochs && (plan_.bounded(0) || plan_.bounded(1))) {
      return "an epoch without data is due";
    }
    // A side without a watermark is never late, and may miss partners that went by their window.
    const bool timely = plan_.marked[0] == plan_.marked[1];
    return plan_.windows && !timely ? std::nullopt : pairs_of_all();
  }

 private:
  static std::size_t batches_of(const std::string& offset) {
    const auto digit = offset.find_first_of("0123456789");
    return digit == std::string::npos ? 0 : std::stoul(offset.substr(digit));
  }
  bool per_side() const { return plan_.policy == "perSide"; }
  Two own_of(const Two& own, std::int64_t joined) const {
    if (!per_side()) return {joined, joined};
    return {plan_.marked[0] ? own[0] : joined, plan_.marked[1] ? own[1] : joined};
  }
  /// A side is bounded by what may still come of the other one, or of itself where only its own
  /// window is known.
  Two bounding_of(const Two& own, std::int64_t joined) const {
    const auto mine = own_of(own, joined);
    Two bounding{};
    for (const std::size_t side : {0U, 1U}) {
      bounding[side] = mine[plan_.marked[1 - side] ? 1 - side : side];
    }
    return bounding;
  }

  void remember(const std::array<std::vector<Row>, 2>& rows) {
    for (const std::size_t side : {0U, 1U}) {
      for (const Row& row : rows[side]) {
        const auto& at = row[plan_.windows ? join_w : join_t];
        const bool late =
            plan_.marked[side] && !at.is_null() && at.integer() <= model_.late_ms[side] * 1000;
        if (!late) on_time_[side].push_back(row);
      }
    }
  }

  void advance(const std::array<std::vector<Row>, 2>& rows, const Two& own, std::int64_t joined) {
    const bool least = plan_.policy != "max";
    auto all = least ? std::numeric_limits<std::int64_t>::max() : std::int64_t{0};
    for (const std::size_t side : {0U, 1U}) {
      if (!plan_.marked[side]) continue;
      for (const Row& row : rows[side]) {
        if (row[join_t].is_null()) continue;
        next_[side] =
            std::max(next_[side], row[join_t].integer() / 1000 - plan_.delay[side] * 1000);
      }
      all = least ? std::min(all, next_[side]) : std::max(all, next_[side]);
    }
    joined_ = std::max(joined_, all);
    due_ = joined_ > joined || (per_side() && next_ != own);
  }

  /// Nothing was forgotten too early: all pairs of rows that were on time have come out.
  std::optional<std::string> pairs_of_all() const {
    std::vector<Row> expected;
    for (const Row& left : on_time_[0]) {
      for (const Row& right : on_time_[1]) {
        if (!plan_.matches(left, right)) continue;
        Row pair(left.begin(), left.begin() + join_w);
        const bool semi = plan_.type == JoinType::left_semi;
        if (!semi) pair.insert(pair.end(), right.begin(), right.begin() + join_w);
        expected.push_back(std::move(pair));
        if (semi) break;
      }
    }
    std::vector<Row> got;
    for (const auto& epoch : epochs_) {
      for (const Row& row : epoch.rows) {
        const bool padded = row[join_id].is_null() ||
                            (plan_.type != JoinType::left_semi && row[join_w + join_id].is_null());
        if (!padded) got.push_back(row);
      }
    }
    const auto problem = unlike(std::move(expected), std::move(got));
    return problem ? std::optional("pairs of all rows on time: " + *problem) : std::nullopt;
  }

  const JoinCase& plan_;
  test::JoinModel model_;
  const std::array<std::vector<std::vector<Row>>, 2>& input_;
  std::array<std::size_t, 2> taken_{};
  std::array<std::vector<Row>, 2> on_time_;
  Two next_{};  ///< of each side, for the next epoch
  std::int64_t joined_ = 0;
  bool due_ = false;
  std::vector<Epoch> epochs_;
};

class JoinExecution {
 public:
  explicit JoinExecution(const JoinCase& plan) : plan_(plan), truth_(plan, input_) {
    environment_.clock = clock_;
    environment_.random = seeded_random(plan.seed + 1);
  }

  std::optional<std::string> run() {
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      try {
        if (auto problem = run_once(plan_.runs[i])) {
          return "run " + std::to_string(i) + ": " + *problem;
        }
      } catch (const std::exception& error) {
        return "run " + std::to_string(i) + ": " + error.what();
      }
    }
    if (auto problem = check_rows()) return problem;
    return truth_.unfinished();
  }

 private:
  void add() {
    if (added_ == plan_.input.size()) return;
    std::vector<std::pair<MemoryStream, std::vector<Row>>> batches;
    for (const auto& [side, rows] : plan_.input[added_++]) {
      input_[side].push_back(rows);
      std::vector<Row> shown;
      for (const Row& row : rows) shown.emplace_back(row.begin(), row.begin() + join_w);
      batches.emplace_back(streams_[side], std::move(shown));
    }
    if (!batches.empty()) MemoryStream::add_together(batches);
  }

  Query start(const std::shared_ptr<Runtime>& runtime, const Run& run) {
    const auto read = [&](const MemoryStream& stream) {
      return DataStreamReader(runtime, true).memory(stream);
    };
    auto writer = plan_.build(read(streams_[0]), read(streams_[1])).write_stream();
    writer.checkpoint(root_)
        .option("snapshotEpochs", static_cast<std::int64_t>(1 + run.schedule % 4))
        .option("noDataEpochs", plan_.no_data_epochs)
        .option("watermarkPolicy", plan_.policy);
    if (run.kind == Run::Kind::available_now) writer.trigger(Trigger::available_now());
    writer.foreach_batch(output_.callback()).late_rows(memory_sink(late_));
    return writer.start();
  }

  std::optional<std::string> run_once(const Run& run) {
    auto actors = make_simulated_actors(run.schedule);
    auto* simulated = actors.get();
    clock_->follow(simulated);
    SessionOptions options;
    options.environment = environment_;
    options.partitions = run.partitions;
    options.channel_batches = 1 + run.schedule % 3;
    options.channel_bytes = 64U << (run.schedule % 8);
    auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
    const bool ends = run.kind == Run::Kind::available_now;
    for (std::size_t i = 0; ends && i < run.additions; ++i) add();
    auto query = start(engine, run);
    const auto most = run.crash_after.value_or(endless);
    std::uint64_t steps = 0;
    const auto step = [&] {
      if (!query.is_active() || steps == most || !simulated->step()) return false;
      return ++steps < endless;
    };
    for (std::size_t i = 0; !ends && i <= run.additions; ++i) {
      const auto until = simulated->now_microseconds() + 500'000;
      while (simulated->now_microseconds() < until && step()) continue;
      if (i < run.additions) add();
    }
    while (ends && step()) continue;
    auto problem = after(query);
    if (!problem && steps >= endless) problem = "the query does not end";
    clock_->follow(nullptr);
    return problem;
  }

  std::optional<std::string> after(const Query& query) {
    for (const auto& entry : root_->take()) {
      if (auto problem = truth_.decide(entry)) return in_epoch(truth_.epochs().size(), *problem);
    }
    if (const auto error = query.exception()) std::rethrow_exception(error);
    for (const auto& progress : query.recent_progress()) {
      if (!progress.executed) continue;
      if (auto problem = check_progress(progress)) return problem;
    }
    return std::nullopt;
  }

  std::optional<std::string> check_progress(const QueryProgress& progress) const {
    const auto epoch = number(progress.epoch);
    if (epoch >= truth_.epochs().size()) return in_epoch(epoch, "is told of, but not decided");
    const auto& expected = truth_.epochs()[epoch];
    const auto& state = progress.state_operators.at(0);
    for (const auto& [what, wanted, got] :
         {std::tuple("rows kept", expected.total, state.rows_total),
          std::tuple("updated", expected.updated, state.rows_updated),
          std::tuple("removed", expected.removed, state.rows_removed),
          std::tuple("late", std::uint64_t{expected.late.size()},
                     state.rows_dropped_by_watermark)}) {
      if (wanted == got) continue;
      return in_epoch(epoch, std::string(what) + ": expected " + std::to_string(wanted) + ", got " +
                                 std::to_string(got));
    }
    return std::nullopt;
  }

  std::optional<std::string> check_rows() {
    if (output_.problem()) return output_.problem();
    const auto& epochs = truth_.epochs();
    if (output_.epochs() != epochs.size()) {
      return "committed " + std::to_string(output_.epochs()) + " epochs of " +
             std::to_string(epochs.size());
    }
    for (std::size_t i = 0; i < epochs.size(); ++i) {
      if (const auto problem = unlike(epochs[i].rows, *output_.of(i))) return in_epoch(i, *problem);
      if (const auto problem = check_late(i)) return in_epoch(i, "late rows: " + *problem);
    }
    return std::nullopt;
  }

  std::optional<std::string> check_late(std::size_t epoch) {
    std::vector<Row> expected, got;
    for (const Value& id : truth_.epochs()[epoch].late) expected.push_back({id});
    const auto rows = late_.rows_of(Epoch{epoch});
    const auto& schema = late_.shared()->schema;
    for (const Row& row : rows) {
      const Value& left = row[schema.find("lid").value()];
      got.push_back({left.is_null() ? row[schema.find("rid").value()] : left});
    }
    return unlike(std::move(expected), std::move(got));
  }

  const JoinCase& plan_;
  std::array<std::vector<std::vector<Row>>, 2> input_;  ///< batches, as they were added
  JoinTruth truth_;
  Environment environment_;
  std::shared_ptr<fakes::VirtualClock> clock_ = std::make_shared<fakes::VirtualClock>();
  std::array<MemoryStream, 2> streams_{
      MemoryStream("lk bigint, ls string, lt timestamp, lv bigint, lid bigint"),
      MemoryStream("rk bigint, rs string, rt timestamp, rv bigint, rid bigint")};
  std::size_t added_ = 0;
  std::shared_ptr<WatchedRoot> root_ = std::make_shared<WatchedRoot>();
  Recorded output_;
  MemoryTable late_;
};

}  // namespace

std::optional<std::string> run_join_case(const JoinCase& plan) { return JoinExecution(plan).run(); }

}  // namespace libstream::oracle
