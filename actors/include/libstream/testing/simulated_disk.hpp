#pragma once

#include <libstream/environment.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::testing {

/// One operation of a process on its files. `target`: the new name of a link. `done`, once it is
/// over: false where a link found the name taken, or a removal found none.
struct FileOperation {
  enum class Kind : std::uint8_t {
    read,
    list,
    create,
    append,  ///< of half of the bytes; the other half is an operation of its own
    sync,
    make_directory,
    link,
    remove,
    sync_directory,
  };
  Kind kind = Kind::read;
  std::string path;
  std::string target;
  bool done = true;
  // Which bytes are read.
  std::uint64_t offset = 0;
  std::uint64_t size = UINT64_MAX;

  bool syncs() const { return kind == Kind::sync || kind == Kind::sync_directory; }
  bool reads() const { return kind == Kind::read || kind == Kind::list; }
  /// Fails where the disk is full.
  bool takes_room() const {
    return kind == Kind::create || kind == Kind::append || kind == Kind::link ||
           kind == Kind::make_directory;
  }
};

/// Sees each operation of one process before and after it is done. Either may throw: Error, and the
/// operation fails (thrown by `after`: though it was done); anything else, and the process dies.
class FileHook {
 public:
  virtual ~FileHook() = default;
  virtual void before(const FileOperation& operation) = 0;
  virtual void after(const FileOperation& operation) = 0;
};

/// A disk in memory that several simulated processes share and that survives them. It keeps its
/// promises as narrowly as POSIX allows: until a file is synced, a power cut may take, cut or tear
/// its bytes; until a directory is synced, each name made or removed in it may be as before,
/// whatever became of names made earlier. Paths begin with '/'. For one thread.
class SimulatedDisk {
 public:
  SimulatedDisk();
  ~SimulatedDisk();

  /// The disk as one process sees it. `hook` may be null.
  std::shared_ptr<FileSystem> files(std::shared_ptr<FileHook> hook);
  /// Everything that was not synced is lost, kept, cut or torn, as `random` says.
  void cut_power(Random& random);
  /// How many names and files power cuts have set back or torn.
  std::uint64_t lost() const;

  /// Looks and damages that are nobody's operations.
  bool exists(const std::string& path) const;
  std::string content(const std::string& path) const;  ///< empty where there is no such file
  std::vector<std::string> paths(const std::string& prefix) const;  ///< of files, sorted
  void flip_bit(const std::string& path, std::uint64_t bit);
  void replace(const std::string& path, std::string bytes);
  void erase(const std::string& path);

  class Names;

 private:
  std::shared_ptr<Names> names_;
};

}  // namespace libstream::testing
