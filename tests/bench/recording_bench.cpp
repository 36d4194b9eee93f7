// What recording costs: CPU nanoseconds a row between a batch and the synced segment, for rows of
// 40 bytes. One core; files in TMPDIR or the directory given.
#include "process_usage.hpp"

#include <libstream/environment.hpp>
#include <libstream/hash.hpp>
#include <libstream/recording.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <vector>

using namespace libstream;

namespace {

constexpr std::size_t columns = 5;
constexpr std::size_t batches_an_epoch = 256;
constexpr int rounds = 8;
constexpr std::uint64_t rows_a_round = batches_an_epoch * batch_rows;

const Schema schema =
    Schema::parse("auction bigint, bidder bigint, price bigint, t timestamp, x bigint");

/// Row number and column to value.
using Values = std::function<std::int64_t(std::uint64_t row, std::size_t column)>;

std::vector<BatchPtr> make_batches(const Values& values) {
  std::vector<BatchPtr> batches;
  for (std::uint64_t n = 0; n < batches_an_epoch; ++n) {
    std::vector<ColumnPtr> made;
    for (std::size_t c = 0; c < columns; ++c) {
      auto buffer = Buffer::allocate(batch_rows * sizeof(std::int64_t));
      for (std::size_t i = 0; i < batch_rows; ++i) {
        buffer->as<std::int64_t>()[i] = values(n * batch_rows + i, c);
      }
      made.push_back(Column::fixed(schema[c].type, batch_rows, std::move(buffer)));
    }
    batches.push_back(make_batch(std::move(made)));
  }
  return batches;
}

/// Like the bids of Nexmark: a few auctions at a time, prices over decades, time going on.
std::int64_t bid(std::uint64_t row, std::size_t column) {
  const auto random = hash_word(row * columns + column);
  switch (column) {
    case 0:
      return static_cast<std::int64_t>(1000 + row / 50 + random % 100);
    case 1:
      return static_cast<std::int64_t>(1000 + row / 15 + random % 1000);
    case 2:
      return static_cast<std::int64_t>(100 + (random % 1000) * (random % 1000));
    case 3:
      return static_cast<std::int64_t>(1'700'000'000'000'000 + row * 1000);
    default:
      return static_cast<std::int64_t>(random % 4);
  }
}

/// Nothing that compresses.
std::int64_t noise(std::uint64_t row, std::size_t column) {
  return static_cast<std::int64_t>(hash_word(hash_word(row * columns + column)));
}

void measure(const char* name, const Values& values, const std::string& directory) {
  const auto batches = make_batches(values);
  RecordingTarget target;
  target.directory = directory;
  target.source = name;
  target.kind = "bench";
  const Environment environment;
  const auto sink = recording_sink(target, environment);
  sink->set_schema(schema);
  sink->open("00000000-0000-0000-0000-000000000000");
  const auto writer = sink->writer({});
  double best = 1e9;
  double yardstick = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const auto copy_begin = cpu_seconds();
    std::vector<char> copy(1 << 20);
    for (const auto& batch : batches) {
      for (const auto& column : batch->columns) {
        std::memcpy(copy.data(), column->values<char>(), batch->rows * sizeof(std::int64_t));
      }
    }
    yardstick = std::min(yardstick, cpu_seconds() - copy_begin);
    const auto begin = cpu_seconds();
    EpochSummary summary;
    summary.epoch = Epoch{static_cast<std::uint64_t>(round)};
    summary.inputs.emplace_back();
    writer->start(summary.epoch);
    for (const auto& batch : batches) writer->write(batch);
    const std::vector<StagedHandle> handles{writer->stage(), sink->note(summary)};
    sink->commit(summary.epoch, handles);
    best = std::min(best, cpu_seconds() - begin);
  }
  std::uint64_t stored = 0;
  for (const auto& file : environment.files->list(directory + "/" + name)) stored += file.size;
  const auto ns = [](double seconds) { return seconds * 1e9 / static_cast<double>(rows_a_round); };
  std::printf("%-6s %6.1f ns a row (copying alone: %.1f), %.1f of 40 bytes stored\n", name,
              ns(best), ns(yardstick),
              static_cast<double>(stored) / static_cast<double>(rounds * rows_a_round));
}

}  // namespace

int main(int argc, char** argv) {
  auto pattern =
      (argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path()) /
      "recording-bench-XXXXXX";
  auto directory = pattern.string();
  if (::mkdtemp(directory.data()) == nullptr) {
    std::fprintf(stderr, "cannot make %s\n", directory.c_str());
    return 1;
  }
  measure("bids", bid, directory);
  measure("noise", noise, directory);
  std::filesystem::remove_all(directory);
}
