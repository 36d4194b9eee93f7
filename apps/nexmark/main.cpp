// Queries of the Nexmark benchmark and a word count, measured in events per CPU second.
#include "checksum_sink.hpp"
#include "event_source.hpp"
#include "interval_join.hpp"
#include "oracle.hpp"
#include "queries.hpp"
#include "reference.hpp"
#include "static_queries.hpp"
#include "supply.hpp"
#include "support/command_line.hpp"

#include <libstream/libstream.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/resource.h>

namespace libstream::apps {
namespace {

constexpr std::uint64_t distinct_events = 6'000'000;

struct NexmarkOptions {
  std::string query;
  std::uint64_t events = 0;
  std::uint32_t threads = 1;
  std::uint32_t partitions = 0;
  bool generate = false;
  bool check = false;
  std::uint64_t seed = 1;
  double rate = 1e6;
  std::size_t keys = 10'000;
  std::uint64_t epoch_events = 0;  ///< 0: what suits the query
  std::uint64_t live = 1'000'000;
  std::uint64_t even_auctions = 0;

  /// Events of the pool that are all different; 0: those that fit in.
  std::uint64_t distinct() const {
    if (needs_distinct_events(query)) return events;
    // The persons and auctions of more than a window, so that none comes twice in one.
    if (query == "q8") return static_cast<std::uint64_t>(rate * 12);
    // Drawn evenly, nearly all auctions come up in four events for each.
    return even_auctions == 0 ? 0 : std::max<std::uint64_t>(4 * even_auctions, 1'000'000);
  }
};

void declare(CLI::App& app, NexmarkOptions& options) {
  auto names = query_names();
  names.emplace_back("intervaljoin");
  app.add_option("--query", options.query, "What to run")->required()->check(CLI::IsMember(names));
  app.add_option(
         "--events", options.events,
         "Events to read (words for wordcount); 0: as many as 5 CPU seconds take (q3, q9, q18, "
         "q19 and q20: 6 million, none of them twice)")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the engine")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--partitions", options.partitions, "Tasks an operator; 0: as many as threads")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  app.add_flag("--generate", options.generate, "Generate while running, not before");
  app.add_flag("--check", options.check,
               "Compare the rows with plain loops over the same events, and measure nothing");
  app.add_option("--seed", options.seed, "What the events depend on")->capture_default_str();
  app.add_option("--even-auctions", options.even_auctions,
                 "Bids on so many auctions, drawn evenly; 0: as the benchmark draws them")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--rate", options.rate, "Events a second of event time")
      ->check(CLI::Range(1.0, 1e9))
      ->capture_default_str();
  app.add_option("--keys", options.keys, "Words of the vocabulary")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--live", options.live, "Rows that intervaljoin keeps within its ten seconds")
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--epoch-events", options.epoch_events,
                 "Events an epoch reads at most; 0: 8 million, for intervaljoin a quarter of those "
                 "that it keeps")
      ->capture_default_str();
}

/// A directory of its own, gone with the object.
class TemporaryDirectory final {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "nexmark-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::unreachable, "cannot make a directory " + name + "; set TMPDIR");
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;  // A leftover in the temporary directory harms nobody.
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Result {
  std::uint64_t events = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;
};

/// A query over sources of its supplies.
class Benchmark final {
 public:
  Benchmark(const NexmarkOptions& options, const Supplies& supplies,
            const std::shared_ptr<Meter>& meter)
      : session_(session_options(options)) {
    EventSourceOptions read;
    read.events = options.events;
    read.tasks = options.partitions;
    // The same events of all streams in an epoch.
    std::uint64_t whole = 1;
    for (const auto& [name, supply] : supplies) {
      whole = std::max(whole, supply->events_per_batch());
    }
    read.epoch_events = std::max<std::uint64_t>(options.epoch_events / whole, 1) * whole;
    asked_.emplace(query_of(options.query, [&](const std::string& stream) {
      sources_.push_back(std::make_shared<EventSource>(supplies.at(stream), meter, read));
      return session_.read_stream().source(sources_.back());
    }));
  }

  /// The writer, but for the sink.
  DataStreamWriter writer() const {
    return asked_->stream.write_stream()
        .output_mode(asked_->mode)
        .trigger(Trigger::available_now())
        .checkpoint(checkpoint_.path());
  }
  std::uint64_t events() const { return sources_[0]->planned_events(); }

 private:
  static SessionOptions session_options(const NexmarkOptions& options) {
    SessionOptions session;
    session.threads = options.threads;
    session.partitions = options.partitions;
    return session;
  }

