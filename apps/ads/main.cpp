// Which impressions of ads led to clicks: two streams of files joined, a generator that knows the
// answer, and a comparison with it.
#include "generator.hpp"
#include "support/command_line.hpp"
#include "support/progress_printer.hpp"
#include "support/recording_options.hpp"
#include "support/run_query.hpp"

#include <libstream/libstream.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace libstream::apps {
namespace {

struct AdsOptions {
  AdsGeneratorOptions generator;
  std::string generated = "ads-input";

  std::string input = "ads-input";
  std::string output = "ads-output";
  std::string checkpoint = "ads-checkpoint";
  std::string late;
  std::string type = "left_outer";
  std::string watermark_policy = "min";
  std::int64_t max_files_per_trigger = 0;
  bool available_now = false;
  std::uint32_t partitions = SessionOptions{}.partitions;
  std::uint32_t threads = 0;
  std::string progress = "text";
  bool explain = false;
  RecordingOptions recording;
};

void declare_run(CLI::App& app, AdsOptions& options) {
  app.add_option("--input", options.input, "Directory with impressions/ and clicks/")
      ->capture_default_str();
  app.add_option("--output", options.output, "Directory for the joined rows")
      ->capture_default_str();
  app.add_option("--checkpoint", options.checkpoint, "Directory that makes restarts exact")
      ->capture_default_str();
  app.add_option("--type", options.type, "Only impressions with clicks, or all of them")
      ->check(CLI::IsMember({"inner", "left_outer"}))
      ->capture_default_str();
  app.add_option("--watermark-policy", options.watermark_policy,
                 "The watermark goes by the stream that is behind (min) or ahead (max)")
      ->check(CLI::IsMember({"min", "max"}))
      ->capture_default_str();
  app.add_option("--max-files-per-trigger", options.max_files_per_trigger,
                 "Most files of a stream an epoch reads; 0: all there are")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--available-now", options.available_now, "Read what is there, then end");
  app.add_option("--partitions", options.partitions, "Tasks of the join")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the engine; 0: as many as cores")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  app.add_option("--late", options.late, "Directory for rows that came too late");
  app.add_option("--progress", options.progress, "What stderr shows of it")
      ->check(CLI::IsMember({"text", "json", "off"}))
      ->capture_default_str();
  app.add_flag("--explain", options.explain, "Print the plan, and how long each side is kept");
  declare_recording(app, options.recording);
}

void declare_generator(CLI::App& app, AdsGeneratorOptions& options) {
  app.add_option("--seed", options.seed, "What the rows depend on")->capture_default_str();
  app.add_option("--impressions", options.impressions, "How many")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--hours", options.hours, "Event time that they take")
      ->check(CLI::Range(0.1, 10'000.0))
      ->capture_default_str();
  app.add_option("--click-share", options.click_share, "Share of impressions clicked on")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--stray-share", options.stray_share, "Clicks at random, as a share of those")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

DataStream ads(Session& session, const AdsOptions& options) {
  const auto read = [&](const char* schema, const char* name) {
    auto reader = session.read_stream();
    reader.schema(schema).option("fileOrder", "name");
    if (options.max_files_per_trigger > 0) {
      reader.option("maxFilesPerTrigger", options.max_files_per_trigger);
    }
    return reader.json(options.input + "/" + name);
  };
  const auto impressions =
      read("impressionId bigint, adId string, impressionTime timestamp", "impressions")
          .with_watermark("impressionTime", "2 hours");
  const auto clicks = read("clickId bigint, adId string, clickTime timestamp", "clicks")
                          .with_watermark("clickTime", "3 hours");
  return impressions.as("i")
      .join(clicks.as("c"),
            "i.adId = c.adId AND clickTime >= impressionTime AND "
            "clickTime <= impressionTime + interval 1 hour",
            parse_join_type(options.type))
      .select(col("i.adId").as("adId"), col("impressionId"), col("impressionTime"), col("clickId"),
              col("clickTime"));
}

Query start(const DataStream& joined, const AdsOptions& options) {
  auto writer = joined.write_stream();
  writer.query_name("ads").option("watermarkPolicy", options.watermark_policy);
  writer.checkpoint(options.checkpoint);
  if (options.available_now) writer.trigger(Trigger::available_now());
  writer.json(options.output);
  if (!options.late.empty()) writer.late_rows(json_sink(options.late));
  apply_recording(options.recording, writer);
  if (options.explain) std::fputs(writer.explain().c_str(), stderr);
  return writer.start();
}

void print_account(const std::map<std::string, std::uint64_t>& totals) {
  const auto print = [&](const char* what, const char* name) {
    const auto found = totals.find(name);
    const auto count = found == totals.end() ? std::uint64_t{0} : found->second;
    std::fprintf(stderr, "%s: %s\n", what, grouped(count).c_str());
  };
  print("rows read", "inputRows");
  print("rows written", "outputRows");
  print("late rows", "lateRows");
  print("rows kept", "stateRows");
  print("malformed lines", "malformedRows");
}

void run(const AdsOptions& options) {
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.partitions = options.partitions;
  const auto totals = run_query(session_options, options.progress, [&](Session& session) {
    return start(ads(session, options), options);
  });
  if (options.progress == "text") print_account(totals);
}

void generate(const AdsOptions& options) {
  const auto truth = make_ads(options.generator);
  write_ads(truth, options.generated, *local_file_system());
  std::printf("{\"impressions\":%zu,\"clicks\":%zu,\"pairs\":%zu,\"unclicked\":%zu}\n",
              truth.impressions.size(), truth.clicks.size(), truth.pairs.size(),
              truth.unclicked.size());
}

/// The joined rows of a directory, as pairs and unclicked impressions, sorted.
AdsTruth read_output(const std::string& directory) {
  Session session({.threads = 1, .partitions = 1});
  AdsTruth found;
  session.read()
      .schema("impressionId bigint, clickId bigint")
      .option("mode", "FAILFAST")
      .json(directory)
      .write_stream()
      .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
        for (const auto& batch : batches) {
          const auto& impressions = *batch->columns[0];
          const auto& clicks = *batch->columns[1];
          for (std::size_t i = 0; i < batch->rows; ++i) {
            const auto impression = impressions.values<std::uint64_t>()[i];
            if (clicks.is_null(i)) {
              found.unclicked.push_back(impression);
            } else {
              found.pairs.push_back({impression, clicks.values<std::uint64_t>()[i]});
            }
          }
        }
      })
      .start()
      .await_termination();
  std::sort(found.pairs.begin(), found.pairs.end());
  std::sort(found.unclicked.begin(), found.unclicked.end());
  return found;
}

template <class T, class Text>
void compare(const std::vector<T>& wanted, const std::vector<T>& found, const char* what,
             Text text) {
  const auto [a, b] = std::mismatch(wanted.begin(), wanted.end(), found.begin(), found.end());
  if (a == wanted.end() && b == found.end()) return;
  const bool missing = a != wanted.end() && (b == found.end() || *a < *b);
  throw Error(ErrorCode::data,
              std::string(what) + " " + text(missing ? *a : *b) +
                  (missing ? " is missing" : " should not be there, or not twice") + "; wanted " +
                  std::to_string(wanted.size()) + ", found " + std::to_string(found.size()));
}

void check(const AdsOptions& options) {
  const auto truth = make_ads(options.generator);
  const auto found = read_output(options.output);
  compare(truth.pairs, found.pairs, "the pair of impression", [](const AdsTruth::Pair& pair) {
    return std::to_string(pair.impression) + " and click " + std::to_string(pair.click);
  });
  const std::vector<std::uint64_t> none;
  compare(options.type == "inner" ? none : truth.unclicked, found.unclicked,
          "the impression without a click", [](std::uint64_t id) { return std::to_string(id); });
  std::printf("{\"pairs\":%zu,\"unclicked\":%zu,\"check\":\"ok\"}\n", found.pairs.size(),
              found.unclicked.size());
}

}  // namespace
}  // namespace libstream::apps

int main(int argc, char** argv) {
  using namespace libstream::apps;
  CLI::App app{"Impressions of ads joined with the clicks of the hour after them.", "ads"};
  AdsOptions options;
  app.require_subcommand(1);
  auto* make = app.add_subcommand("generate", "Write impressions and clicks by a seed");
  declare_generator(*make, options.generator);
  make->add_option("--output", options.generated, "Directory to make")->capture_default_str();
  auto* join = app.add_subcommand("run", "Join them");
  declare_run(*join, options);
  auto* compare = app.add_subcommand("check", "Compare joined rows with what the generator knows");
  declare_generator(*compare, options.generator);
  compare->add_option("--output", options.output, "Directory of the joined rows")
      ->capture_default_str();
  compare->add_option("--type", options.type, "As given to run")
      ->check(CLI::IsMember({"inner", "left_outer"}))
      ->capture_default_str();
  return run_program(app, argc, argv, [&] {
    if (make->parsed()) return generate(options);
    if (join->parsed()) return run(options);
    check(options);
  });
}
