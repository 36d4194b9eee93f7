#include "process.hpp"

#include "connectors.hpp"

#include <libstream/libstream.hpp>

#include <exception>
#include <utility>

namespace libstream::apps::simulation {

namespace {

constexpr std::array<std::string_view, 6> aim_words = {
    "", " that removes", " that writes state", " that decides", " that releases", " that commits"};

}  // namespace

void Hits::add(const Hits& other) {
  for (std::size_t i = 0; i < points.size(); ++i) points[i] += other.points[i];
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
}

std::string Fate::words() const {
  std::string text = std::to_string(partitions) + " partitions, ";
  if (!end) {
    text += "runs to its end";
  } else {
    text += std::string(name_of(*end)) + (at_operation ? " at operation " : " after step ") +
            std::to_string(point) + std::string(aim_words[static_cast<std::size_t>(aim)]) +
            (at_operation && after ? " (after it)" : "");
  }
  for (const auto& [kind, place] : errors) {
    text += ", " + std::string(name_of(kind)) + " fails at " + std::to_string(place);
  }
  return text;
}

Process::Process(World& world, Fate fate, std::size_t number)
    : world_(world),
      fate_(std::move(fate)),
      number_(number),
      course_(fate_.after_crash),
      trace_(fate_.seed) {}

Process::~Process() = default;

void Process::bury() {
  if (active()) die("buried");
  dead_ = true;
  if (decision_failed_) world_.hits.add(CrashPoint::c26);
  decision_failed_ = false;
  // Its parts hold this; whatever they still ask for is refused.
  query_.reset();
  session_.reset();
}

bool Process::overtaken() const {
  const auto newest = world_.ledger.newest_term();
  return newest && course_.term() && *newest > *course_.term();
}

void Process::catch_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Died&) {
    dead_ = true;
  } catch (const Error&) {
    start_error_ = std::current_exception();
  }
}

bool Process::start() {
  catch_error([this] {
    SessionOptions options;
    options.partitions = fate_.partitions;
    options.key_groups = 16;
    options.channel_batches = fate_.channel_batches;
    options.channel_bytes = fate_.channel_bytes;
    options.environment.random = seeded_random(fate_.seed);
    options.environment.files = process_files(shared_from_this());
    session_ = std::make_unique<testing::SimulatedSession>(options, fate_.seed + 1, world_.now);
    query_ = build(process_root(shared_from_this(), options.environment.files));
  });
  if (start_error_) world_.tell("  start fails: " + error());
  return query_.has_value() && !dead_;
}

DataStream Process::query(const std::vector<DataStream>& inputs) const {
  const auto wanted = [](const DataStream& stream) { return stream.where("value <> 3"); };
  auto rows = inputs.front();
  if (world_.plan.kind == QueryKind::join) {
    return wanted(rows)
        .as("l")
        .join(wanted(inputs[1]).as("r"), "l.key = r.key AND l.value = r.value")
        .select(col("l.key").as("key"), col("l.id").as("first"), col("r.id").as("second"));
  }
  for (std::size_t i = 1; i < inputs.size(); ++i) rows = rows.union_all(inputs[i]);
  rows = wanted(rows);
  switch (world_.plan.kind) {
    case QueryKind::totals:
      return rows.group_by(col("key"))
          .agg(count().as("n"), sum("id").as("ids"), max("text").as("text"))
          .select(col("key"), col("n"), col("ids"),
                  expr("cast(length(text) as bigint)").as("size"));
    case QueryKind::windows:
      return rows.with_watermark("time", std::chrono::seconds(watermark_delay / second))
          .group_by(col("key"), window("time", std::chrono::seconds(window_size / second)))
          .agg(count().as("n"), sum("id").as("ids"))
          .select(col("key"), expr("cast(window.start as bigint)").as("start"), col("n"),
                  col("ids"));
    case QueryKind::distinct:
      return rows.select(col("key"), col("value")).drop_duplicates();
    default:
      return rows.select(col("key"), col("value"), col("id"));
  }
}

