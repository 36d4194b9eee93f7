#include "replay.hpp"

#include "scenario_query.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/environment.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <optional>

namespace libstream::apps {
namespace {

/// What a run did otherwise than recorded.
struct Difference {
  std::string text;
};

[[noreturn]] void differ(const std::string& place, const std::string& what,
                         const std::string& expected, const std::string& got) {
  throw Difference{place + ", " + what + ": expected " + expected + ", got " + got};
}

/// True where the query is right, but needs what there is not yet; other refusals are rules.
bool not_provided(const Error& error) {
  return error.code() == ErrorCode::unsupported &&
         (error.error_class().empty() || error.error_class() == "UNSUPPORTED_STREAMING_OPERATOR");
}

/// A wall clock that stands where the scenario puts it. Durations are real: queries that sleep
/// wake up.
class ScenarioClock final : public Clock {
 public:
  explicit ScenarioClock(std::int64_t milliseconds) : now_(milliseconds) {}
  std::int64_t now_milliseconds() override { return now_; }
  std::int64_t steady_microseconds() override { return system_->steady_microseconds(); }
  void set(std::int64_t milliseconds) { now_ = milliseconds; }

 private:
  std::atomic<std::int64_t> now_;
  std::shared_ptr<Clock> system_ = system_clock();
};

class Replay {
 public:
  Replay(const Scenario& scenario, const ReplayOptions& options)
      : scenario_(scenario),
        options_(options),
        inputs_(scenario),
        root_(memory_root()),
        comparisons_(comparisons(scenario.topology)) {
    if (scenario.clock) clock_ = std::make_shared<ScenarioClock>(*scenario.clock);
  }

  void run() {
    if (scenario_.rejected) return check_rejected();
    start(usual_session());
    for (std::size_t i = 0; i < scenario_.steps.size(); ++i) {
      const auto& step = scenario_.steps[i];
      if (options_.restart_everywhere && i > 0 && !step.restart) restart_unseen(i);
      place_ = "step " + std::to_string(i);
      run_step(step);
      if (step.fails) return;
    }
    query_->stop();
  }

 private:
  std::unique_ptr<Session> session(bool strict) const {
    SessionOptions options;
    options.threads = options_.threads;
    options.partitions =
        options_.partitions != 0 ? options_.partitions : scenario_.partitions.value_or(3);
    options.strict = strict;
    if (clock_) options.environment.clock = clock_;
    return std::make_unique<Session>(std::move(options));
  }
  Session& strict_session() {
    if (!strict_) strict_ = session(true);
    return *strict_;
  }
  Session& lasting_session() {
    if (!lasting_) lasting_ = session(false);
    return *lasting_;
  }
  /// Timeouts by the clock make epochs at every trigger in strict mode, which come when they like.
  Session& usual_session() { return clock_ ? lasting_session() : strict_session(); }

  void start(Session& session) {
    seen_ = 0;
    query_ = scenario_query(scenario_, inputs_, session)
                 .write_stream()
                 .output_mode(scenario_.mode)
                 .checkpoint(root_)
                 .option("noDataEpochs", scenario_.no_data_epochs)
                 .option("watermarkPolicy", scenario_.watermark_policy)
                 // Counts state as recorded also where it restarts in our own mode.
                 .option("slidingWindows", "expanded")
                 .option("eventTimeRules", "structuredStreaming")
                 .memory(table_)
                 .start();
  }

  void check_rejected() {
    place_ = "start";
    try {
      start(strict_session());
    } catch (const Error& error) {
      if (not_provided(error)) throw;
      const bool refused =
          error.code() == ErrorCode::analysis || error.code() == ErrorCode::unsupported;
      if (refused && !error.error_class().empty()) return;
      differ(place_, "error", "an error of analysis with its rule", error.what());
    }
    query_->stop();
    differ(place_, "error", "a refusal", "a running query");
  }

  /// A restart that no rule makes visible. Structured Streaming forgets what each input saw, which
  /// shows where the slowest of several counts: such queries restart in our own mode, which takes
  /// it from the last decision, if that is of the time since the scenario itself restarted.
  void restart_unseen(std::size_t before) {
    place_ = "restart before step " + std::to_string(before);
    query_->stop();
    const bool forgets = decided_ && steps_named(scenario_.topology, "with_watermark") > 1 &&
                         scenario_.watermark_policy == "min";
    start(forgets ? lasting_session() : usual_session());
    query_->process_all_available();
    compare({});
  }

  void run_step(const ScenarioStep& step) {
    if (step.restart) query_->stop();
    if (step.clock) clock_->set(*step.clock);
    if (!step.add.empty()) inputs_.add(step.add);
    if (step.restart) {
      start(usual_session());
      decided_ = false;
    }
    if (!step.fails) {
      query_->process_all_available();
      return compare(step.epochs);
    }
    try {
      query_->process_all_available();
    } catch (const Error&) {
      if (query_->exception()) return;
    }
    differ(place_, "error", "the query to fail", "no failure");
  }

  /// The epochs executed since the last call.
  std::vector<QueryProgress> new_epochs() {
    auto all = query_->recent_progress();
    std::erase_if(all, [](const QueryProgress& progress) { return !progress.executed; });
    std::vector<QueryProgress> fresh(
        std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(seen_)),
        std::make_move_iterator(all.end()));
    seen_ = all.size();
    decided_ = decided_ || !fresh.empty();
    return fresh;
  }