  const TemporaryDirectory checkpoint_;
  Session session_;
  std::vector<std::shared_ptr<EventSource>> sources_;
  std::optional<NexmarkQuery> asked_;
};

Result measure(const NexmarkOptions& options, const Supplies& supplies) {
  const auto meter = std::make_shared<Meter>();
  const auto sink = std::make_shared<ChecksumSink>(meter);
  const Benchmark benchmark(options, supplies, meter);
  benchmark.writer().sink(sink).start().await_termination();
  return {benchmark.events(), meter->seconds(), meter->cpu_seconds(), sink->rows(),
          sink->checksum()};
}

/// Throws where the rows are not those that plain loops give.
void check(const NexmarkOptions& options, const Supplies& supplies) {
  const auto rows = std::make_shared<CollectedRows>();
  const Benchmark benchmark(options, supplies, std::make_shared<Meter>());
  benchmark.writer()
      .foreach_batch([rows](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
        rows->add(batches);
      })
      .start()
      .await_termination();
  const auto text = difference(options.query, supplies, options.events, *rows);
  if (!text.empty()) throw Error(ErrorCode::data, options.query + ": " + text);
  std::uint64_t count = 0;
  for (const BatchPtr& batch : rows->batches()) count += batch->rows;
  std::printf("{\"query\":\"%s\",\"events\":%llu,\"rows_out\":%llu,\"check\":\"ok\"}\n",
              options.query.c_str(), static_cast<unsigned long long>(options.events),
              static_cast<unsigned long long>(count));
}

void print(const NexmarkOptions& options, const Result& result, std::optional<double> reference) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const std::string reference_text =
      reference ? std::to_string(static_cast<std::uint64_t>(*reference)) : "null";
  std::printf(
      "{\"query\":\"%s\",\"events\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,"
      "\"events_per_cpu_second\":%.0f,\"rows_out\":%llu,\"checksum\":\"%016llx\","
      "\"peak_rss_bytes\":%llu,\"reference_events_per_cpu_second\":%s}\n",
      options.query.c_str(), static_cast<unsigned long long>(result.events), result.seconds,
      result.cpu_seconds,
      result.cpu_seconds > 0 ? static_cast<double>(result.events) / result.cpu_seconds : 0.0,
      static_cast<unsigned long long>(result.rows),
      static_cast<unsigned long long>(result.checksum),
      static_cast<unsigned long long>(usage.ru_maxrss) * 1024ULL, reference_text.c_str());
}

/// Impressions and clicks: its events are the rows of both.
void run_interval_join(NexmarkOptions options) {
  const Ads ads({options.seed, options.live});
  EventSourceOptions read;
  const auto whole_steps = [](std::uint64_t events) {
    return std::max<std::uint64_t>((events + Ads::step() / 2) / Ads::step(), 1) * Ads::step();
  };
  // Until the state is full, and three times more.
  read.events = whole_steps(options.events == 0 ? options.live * 4 : options.events * 10 / 11);
  read.epoch_events =
      whole_steps(options.epoch_events == 0 ? options.live / 4 : options.epoch_events * 10 / 11);
  read.tasks = options.partitions;
  const auto meter = std::make_shared<Meter>();
  const auto sink = std::make_shared<ChecksumSink>(meter);
  const auto before = ads.reference_rate();
  const TemporaryDirectory checkpoint;
  {
    SessionOptions session_options;
    session_options.threads = options.threads;
    session_options.partitions = options.partitions;
    Session session(session_options);
    const auto source = [&](const std::shared_ptr<const Supply>& supply) {
      return session.read_stream().source(std::make_shared<EventSource>(supply, meter, read));
    };
    interval_join(source(ads.impressions()), source(ads.clicks()))
        .write_stream()
        .trigger(Trigger::available_now())
        .checkpoint(checkpoint.path())
        .sink(sink)
        .start()
        .await_termination();
  }
  const Ads::Truth truth = ads.truth(read.events);
  if (sink->rows() != truth.pairs) {
    throw Error(ErrorCode::data, "intervaljoin: " + std::to_string(sink->rows()) +
                                     " pairs, where there are " + std::to_string(truth.pairs));
  }
  print(options,
        {truth.rows, meter->seconds(), meter->cpu_seconds(), sink->rows(), sink->checksum()},
        std::max(before, ads.reference_rate()));
}

std::shared_ptr<const Supply> supply_of(const std::string& stream, const NexmarkOptions& options) {
  if (stream == "words") return word_supply(options.seed, options.keys, options.generate);
  GeneratorOptions generator;
  generator.seed = options.seed;
  generator.events_per_second = options.rate;
  generator.even_auctions = options.even_auctions;
  const auto kind = stream == "persons"    ? EventKind::person
                    : stream == "auctions" ? EventKind::auction
                                           : EventKind::bid;
  return event_supply(kind, generator, options.generate, options.distinct());
}

void run(NexmarkOptions options) {
  if (options.partitions == 0) options.partitions = options.threads;
  if (needs_distinct_events(options.query) && options.events == 0) options.events = distinct_events;
  if (options.query == "intervaljoin") return run_interval_join(options);
  if (options.epoch_events == 0) options.epoch_events = 8'000'000;
  Supplies supplies;
  for (const auto& stream : streams_of(options.query)) {
    supplies[stream] = supply_of(stream, options);
  }
  if (options.check) {
    if (options.events == 0) {
      throw Error(ErrorCode::invalid_argument, "--check needs --events: how many to compare");
    }
    return check(options, supplies);
  }
  // Before and after, because the machine's speed changes with its neighbours.
  const auto before = reference_rate(options.query, supplies, options.keys);
  const Result result = measure(options, supplies);
  const auto after = reference_rate(options.query, supplies, options.keys);
  print(options, result, std::max(before, after));
}

}  // namespace
}  // namespace libstream::apps

int main(int argc, char** argv) {
  using namespace libstream::apps;
  CLI::App app{"Nexmark queries and a word count; one JSON line a run.", "nexmark"};
  NexmarkOptions options;
  declare(app, options);
  return run_program(app, argc, argv, [&] { run(options); });
}
