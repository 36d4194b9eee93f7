#include "execution.hpp"

#include "entry_codec.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <utility>

namespace libstream::oracle {
namespace {

constexpr std::uint64_t endless = 1'000'000;

std::string in_epoch(std::size_t epoch, const std::string& what) {
  return "epoch " + std::to_string(epoch) + ": " + what;
}

Trigger trigger_of(Run::Kind kind) {
  switch (kind) {
    case Run::Kind::available_now:
      return Trigger::available_now();
    case Run::Kind::once:
      return Trigger::once();
    case Run::Kind::processing_time:
      return Trigger::processing_time(std::chrono::milliseconds(200));
    default:
      return {};
  }
}

}  // namespace

bool WatchedRoot::put_if_absent(const std::string& name, std::span<const std::byte> bytes) {
  if (!root_->put_if_absent(name, bytes)) return false;
  if (!name.starts_with("log/")) return true;
  const auto meta = checkpoint::decode_meta(*root_->read("meta"), "meta");
  const auto stored =
      checkpoint::decode_entry({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                               std::stoull(name.substr(4)), meta.query_id, name);
  if (const auto* epoch = std::get_if<EpochEntry>(&stored.entry)) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(*epoch);
  }
  return true;
}

std::vector<EpochEntry> WatchedRoot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(entries_, {});
}

ForeachBatch Recorded::callback() {
  return [this](const std::vector<BatchPtr>& batches, const Schema&, Epoch epoch) {
    std::vector<Row> rows;
    for (const auto& batch : batches) {
      for (Row& row : rows_of(*batch)) rows.push_back(std::move(row));
    }
    const std::lock_guard lock(mutex_);
    const auto [place, fresh] = epochs_.try_emplace(number(epoch), rows);
    if (!fresh && place->second != rows) {
      problem_ = in_epoch(number(epoch), "was committed again with other rows");
    }
  };
}

const std::vector<Row>* Recorded::of(std::uint64_t epoch) const {
  const auto found = epochs_.find(epoch);
  return found == epochs_.end() ? nullptr : &found->second;
}

Execution::Execution(const Case& plan)
    : plan_(plan),
      query_(random_query(plan.seed)),
      columns_(query_.columns()),
      input_(query_.branches.size()),
      model_(query_, input_) {
  environment_.clock = clock_;
  environment_.random = seeded_random(plan.seed + 1);
  for (std::size_t i = 0; i < query_.branches.size(); ++i) streams_.emplace_back(input_schema);
}

std::optional<std::string> Execution::run() {
  for (std::size_t i = 0; i < plan_.runs.size() && !failed_; ++i) {
    try {
      if (auto problem = run_once(plan_.runs[i])) {
        return "run " + std::to_string(i) + ": " + *problem;
      }
    } catch (const std::exception& error) {
      return "run " + std::to_string(i) + ": " + error.what();
    }
  }
  if (auto problem = check_rows()) return problem;
  return failed_ ? std::nullopt : model_.unfinished();
}

std::optional<std::string> Execution::run_once(const Run& run) {
  return run.kind == Run::Kind::threads ? on_threads(run) : simulated(run);
}

void Execution::add() {
  if (added_ == plan_.input.size()) return;
  std::vector<std::pair<MemoryStream, std::vector<Row>>> batches;
  for (const auto& [stream, rows] : plan_.input[added_++]) {
    input_[stream].push_back(rows);
    batches.emplace_back(streams_[stream], rows);
  }
  MemoryStream::add_together(batches);
}

Query Execution::start(const std::shared_ptr<Runtime>& runtime, const Run& run) {
  std::vector<DataStream> inputs;
  for (const auto& stream : streams_) {
    DataStreamReader reader(runtime, true);
    if (query_.batches_per_epoch > 0) {
      reader.option("maxBatchesPerTrigger", query_.batches_per_epoch);
    }
    inputs.push_back(reader.memory(stream));
  }
  auto writer = query_.build(inputs).write_stream();
  writer.output_mode(query_.mode)
      .trigger(trigger_of(run.kind))
      .checkpoint(root_)
      .option("snapshotEpochs", static_cast<std::int64_t>(1 + run.schedule % 4))
      .option("noDataEpochs", query_.no_data_epochs)
      .option("slidingWindows", query_.panes ? "panes" : "expanded");
  if (query_.max_policy) writer.option("watermarkPolicy", "max");
  writer.foreach_batch(output_.callback());
  if (query_.late_rows) writer.late_rows(memory_sink(late_));
  return writer.start();
}

std::optional<std::string> Execution::on_threads(const Run& run) {
  // A session of its own would take its time from outside: the engine with threads.
  SessionOptions options;
  options.partitions = run.partitions;
  auto engine = std::make_shared<Session::Engine>(options, make_threaded_actors(2, 1));
  auto query = start(engine, run);
  try {
    for (std::size_t i = 0; i < run.additions; ++i) {
      add();
      query.process_all_available();
    }
    query.process_all_available();
    query.stop();
  } catch (const Error&) {
    // The query's own, which `after` looks at.
  }
  auto problem = after(query, run);
  engine->close();
  return problem;
}

