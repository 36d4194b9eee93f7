#pragma once

#include "../checkpoint/temporary_directory.hpp"

#include <libstream/libstream.hpp>
#include <libstream/recording.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace libstream::test {

inline const std::string schema = "k string, t timestamp, v bigint";

inline Row row(std::string_view key, std::int64_t second, std::int64_t value) {
  return {Value(std::string(key)), Value(second * 1'000'000), Value(value)};
}

/// Epochs with late rows, one with rows of all keys, one that is empty but for the watermark.
inline std::vector<std::vector<Row>> epochs() {
  return {{row("ada", 1, 1), row("bob", 2, 2), row("ada", 14, 3)},
          {row("bob", 40, 4), row("cy", 41, 5)},
          {row("ada", 3, 6), row("cy", 45, 7), row("cy", 45, 7)},
          {row("dora", 90, 8)}};
}

inline DataStream sums(const DataStream& rows) {
  return rows.with_watermark("t", "5 seconds")
      .group_by("k", window("t", "10 seconds"))
      .agg(sum("v").as("sum"), count().as("n"));
}

struct Run {
  std::vector<Row> rows;
  std::string text;
  std::string late;
  std::vector<QueryProgress> progress;  ///< of executed epochs

  std::vector<EpochHashes> hashes() const {
    std::vector<EpochHashes> all;
    for (const auto& entry : progress) all.push_back(entry.hashes.value());
    return all;
  }
};

inline std::vector<QueryProgress> executed(const Query& query) {
  std::vector<QueryProgress> all;
  for (const auto& entry : query.recent_progress()) {
    if (entry.executed) all.push_back(entry);
  }
  return all;
}

/// Adds an epoch's rows and awaits what they lead to.
inline void feed(MemoryStream& input, Query& query, const std::vector<Row>& rows) {
  std::vector<std::pair<MemoryStream, std::vector<Row>>> pieces;
  for (const auto& one : rows) pieces.emplace_back(input, std::vector<Row>{one});
  MemoryStream::add_together(pieces);
  query.process_all_available();
}

inline Run record(const std::string& directory, std::uint32_t partitions = 3) {
  Session session({.threads = 2, .partitions = partitions});
  MemoryStream input(schema);
  MemoryTable output;
  MemoryTable late;
  auto query = sums(session.read_stream().memory(input).named("clicks"))
                   .write_stream()
                   .record_to(directory)
                   .option("hashes", true)
                   .memory(output)
                   .late_rows(memory_sink(late))
                   .start();
  for (const auto& rows : epochs()) feed(input, query, rows);
  query.stop();
  return {output.rows(), output.text(), late.text(), executed(query)};
}

/// The same query, whose memory stream nobody fills.
inline Run replay(const std::string& directory, std::uint32_t partitions,
                  const ReplayRules& rules = {}) {
  Session session({.threads = 2, .partitions = partitions});
  MemoryStream input(schema);
  MemoryTable output;
  MemoryTable late;
  auto query = sums(session.read_stream().memory(input).named("clicks"))
                   .write_stream()
                   .replay(directory, rules)
                   .trigger(Trigger::available_now())
                   .option("hashes", true)
                   .memory(output)
                   .late_rows(memory_sink(late))
                   .start();
  query.await_termination();
  return {output.rows(), output.text(), late.text(), executed(query)};
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Everything in the recording read once.
inline void read_all(const std::string& directory) {
  const auto recording = Recording::open(directory);
  for (const auto& source : recording.sources()) {
    for (const auto& epoch : source.epochs) {
      for (const auto& chunk : epoch.chunks) recording.rows(source, chunk);
    }
  }
}

template <class Call>
Error failure(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::io, "nothing was thrown");
}

}  // namespace libstream::test