  void compare(const std::vector<ExpectedEpoch>& expected) {
    const auto got = new_epochs();
    for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
      compare_epoch(expected[i], got[i]);
    }
    if (expected.size() != got.size()) {
      differ(place_, "epochs", std::to_string(expected.size()), std::to_string(got.size()));
    }
  }

  void compare_epoch(const ExpectedEpoch& expected, const QueryProgress& got) {
    const auto place = place_ + ", epoch " + std::to_string(expected.epoch);
    if (number(got.epoch) != expected.epoch) {
      differ(place, "number", std::to_string(expected.epoch), std::to_string(number(got.epoch)));
    }
    if (expected.watermark && *expected.watermark != got.watermark.milliseconds) {
      differ(place, "watermark", std::to_string(*expected.watermark),
             std::to_string(got.watermark.milliseconds));
    }
    compare_rows(place, expected, got.epoch);
    if (expected.states) compare_states(place, *expected.states, got.state_operators);
  }

  void compare_rows(const std::string& place, const ExpectedEpoch& expected, Epoch epoch) {
    const auto& schema = table_.shared()->schema;
    std::vector<Field> fields;
    std::vector<std::size_t> places;
    std::vector<ColumnComparison> how;
    for (const auto& name : scenario_.columns) {
      std::size_t index = 0;  // the first of that name that is not taken: two may share one
      while (index < schema.size() &&
             (!same_name(schema[index].name, name) ||
              std::find(places.begin(), places.end(), index) != places.end())) {
        ++index;
      }
      if (index == schema.size()) differ(place, "columns", name, schema.to_string());
      places.push_back(index);
      fields.push_back(schema[index]);
      const auto known = comparisons_.find(name);
      how.push_back(known == comparisons_.end() ? ColumnComparison{} : known->second);
    }
    if (fields.size() != schema.size()) {
      differ(place, "columns", std::to_string(fields.size()), schema.to_string());
    }
    std::vector<Row> got;
    for (const auto& row : table_.rows_of(epoch)) {
      Row ordered;
      for (const auto index : places) ordered.push_back(row[index]);
      got.push_back(std::move(ordered));
    }
    const Schema ordered(fields);
    try {
      const auto rows = scenario_rows(expected.rows, ordered);
      if (same_rows(rows, got, how)) return;
      differ(place, "rows", rows_text(rows, ordered), rows_text(got, ordered));
    } catch (const Error& error) {
      differ(place, "types", error.what(), ordered.to_string());
    }
  }

  /// How often the recorded engine ran, and counted, what is below a sort: to share the rows out
  /// among several partitions it samples them in a run of its own.
  std::uint64_t recorded_runs() const {
    return steps_named(scenario_.topology, "order_by") > 0 && scenario_.partitions != 1 ? 2 : 1;
  }

  void compare_states(const std::string& place, const std::vector<ExpectedState>& expected,
                      const std::vector<StateOperatorProgress>& got) const {
    if (expected.size() != got.size()) {
      differ(place, "stateful operators", std::to_string(expected.size()),
             std::to_string(got.size()));
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto& state = got[i];
      const auto check = [&](const char* what, std::optional<std::int64_t> wanted,
                             std::uint64_t counted) {
        const auto count = counted * recorded_runs();
        if (!wanted || *wanted == static_cast<std::int64_t>(count)) return;
        differ(place,
               "state of operator " + std::to_string(i) + " (" + state.operator_name + "), " + what,
               std::to_string(*wanted), std::to_string(count));
      };
      // Of joins and limits these two describe the recorded engine's store, not its rules.
      if (state.operator_name != "globalLimit") check("total", expected[i].total, state.rows_total);
      if (state.operator_name != "symmetricHashJoin") {
        check("updated", expected[i].updated, state.rows_updated);
      }
      check("removed", expected[i].removed, state.rows_removed);
      check("dropped", expected[i].dropped, state.rows_dropped_by_watermark);
    }
  }

  const Scenario& scenario_;
  const ReplayOptions& options_;
  ScenarioInputs inputs_;
  MemoryTable table_;
  std::shared_ptr<ScenarioClock> clock_;  ///< null: the system's
  std::shared_ptr<CheckpointRoot> root_;
  std::map<std::string, ColumnComparison> comparisons_;
  std::unique_ptr<Session> strict_;
  std::unique_ptr<Session> lasting_;
  std::optional<Query> query_;
  std::size_t seen_ = 0;
  bool decided_ = false;  ///< an epoch since the scenario's last restart
  std::string place_ = "start";

 public:
  const std::string& place() const { return place_; }
};

}  // namespace

ReplayResult replay(const Scenario& scenario, const ReplayOptions& options) {
  using Kind = ReplayResult::Kind;
  std::string place = "reading the scenario";
  try {
    Replay run(scenario, options);
    try {
      run.run();
      return {};
    } catch (...) {
      place = run.place();
      throw;
    }
  } catch (const Difference& difference) {
    return {Kind::failed, difference.text};
  } catch (const Error& error) {
    if (not_provided(error)) return {Kind::unsupported, error.what()};
    return {Kind::failed, place + ", error: expected none, got " + error.what()};
  } catch (const std::exception& error) {
    return {Kind::failed, place + ", error: expected none, got " + error.what()};
  }
}

}  // namespace libstream::apps
