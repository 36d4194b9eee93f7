#pragma once

#include "frame.hpp"

#include <libstream/checkpoint/log_entry.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::checkpoint {

/// The bytes of a sink handle that are in a file of their own.
struct HandleFile {
  std::size_t sink = 0;    ///< place in EpochEntry::sinks
  std::size_t handle = 0;  ///< place in its handles
  StateFile file;
};

/// An entry as the log holds it.
struct StoredEntry {
  std::uint64_t index = 0;
  LogEntry entry;
  std::vector<HandleFile> handle_files;  ///< of an epoch; those handles have no bytes yet
};

/// Framed.
std::string encode_meta(const CheckpointMeta& meta);
CheckpointMeta decode_meta(std::string_view bytes, const std::string& what);

/// Framed.
std::string encode_entry(const StoredEntry& stored, const std::string& query_id);
/// `what` names the entry in errors. Entries of another place or query are corrupt, too.
StoredEntry decode_entry(std::string_view bytes, std::uint64_t index, const std::string& query_id,
                         const std::string& what);

}  // namespace libstream::checkpoint
