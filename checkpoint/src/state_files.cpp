#include "state_files.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <exception>

namespace libstream::checkpoint {

std::string padded(std::uint64_t value) {
  const auto digits = std::to_string(value);
  return std::string(20 - digits.size(), '0') + digits;
}

std::optional<std::uint64_t> parse_padded(std::string_view text) {
  if (text.size() != 20 ||
      !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool put_own(CheckpointRoot& root, const std::string& name, std::string_view bytes) {
  constexpr int attempts = 2;
  std::exception_ptr unknown;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    try {
      if (root.put_if_absent(name, as_bytes(bytes))) {
        return true;
      }
    } catch (const Error&) {
      // What was put may be there, but nobody knows that it is durable: put it again. The first
      // fault is the one to report, the next may come of it (a poisoned root).
      unknown = unknown ? unknown : std::current_exception();
      continue;
    }
    // The name is taken, and durably so.
    if (const auto found = root.read(name)) {
      return *found == bytes;
    }
    if (!unknown) {
      return false;  // and cleaned since
    }
  }
  std::rethrow_exception(unknown);
}

StateFile StateFiles::store(FileKind kind, const std::string& suffix, std::string body) {
  auto bytes = frame(kind, std::move(body));
  const auto name = "state/" + padded(term_) + "." + uuid_ + "." +
                    std::to_string(next_.fetch_add(1)) + "." + suffix;
  if (!put_own(*root_, name, bytes)) {
    throw Error(ErrorCode::conflict, "another process wrote " + name + " in the checkpoint " +
                                         root_->describe() + "; only one may use it");
  }
  StateFile file{name, bytes.size(), frame_crc(bytes)};
  give_back(std::move(bytes));
  return file;
}

std::string StateFiles::describe(const StateFile& file, const std::string& owner) const {
  return "file " + file.name + " of " + owner + " in the checkpoint " + root_->describe();
}

Framed StateFiles::load(FileKind kind, const StateFile& file, const std::string& owner) const {
  const auto what = describe(file, owner);
  if (!file.name.starts_with("state/")) {
    throw Error(ErrorCode::corrupt, what + " is not a name of a state file");
  }
  auto bytes = root_->read(file.name);
  if (!bytes) {
    throw Error(ErrorCode::corrupt,
                what + " is missing (CRC " + std::to_string(file.crc) +
                    "); restore the checkpoint from a copy, or start over with an empty "
                    "checkpoint and an empty output");
  }
  const auto body = unframe(kind, *bytes, what);
  if (bytes->size() != file.size || frame_crc(*bytes) != file.crc) {
    throw Error(ErrorCode::corrupt, what + " is corrupt: it has " + std::to_string(bytes->size()) +
                                        " bytes and CRC " + std::to_string(frame_crc(*bytes)) +
                                        ", the decision names " + std::to_string(file.size) +
                                        " bytes and CRC " + std::to_string(file.crc));
  }
  const auto begin = static_cast<std::size_t>(body.data() - bytes->data());
  const auto size = body.size();
  return {std::move(*bytes), begin, size};
}

std::optional<std::uint64_t> StateFiles::term_of(const std::string& name) {
  constexpr std::string_view folder = "state/";
  if (!name.starts_with(folder) || name.size() < folder.size() + 21 ||
      name[folder.size() + 20] != '.') {
    return std::nullopt;
  }
  return parse_padded(std::string_view(name).substr(folder.size(), 20));
}

}  // namespace libstream::checkpoint
