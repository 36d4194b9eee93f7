#include "recording_commands.hpp"

#include "recording_edit.hpp"
#include "support/progress_printer.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>
#include <libstream/recording.hpp>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace libstream::apps {
namespace {

namespace json = boost::json;

std::string time_text(const RecordedEpoch& epoch) {
  return format_timestamp(epoch.context.timestamp_milliseconds * 1000);
}

std::uint64_t rows_of(const RecordedSource& source) {
  std::uint64_t rows = 0;
  for (const auto& epoch : source.epochs) rows += epoch.rows();
  return rows;
}

/// "0-4, 9-12": epochs that follow each other are one range.
std::string ranges_of(const std::vector<RecordedEpoch>& epochs) {
  std::string text;
  for (std::size_t i = 0; i < epochs.size();) {
    auto j = i;
    while (j + 1 < epochs.size() && epochs[j + 1].epoch == next(epochs[j].epoch)) ++j;
    text += (text.empty() ? "" : ", ") + std::to_string(number(epochs[i].epoch));
    if (j > i) text += "-" + std::to_string(number(epochs[j].epoch));
    i = j + 1;
  }
  return text.empty() ? "none" : text;
}

json::object to_json(const RecordedEpoch& epoch) {
  static constexpr const char* triggers[] = {"as soon as possible", "processing time", "once",
                                             "available now"};
  return {{"epoch", number(epoch.epoch)},
          {"time", time_text(epoch)},
          {"seed", epoch.context.seed},
          {"trigger", triggers[static_cast<int>(epoch.trigger.kind)]},
          {"noData", epoch.no_data},
          {"idle", epoch.idle},
          {"start", epoch.start},
          {"end", epoch.end},
          {"watermark", format_timestamp(epoch.watermark.milliseconds * 1000)},
          {"nextWatermark", format_timestamp(epoch.next_watermark.milliseconds * 1000)},
          {"rows", epoch.rows()}};
}

void print_json(const Recording& recording) {
  json::array sources;
  for (const auto& source : recording.sources()) {
    json::array epochs;
    for (const auto& epoch : source.epochs) epochs.push_back(to_json(epoch));
    sources.push_back(json::object{{"name", source.name},
                                   {"kind", source.kind},
                                   {"query", source.query_id},
                                   {"schema", source.schema.to_string()},
                                   {"splits", source.splits},
                                   {"rows", rows_of(source)},
                                   {"bytes", source.bytes},
                                   {"segments", source.segments},
                                   {"epochs", std::move(epochs)}});
  }
  std::printf("%s\n", json::serialize(json::object{{"sources", std::move(sources)}}).c_str());
}

void print_text(const Recording& recording) {
  for (const auto& source : recording.sources()) {
    std::printf("%s (%s), of query %s\n", source.name.c_str(), source.kind.c_str(),
                source.query_id.c_str());
    std::printf("  columns   %s\n", source.schema.to_string().c_str());
    if (source.splits > 1) std::printf("  partitions of the source  %u\n", source.splits);
    std::printf("  epochs    %s\n", ranges_of(source.epochs).c_str());
    if (!source.epochs.empty()) {
      std::printf("  from      %s\n  to        %s\n", time_text(source.epochs.front()).c_str(),
                  time_text(source.epochs.back()).c_str());
    }
    std::printf("  rows      %s\n  bytes     %s in %u segments\n", grouped(rows_of(source)).c_str(),
                grouped(source.bytes).c_str(), source.segments);
  }
}

/// Calls `visit` with the batches of the source's epochs in order, until it says false.
template <class Visit>
void each_batch(const Recording& recording, const RecordedSource& source, Visit visit) {
  for (const auto& epoch : source.epochs) {
    for (const auto& chunk : epoch.chunks) {
      for (const auto& batch : recording.rows(source, chunk)) {
        if (!visit(*batch)) return;
      }
    }
  }
}

void print_head(const Recording& recording, const RecordedSource& source, std::size_t rows) {
  std::printf("%s\n", source.schema.to_string().c_str());
  each_batch(recording, source, [&](const Batch& batch) {
    for (std::size_t i = 0; i < batch.rows && rows > 0; ++i, --rows) {
      std::printf("%s\n", to_text(*slice(batch, i, 1)).c_str());
    }
    return rows > 0;
  });
}

void print_rows(const Recording& recording, const RecordedSource& source) {
  each_batch(recording, source, [&](const Batch& batch) {
    const auto lines = to_json_lines(source.schema, batch);
    std::fwrite(lines.data(), 1, lines.size(), stdout);
    return true;
  });
}

void verify(const Recording& recording) {
  for (const auto& source : recording.sources()) {
    std::uint64_t rows = 0;
    each_batch(recording, source, [&](const Batch& batch) {
      rows += batch.rows;
      return true;
    });
    std::printf("%s: %zu epochs (%s), %s rows: whole\n", source.name.c_str(), source.epochs.size(),
                ranges_of(source.epochs).c_str(), grouped(rows).c_str());
  }
}

}  // namespace

