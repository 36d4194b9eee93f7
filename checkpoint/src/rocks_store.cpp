#include "change_order.hpp"
#include "changelog_fold.hpp"
#include "snapshot_store.hpp"

#include <libstream/error.hpp>

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sys/statvfs.h>
#include <system_error>
#include <utility>

namespace libstream::checkpoint {
namespace {

constexpr std::size_t operator_size = 4;
constexpr std::size_t prefix_size = operator_size + 2;
/// From here on changes are sorted and handed over as a table: no memtable, no second write.
constexpr std::size_t ingest_changes = std::size_t{1} << 15;
constexpr std::size_t ingest_bytes = std::size_t{8} << 20;
/// Left free for RocksDB's own small files, and looked at after so many bytes written.
constexpr std::uint64_t reserved_space = 1U << 20;
constexpr std::size_t checked_every = std::size_t{2} << 20;

void check(const rocksdb::Status& status, const std::string& path, const std::string& action) {
  if (!status.ok()) {
    throw Error(status.IsCorruption() ? ErrorCode::corrupt : ErrorCode::io,
                "the state cache " + path + " failed to " + action + ": " + status.ToString() +
                    "; it is only a cache: check its disk, then start again");
  }
}

void check_file(const std::error_code& error, const std::string& path, const std::string& action) {
  if (error) {
    throw Error(ErrorCode::io, "cannot " + action + " " + path + ": " + error.message());
  }
}

void append_big_endian(std::string& to, std::uint32_t value, unsigned bytes) {
  for (unsigned i = bytes; i > 0; --i) {
    to.push_back(static_cast<char>((value >> (8 * (i - 1))) & 0xff));
  }
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at, unsigned size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::string prefix(OperatorId op, std::uint32_t key_group) {
  LIBSTREAM_ASSERT(key_group <= 0xffff, "key groups fit in 16 bits");
  std::string key;
  append_big_endian(key, static_cast<std::uint32_t>(op), operator_size);
  append_big_endian(key, key_group, 2);
  return key;
}

std::string full_key(OperatorId op, std::uint32_t key_group, std::string_view key) {
  auto full = prefix(op, key_group);
  full += key;
  return full;
}

rocksdb::Slice slice(std::string_view view) { return {view.data(), view.size()}; }
std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::Options database_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = std::size_t{8} << 20;
  options.target_file_size_base = 32ULL << 20;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.info_log_level = rocksdb::ERROR_LEVEL;
  options.keep_log_file_num = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = rocksdb::kCRC32c;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::string read_whole(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) {
    throw Error(ErrorCode::io, "cannot read " + path);
  }
  return bytes;
}

void write_whole(const std::string& path, std::string_view bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) {
    throw Error(ErrorCode::io, "cannot write " + path + "; is the disk full?");
  }
}

/// The RocksDB file a snapshot file holds: names end in ".<file>", RocksDB's have one dot at most.
std::string rocks_name(const std::string& name) {
  if (const auto current = name.find(".CURRENT"); current != std::string::npos) {
    return "CURRENT";
  }
  if (const auto manifest = name.find(".MANIFEST-"); manifest != std::string::npos) {
    return name.substr(manifest + 1);
  }
  if (name.ends_with(".sst")) {
    return name.substr(name.rfind('.', name.size() - 5) + 1);
  }
  return {};
}

/// RocksDB aborts the process at some writes to a full disk: before it comes to that, say so.
void require_space(const std::string& directory, std::uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) != 0) return;  // whatever is wrong, the next call tells
  const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= bytes + reserved_space) return;
  throw Error(ErrorCode::io, "cannot write the state cache " + directory +
                                 ": No space left on device; make space there and start again: "
                                 "what is decided is safe");
}

class RocksStore final : public SnapshotStore {
 public:
  explicit RocksStore(const std::string& cache_directory)
      : directory_(cache_directory), path_(cache_directory + "/db") {
    wipe(directory_ + "/snapshot");
    wipe(directory_ + "/ingest");
    wipe(path_);
    open();
  }

  void apply(OperatorId op, std::string_view changelog) override {
    ChangelogFold fold;
    fold.add(op, changelog);
    fold.apply_to(*this);
  }

  void apply_distinct(OperatorId op, std::vector<Change> changes) override {
    std::size_t bytes = 0;
    for (const auto& change : changes)
      bytes += prefix_size + change.key.size() + change.value.size();
    if (changes.size() >= ingest_changes || bytes >= ingest_bytes) {
      ingest(op, changes, bytes);
      return;
    }
    rocksdb::WriteBatch batch;
    for (const auto& change : changes) {
      const auto key = full_key(op, change.key_group, change.key);
      check(change.put ? batch.Put(key, slice(change.value)) : batch.Delete(key), path_, "write");
    }
    if (unchecked_ += batch.GetDataSize(); unchecked_ >= checked_every) {
      require_space(path_, 2 * unchecked_);
      unchecked_ = 0;
    }
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    check(database_->Write(options, &batch), path_, "write");
  }

  bool get(OperatorId op, std::uint32_t key_group, std::string_view key,
           std::string& value) const override {
    const auto status =
        database_->Get(rocksdb::ReadOptions(), full_key(op, key_group, key), &value);
    if (status.IsNotFound()) {
      return false;
    }
    check(status, path_, "read");
    return true;
  }