std::optional<std::string> Execution::simulated(const Run& run) {
  auto actors = make_simulated_actors(run.schedule);
  auto* simulated = actors.get();
  clock_->follow(simulated);
  SessionOptions options;
  options.environment = environment_;
  options.partitions = run.partitions;
  options.channel_batches = 1 + run.schedule % 3;
  options.channel_bytes = 64U << (run.schedule % 8);
  auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
  const bool ends = run.kind == Run::Kind::available_now || run.kind == Run::Kind::once;
  for (std::size_t i = 0; ends && i < run.additions; ++i) add();
  auto query = start(engine, run);
  const auto most = run.crash_after.value_or(endless);
  std::uint64_t steps = 0;
  const auto step = [&] {
    if (!query.is_active() || steps == most || !simulated->step()) return false;
    return ++steps < endless;
  };
  if (ends) {
    while (step()) continue;
  } else {
    // Nothing moves the clock as long as there is something to do, but the trigger.
    const auto patience = run.kind == Run::Kind::processing_time ? 6'000'000 : 500'000;
    for (std::size_t i = 0; i <= run.additions; ++i) {
      const auto until = simulated->now_microseconds() + patience;
      while (simulated->now_microseconds() < until && step()) continue;
      if (i < run.additions) add();
    }
  }
  auto problem = after(query, run);
  if (!problem && steps >= endless) problem = "the query does not end";
  clock_->follow(nullptr);
  return problem;
}

std::optional<std::string> Execution::after(const Query& query, const Run& run) {
  const auto unlimited = run.kind == Run::Kind::once;
  for (const auto& entry : root_->take()) {
    const auto epoch = model_.epochs().size();
    if (auto problem = model_.decide(entry, unlimited)) return in_epoch(epoch, *problem);
  }
  for (const auto& progress : query.recent_progress()) {
    if (progress.executed) progress_[number(progress.epoch)] = progress;
  }
  if (const auto error = query.exception()) {
    try {
      std::rethrow_exception(error);
    } catch (const Error& failure) {
      if (failure.code() != ErrorCode::data || !model_.may_fail()) return failure.what();
      failed_ = true;
    }
  }
  return check_progress();
}

std::optional<std::string> Execution::check_progress() const {
  for (const auto& [epoch, progress] : progress_) {
    if (epoch >= model_.epochs().size()) return in_epoch(epoch, "is told of, but not decided");
    const auto& expected = model_.epochs()[epoch];
    if (progress.watermark.milliseconds != expected.watermark) {
      return in_epoch(epoch, "progress has another watermark");
    }
    if (progress.state_operators.size() != expected.states.size()) {
      return in_epoch(epoch, "progress has another number of stateful operators");
    }
    for (std::size_t i = 0; i < expected.states.size(); ++i) {
      const auto& state = expected.states[i];
      const auto& got = progress.state_operators[i];
      const auto unlike = [&](const char* what, std::uint64_t wanted, std::uint64_t found) {
        return in_epoch(epoch, got.operator_name + " " + what + ": expected " +
                                   std::to_string(wanted) + ", got " + std::to_string(found));
      };
      if (got.rows_total != state.total) return unlike("total", state.total, got.rows_total);
      if (state.updated && got.rows_updated != *state.updated) {
        return unlike("updated", *state.updated, got.rows_updated);
      }
      if (got.rows_removed != state.removed) {
        return unlike("removed", state.removed, got.rows_removed);
      }
      if (got.rows_dropped_by_watermark != state.dropped) {
        return unlike("dropped", state.dropped, got.rows_dropped_by_watermark);
      }
      const auto metric = got.custom_metrics.find("numDroppedDuplicateRows");
      if (state.duplicates.has_value() != (metric != got.custom_metrics.end())) {
        return in_epoch(epoch, got.operator_name + ": only deduplications count duplicates");
      }
      if (state.duplicates && metric->second != *state.duplicates) {
        return unlike("duplicates", *state.duplicates, metric->second);
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> Execution::check_rows() const {
  if (output_.problem()) return output_.problem();
  const auto& epochs = model_.epochs();
  // What failed may have left its last decisions uncommitted.
  if (!failed_ && output_.epochs() != epochs.size()) {
    return "committed " + std::to_string(output_.epochs()) + " epochs of " +
           std::to_string(epochs.size());
  }
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    const auto* rows = output_.of(i);
    if (rows == nullptr) continue;
    if (query_.sorted) {
      const auto count = column_at(columns_, "n");
      const auto rises = [&](const Row& a, const Row& b) { return a[count] < b[count]; };
      if (std::adjacent_find(rows->begin(), rows->end(), rises) != rows->end()) {
        return in_epoch(i, "the rows are not sorted");
      }
    }
    auto expected = epochs[i].rows;
    if (epochs[i].any_of) {
      if (rows->size() != *epochs[i].any_of) return in_epoch(i, "another number of rows");
      // Any of them will do: those that were not chosen are no difference.
      std::erase_if(expected, [&](const Row& row) {
        return std::none_of(rows->begin(), rows->end(), [&](const Row& chosen) {
          for (std::size_t j = 0; j < columns_.size(); ++j) {
            if (!agrees(row[j], chosen[j], columns_[j].compare)) return false;
          }
          return true;
        });
      });
      if (expected.size() > rows->size()) continue;  // equal ones of which some were left out
    }
    if (const auto unlike = difference(expected, *rows, columns_)) return in_epoch(i, *unlike);
    if (query_.late_rows) {
      if (auto problem = check_late(i)) return problem;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Execution::check_late(std::size_t epoch) const {
  const auto& expected = model_.epochs()[epoch].late;
  const auto rows = late_.rows_of(Epoch{epoch});
  if (rows.size() != expected.size()) {
    return in_epoch(epoch, "late rows: expected " + std::to_string(expected.size()) + ", got " +
                               std::to_string(rows.size()));
  }
  const auto place = late_.shared()->schema.find("id");
  if (!place || expected.empty()) return std::nullopt;
  std::vector<Value> wanted;
  std::vector<Value> found;
  for (const Row& row : expected) wanted.push_back(row[id]);
  for (const Row& row : rows) found.push_back(row[*place]);
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  if (wanted == found) return std::nullopt;
  return in_epoch(epoch, "late rows: expected ids " + oracle::text_of(Value(wanted)) + ", got " +
                             oracle::text_of(Value(found)));
}

}  // namespace libstream::oracle