struct RecordingCommands::Options {
  std::string directory;
  std::string output;
  std::vector<std::string> inputs;
  std::string source;
  std::string format = "json";
  std::uint64_t from = 0;
  std::uint64_t to = UINT64_MAX;
  std::size_t rows = 10;
  bool as_json = false;
};

RecordingCommands::~RecordingCommands() = default;

RecordingCommands::RecordingCommands(CLI::App& app) : options_(std::make_unique<Options>()) {
  auto& o = *options_;
  app.require_subcommand(1);
  const auto command = [&](const char* name, const char* what, std::function<void()> run) {
    auto* made = app.add_subcommand(name, what);
    made->callback([this, run = std::move(run)] { chosen_ = run; });
    return made;
  };
  const auto directory = [&o](CLI::App* of) {
    of->add_option("recording", o.directory, "Directory of the recording")
        ->required()
        ->check(CLI::ExistingDirectory);
  };
  const auto source = [&o](CLI::App* of) {
    of->add_option("--source", o.source, "Which source, where there are several");
  };
  auto* info = command("info", "What is in a recording", [&o] {
    const auto recording = Recording::open(o.directory);
    o.as_json ? print_json(recording) : print_text(recording);
  });
  directory(info);
  info->add_flag("--json", o.as_json, "As JSON, with every epoch");
  auto* head = command("head", "The first rows of a source", [&o] {
    const auto recording = Recording::open(o.directory);
    print_head(recording, recording.find(o.source), o.rows);
  });
  directory(head);
  source(head);
  head->add_option("--rows", o.rows, "How many")->capture_default_str();
  auto* cut = command("cut", "Part of a recording, as a recording", [&o] {
    cut_recording(Recording::open(o.directory), o.output, Epoch{o.from}, Epoch{o.to});
  });
  directory(cut);
  cut->add_option("output", o.output, "Directory to make")->required();
  cut->add_option("--from", o.from, "First epoch")->capture_default_str();
  cut->add_option("--to", o.to, "Last epoch; otherwise the recording's");
  auto* merge = command("merge", "One recording of several: other epochs, or other sources", [&o] {
    std::vector<Recording> inputs;
    for (const auto& input : o.inputs) inputs.push_back(Recording::open(input));
    merge_recordings(inputs, o.output);
  });
  merge->add_option("output", o.output, "Directory to make")->required();
  merge->add_option("recordings", o.inputs, "Directories of recordings")
      ->required()
      ->expected(2, 1000)
      ->check(CLI::ExistingDirectory);
  auto* exported = command("export", "The rows of a source on stdout", [&o] {
    const auto recording = Recording::open(o.directory);
    print_rows(recording, recording.find(o.source));
  });
  exported->add_option("format", o.format, "json: a line a row")
      ->required()
      ->check(CLI::IsMember({"json"}));
  directory(exported);
  source(exported);
  auto* verified = command("verify", "Read every byte; ends with 1 where one is damaged",
                           [&o] { verify(Recording::open(o.directory)); });
  directory(verified);
}

void RecordingCommands::run() const { chosen_(); }

}  // namespace libstream::apps
