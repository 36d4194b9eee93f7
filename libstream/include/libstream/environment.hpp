#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Time given from outside. Operators never see it; sources, triggers and the coordinator do.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall clock: ms since 1970. May jump; the coordinator clamps it to be non-decreasing.
  virtual std::int64_t now_milliseconds() = 0;
  /// For durations: µs from an arbitrary start, never backwards.
  virtual std::int64_t steady_microseconds() = 0;
};

/// Chance given from outside (ids, seeds of epochs).
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  /// 128 random bits as "8-4-4-4-12" hexadecimal text.
  std::string uuid();
};

struct FileStatus {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t modified_nanoseconds = 0;  ///< since 1970
  bool directory = false;
};

/// A file open for writing. Not shared between threads.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual void append(std::span<const std::byte> bytes) = 0;
  virtual void sync() = 0;  ///< fdatasync; after a failure the file is garbage
  virtual void close() = 0;
};

/// Files given from outside. Blocking; called on the I/O pool only. Every member throws Error(io)
/// naming the path and the cause ("No space left on device"); conflict where a name is taken.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual std::string read(const std::string& path) = 0;
  /// Bytes [offset, offset + size) or fewer at the end of the file.
  virtual std::string read(const std::string& path, std::uint64_t offset, std::size_t size) = 0;
  virtual std::unique_ptr<WritableFile> create(const std::string& path) = 0;  ///< must not exist
  /// As `create`, for a file that others may read: as the process's umask says. What `create` makes
  /// is its owner's alone.
  virtual std::unique_ptr<WritableFile> create_shared(const std::string& path) {
    return create(path);
  }
  virtual std::optional<FileStatus> status(const std::string& path) = 0;
  /// Files and directories in a directory, sorted by name; no pipes, sockets and devices.
  virtual std::vector<FileStatus> list(const std::string& directory) = 0;
  virtual void create_directories(const std::string& path) = 0;
  /// A second name for a file; returns false where the name is taken.
  virtual bool link(const std::string& from, const std::string& to) = 0;
  virtual bool remove(const std::string& path) = 0;  ///< false where there was none
  virtual void sync_directory(const std::string& path) = 0;
  /// As `sync_directory`; false, and nothing synced, where this process may not read the directory
  /// or its file system is read-only or knows no such syncs. For what somebody else made.
  virtual bool try_sync_directory(const std::string& path) {
    sync_directory(path);
    return true;
  }
  /// True where both names are the same inode.
  virtual bool same_file(const std::string& a, const std::string& b) = 0;
};

/// Where a checkpoint lives: named immutable objects, written once. A directory, or an object store
/// with conditional writes. Names are relative, parts joined by '/', [A-Za-z0-9._-] only.
class CheckpointRoot {
 public:
  virtual ~CheckpointRoot() = default;
  /// Durable when it returns true; false where the name is taken (nothing changed). An Error means
  /// that the outcome is unknown: read back.
  virtual bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) = 0;
  virtual std::optional<std::string> read(const std::string& name) = 0;
  /// Names that begin with `prefix`, sorted.
  virtual std::vector<std::string> list(const std::string& prefix) = 0;
  virtual void remove(const std::string& name) = 0;
  /// For messages: the path or URL.
  virtual std::string describe() const = 0;
};

std::shared_ptr<Clock> system_clock();
std::shared_ptr<Random> system_random();
std::shared_ptr<Random> seeded_random(std::uint64_t seed);
std::shared_ptr<FileSystem> local_file_system();

/// Everything the engine takes from the outside world.
struct Environment {
  std::shared_ptr<Clock> clock = system_clock();
  std::shared_ptr<Random> random = system_random();
  std::shared_ptr<FileSystem> files = local_file_system();
};

/// CRC32C (Castagnoli), as stored in every file of ours.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace libstream