Query Process::build(const std::shared_ptr<CheckpointRoot>& root) {
  std::vector<DataStream> inputs;
  for (std::size_t i = 0; i < world_.feeds.size(); ++i) {
    inputs.push_back(session_->read_stream().source(feed_source(shared_from_this(), i)));
  }
  const auto& plan = world_.plan;
  auto writer = query(inputs).write_stream();
  const bool updates =
      plan.kind == QueryKind::totals || (plan.kind == QueryKind::windows && !plan.append);
  writer.output_mode(updates ? OutputMode::update : OutputMode::append)
      .trigger(fate_.trigger)
      .checkpoint(root)
      .option("restarts", static_cast<std::int64_t>(fate_.restarts))
      .option("snapshotEpochs", static_cast<std::int64_t>(fate_.snapshot_epochs));
  for (std::size_t i = 0; i < plan.ledger_sinks; ++i) {
    writer.sink(ledger_sink(shared_from_this(), i, false));
  }
  if (plan.file_sink) writer.json(output_directory);
  if (plan.kind == QueryKind::windows) {
    SinkSpec late;
    late.format = "custom";
    late.custom = ledger_sink(shared_from_this(), 0, true);
    writer.late_rows(late);
  }
  return writer.start();
}

bool Process::step() {
  if (fate_.end && !fate_.at_operation && steps_ == fate_.point) strike(false);
  if (dead_) return false;
  ++steps_;
  const bool more = session_->step();
  world_.now = std::max(world_.now, session_->now_microseconds());
  trace_ = session_->trace();
  if (overtaken()) world_.hits.add(CrashPoint::c23);
  return more && !dead_;
}

/// What `end` says, at its point: between steps, or around an operation.
void Process::strike(bool in_operation) {
  const auto end = *fate_.end;
  world_.hits.add(end);
  switch (end) {
    case Fault::stop:
      session_->request_stop();
      break;
    case Fault::freeze:
      if (in_operation) world_.overtake(*this);
      break;
    default:
      lost_power_ = end == Fault::power;
      die(lost_power_ ? "power cut" : "crash");
      break;
  }
  fate_.end.reset();
  if (end == Fault::freeze && !in_operation) frozen_ = true;
  if (dead_ && in_operation) throw Died{};
}

void Process::die(const char* why) {
  if (dead_) return;
  dead_ = true;
  std::string where;
  for (const auto point : course_.points()) {
    world_.hits.add(point);
    where += " " + std::string(simulation::name_of(point));
  }
  world_.tell("  process " + std::to_string(number_) + " dies, " + why + ":" + where);
}

bool Process::strikes(Aim aim, bool after) const {
  return fate_.end && fate_.at_operation && (fate_.aim == Aim::any || fate_.aim == aim) &&
         fate_.after == after && operations_ == fate_.point;
}

void Process::before(Aim aim) {
  if (dead_) throw Died{};
  if (strikes(aim, false)) strike(true);
}

void Process::after(Aim aim) {
  if (strikes(aim, true)) strike(true);
  if (fate_.aim == Aim::any || fate_.aim == aim) ++operations_;
  if (dead_) throw Died{};
}

bool Process::fails(Fault kind) {
  const auto found = fate_.errors.find(kind);
  if (found == fate_.errors.end()) return false;
  const bool task = kind == Fault::source || kind == Fault::task;
  if (task && fate_.while_staged && !course_.staged_and_undecided()) return false;
  return seen_[kind]++ == found->second;
}

bool Process::disk_is_full() {
  const auto found = fate_.errors.find(Fault::full);
  if (found == fate_.errors.end()) return false;
  const auto operation = seen_[Fault::full]++;
  return operation >= found->second && operation < found->second + fate_.full_for;
}

void Process::fail(Fault kind, const std::string& what) {
  ++faults_met_;
  world_.hits.add(kind);
  world_.tell("  process " + std::to_string(number_) + ": " + what);
  throw Error(ErrorCode::io, what);
}

std::string Process::error() const {
  const auto error = start_error_ ? start_error_ : query_ ? query_->exception() : nullptr;
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "died";
  }
}

std::optional<ErrorCode> Process::error_code() const {
  const auto error = start_error_ ? start_error_ : query_ ? query_->exception() : nullptr;
  if (!error) return std::nullopt;
  try {
    std::rethrow_exception(error);
  } catch (const Error& thrown) {
    return thrown.code();
  } catch (...) {
    return std::nullopt;
  }
}

}  // namespace libstream::apps::simulation
