#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/sink.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace libstream {

/// What one partition staged for one epoch: names without directory.
struct StagedFile {
  std::string final_name;   ///< "part-7-0.jsonl"
  std::string staged_name;  ///< in "_staging", with term and uuid
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
};
std::string encode_staged_file(const StagedFile& file);
/// Throws Error(corrupt).
StagedFile decode_staged_file(const std::string& bytes);

/// Files of JSON or CSV lines, `part-<epoch>-<partition>.jsonl` or `.csv`, exactly once: rows go to
/// a file in `_staging` that is durable before the epoch is decided; commit links it to its final
/// name without overwriting. A reader that ignores names beginning with "_" sees committed rows
/// only. Append mode, unless option outputModes is "any": then each epoch's rows are written as
/// they are emitted.
std::shared_ptr<Sink> file_sink(const SinkSpec& spec, OutputMode mode,
                                const Environment& environment);

}  // namespace libstream
