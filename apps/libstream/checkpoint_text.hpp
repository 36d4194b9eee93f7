#pragma once

#include <libstream/checkpoint/checkpoint_reader.hpp>

#include <string>
#include <vector>

namespace libstream::apps {

// What `libstream checkpoint` prints: as text for people, as one line of JSON for programs.

std::string list_text(const CheckpointMeta& meta, const std::vector<RecordedEntry>& entries);
std::string list_json(const CheckpointMeta& meta, const std::vector<RecordedEntry>& entries);

/// The decision of an epoch. Throws Error(invalid_argument) naming the epochs that are there.
RecordedEntry entry_of(const std::vector<RecordedEntry>& entries, Epoch epoch);
std::string entry_text(const RecordedEntry& recorded);
std::string entry_json(const RecordedEntry& recorded);

std::string report_text(const CheckpointReport& report);
std::string report_json(const CheckpointReport& report);

std::string garbage_text(const CheckpointGarbage& garbage, const std::vector<std::string>& unnamed,
                         bool removed);
std::string garbage_json(const CheckpointGarbage& garbage, const std::vector<std::string>& unnamed,
                         bool removed);

}  // namespace libstream::apps
