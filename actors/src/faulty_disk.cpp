#include "faulty_disk.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream::testing {
namespace {

[[noreturn]] void fail(const std::string& action, const std::string& path, const char* cause) {
  throw Error(ErrorCode::io, "cannot " + action + " " + path + ": " + cause);
}

bool below(const std::string& directory, const std::string& path) {
  return path.starts_with(directory) && path.substr(directory.size()).starts_with('/');
}

}  // namespace

void FaultyDisk::before(const FileOperation& operation) {
  if (!dead_ && !fate_.after && operations_ == fate_.death) dead_ = true;
  if (dead_) throw Died{};
  if (operation.syncs() && syncs_++ == fate_.failing_sync) {
    sync_failed_ = true;
    fail("sync", operation.path, "Input/output error");
  }
  if (operation.takes_room() && fate_.full) {
    const auto place = writes_++;
    if (place >= *fate_.full && place < *fate_.full + fate_.full_for) {
      was_full_ = true;
      fail("write", operation.path, "No space left on device");
    }
  }
  if (operation.kind == FileOperation::Kind::read) flip(operation);
}

void FaultyDisk::after(const FileOperation&) {
  if (!dead_ && fate_.after && operations_ == fate_.death) dead_ = true;
  ++operations_;
  if (dead_) throw Died{};
}

void FaultyDisk::flip(const FileOperation& operation) {
  const auto& path = operation.path;
  const bool checked = std::any_of(fate_.checked.begin(), fate_.checked.end(),
                                   [&](const auto& directory) { return below(directory, path); });
  if (!fate_.flip || !flipped_.empty() || !checked) return;
  const std::uint64_t size = disk_->content(path).size();
  if (operation.offset >= size) return;
  if (reads_++ < *fate_.flip) return;
  const auto read = std::min(operation.size, size - operation.offset);
  flipped_ = path;
  flipped_bit_ = operation.offset * 8 + fate_.bit % (read * 8);
  disk_->flip_bit(path, flipped_bit_);
}

std::string FaultyDisk::flipped_name() const {
  for (const auto& directory : fate_.checked) {
    if (below(directory, flipped_)) return flipped_.substr(directory.size() + 1);
  }
  return flipped_;
}

void FaultyDisk::mend() {
  if (disk_->exists(flipped_)) disk_->flip_bit(flipped_, flipped_bit_);
}

}  // namespace libstream::testing