  void range(OperatorId op, std::uint32_t begin, std::uint32_t end,
             const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    if (begin >= end) {
      return;
    }
    const std::unique_ptr<rocksdb::Iterator> it(database_->NewIterator(rocksdb::ReadOptions()));
    for (it->Seek(prefix(op, begin)); it->Valid(); it->Next()) {
      const auto key = view(it->key());
      const auto key_group = big_endian(key, operator_size, 2);
      if (big_endian(key, 0, operator_size) != static_cast<std::uint32_t>(op) || key_group >= end) {
        break;
      }
      visit(key_group, key.substr(prefix_size), view(it->value()));
    }
    check(it->status(), path_, "read");
  }

  std::vector<OperatorId> operators() const override {
    std::vector<OperatorId> ids;
    const std::unique_ptr<rocksdb::Iterator> it(database_->NewIterator(rocksdb::ReadOptions()));
    it->SeekToFirst();
    while (it->Valid()) {
      const auto op = OperatorId{big_endian(view(it->key()), 0, operator_size)};
      ids.push_back(op);
      // Past every key of this operator: key groups end before 0xffff, or its keys are walked.
      it->Seek(prefix(op, 0xffff));
      while (it->Valid() &&
             big_endian(view(it->key()), 0, operator_size) == static_cast<std::uint32_t>(op)) {
        it->Next();
      }
    }
    check(it->status(), path_, "read");
    return ids;
  }

  std::vector<StateFile> save(const WriteSnapshotFile& write) override {
    if (operators().empty()) {
      stored_.clear();
      return {};
    }
    const auto target = directory_ + "/snapshot";
    wipe(target);
    require_space(path_, unchecked_);
    make_checkpoint(target);
    unchecked_ = 0;
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(target)) {
      names.insert(entry.path().filename().string());
    }
    std::map<std::string, StateFile> stored;
    for (const auto& name : names) {
      const bool table = name.ends_with(".sst");
      if (const auto known = stored_.find(name); table && known != stored_.end()) {
        stored[name] = known->second;  // Tables never change: the stored one is this one.
      } else if (table || name == "CURRENT" || name.starts_with("MANIFEST-")) {
        stored[name] = write(name, read_whole(target + "/" + name));
      }
    }
    wipe(target);
    std::vector<StateFile> files;
    stored_.clear();
    for (const auto& [name, file] : stored) {
      files.push_back(file);
      if (name.ends_with(".sst")) {
        stored_.emplace(name, file);
      }
    }
    return files;
  }

  void load(const std::vector<StateFile>& files, const ReadSnapshotFile& read) override {
    database_.reset();
    wipe(path_);
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    check_file(error, path_, "create");
    stored_.clear();
    if (files.size() == 1 && is_dump(files[0])) {
      open();
      load_dump(files[0], read(files[0]), *this);
      return;
    }
    for (const auto& file : files) {
      const auto name = rocks_name(file.name);
      if (name.empty()) {
        throw Error(ErrorCode::corrupt,
                    "snapshot file " + file.name + " is none that a state store writes");
      }
      write_whole(path_ + "/" + name, read(file));
      if (name.ends_with(".sst")) {
        stored_.emplace(name, file);
      }
    }
    open();
  }

 private:
  void open() {
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    check_file(error, path_, "create");
    // RocksDB makes its files as the umask says.
    require_space(path_, 0);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, error);
    check_file(error, path_, "set the mode of");
    rocksdb::DB* database = nullptr;
    check(rocksdb::DB::Open(database_options(), path_, &database), path_, "open");
    database_.reset(database);
  }

  static void wipe(const std::string& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    check_file(error, path, "remove");
  }

  void make_checkpoint(const std::string& target) {
    rocksdb::Checkpoint* made = nullptr;
    check(rocksdb::Checkpoint::Create(database_.get(), &made), path_, "prepare a snapshot");
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    check(checkpoint->CreateCheckpoint(target), path_, "make a snapshot");
  }

  void ingest(OperatorId op, const std::vector<Change>& changes, std::size_t bytes) {
    const auto file = directory_ + "/ingest";
    require_space(path_, 2 * bytes);
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), database_options());
    check(writer.Open(file), file, "open");
    std::string key;
    for (const std::uint32_t i : order_of(changes)) {
      const auto& change = changes[i];
      key = prefix(op, change.key_group);
      key += change.key;
      check(change.put ? writer.Put(key, slice(change.value)) : writer.Delete(key), file, "write");
    }
    check(writer.Finish(), file, "write");
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    // Tables stay as written: a stored copy is found again by its name.
    options.write_global_seqno = false;
    check(database_->IngestExternalFile({file}, options), path_, "take in a table");
    wipe(file);
  }

  std::string directory_;
  std::size_t unchecked_ = 0;  ///< bytes written since the disk was looked at
  std::string path_;
  std::unique_ptr<rocksdb::DB> database_;
  std::map<std::string, StateFile> stored_;  ///< tables of the last snapshot, by RocksDB's name
};

}  // namespace

std::unique_ptr<SnapshotStore> rocks_snapshot_store(const std::string& cache_directory) {
  return std::make_unique<RocksStore>(cache_directory);
}

}  // namespace libstream::checkpoint
