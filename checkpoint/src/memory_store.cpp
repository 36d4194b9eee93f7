#include "snapshot_store.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <cstring>
#include <map>
#include <utility>

namespace libstream {
namespace checkpoint {
namespace {

Error short_file(const StateFile& file) {
  return {ErrorCode::corrupt, "snapshot file " + file.name + " (CRC " + std::to_string(file.crc) +
                                  ") ends within an operator"};
}

std::uint64_t take_number(std::string_view& from, unsigned bytes, const StateFile& file) {
  if (from.size() < bytes) {
    throw short_file(file);
  }
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  }
  from.remove_prefix(bytes);
  return value;
}

/// The model: a sorted map an operator. Its snapshot is one file of, for each operator, u32 id, u64
/// length (little-endian) and a changelog of puts.
class MemoryStore final : public SnapshotStore {
 public:
  void apply(OperatorId op, std::string_view changelog) override {
    auto& entries = operators_[op];
    read_changelog(changelog, [&](const Change& change) { apply_one(entries, change); });
    if (entries.empty()) {
      operators_.erase(op);
    }
  }

  void apply_distinct(OperatorId op, std::vector<Change> changes) override {
    auto& entries = operators_[op];
    for (const auto& change : changes) {
      apply_one(entries, change);
    }
    if (entries.empty()) {
      operators_.erase(op);
    }
  }

  bool get(OperatorId op, std::uint32_t key_group, std::string_view key,
           std::string& value) const override {
    const auto entries = operators_.find(op);
    if (entries == operators_.end()) {
      return false;
    }
    const auto found = entries->second.find({key_group, std::string(key)});
    if (found == entries->second.end()) {
      return false;
    }
    value = found->second;
    return true;
  }

  void range(OperatorId op, std::uint32_t begin, std::uint32_t end,
             const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    const auto entries = operators_.find(op);
    if (entries == operators_.end()) {
      return;
    }
    for (auto it = entries->second.lower_bound({begin, std::string()});
         it != entries->second.end() && it->first.first < end; ++it) {
      visit(it->first.first, it->first.second, it->second);
    }
  }

  std::vector<OperatorId> operators() const override {
    std::vector<OperatorId> ids;
    for (const auto& [op, entries] : operators_) {
      ids.push_back(op);
    }
    return ids;
  }

  std::vector<StateFile> save(const WriteSnapshotFile& write) override {
    std::string body;
    for (const auto& [op, entries] : operators_) {
      ChangelogWriter dump;
      for (const auto& [key, value] : entries) {
        dump.put(key.first, key.second, value);
      }
      append_number(body, static_cast<std::uint32_t>(op), 4);
      append_number(body, dump.bytes().size(), 8);
      body += dump.bytes();
    }
    if (body.empty()) {
      return {};
    }
    return {write("dump", body)};
  }

  void load(const std::vector<StateFile>& files, const ReadSnapshotFile& read) override {
    operators_.clear();
    for (const auto& file : files) {
      if (!is_dump(file)) {
        throw Error(ErrorCode::incompatible,
                    "snapshot file " + file.name +
                        " was written by RocksDB; give the query a cache directory again");
      }
      load_dump(file, read(file), *this);
    }
  }

 private:
  static void append_number(std::string& to, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      to.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
    }
  }

  using Key = std::pair<std::uint32_t, std::string>;
  using Entries = std::map<Key, std::string>;

  static void apply_one(Entries& entries, const Change& change) {
    const auto key = std::pair(change.key_group, std::string(change.key));
    if (change.put) {
      entries.insert_or_assign(key, std::string(change.value));
    } else {
      entries.erase(key);
    }
  }

  std::map<OperatorId, Entries> operators_;
};

}  // namespace

bool is_dump(const StateFile& file) { return file.name.ends_with(".dump"); }

void load_dump(const StateFile& file, std::string_view body, StateStore& store) {
  while (!body.empty()) {
    const auto op = OperatorId{static_cast<std::uint32_t>(take_number(body, 4, file))};
    const auto size = take_number(body, 8, file);
    if (size > body.size()) {
      throw short_file(file);
    }
    store.apply(op, body.substr(0, size));
    body.remove_prefix(size);
  }
}

std::unique_ptr<SnapshotStore> memory_snapshot_store() { return std::make_unique<MemoryStore>(); }

}  // namespace checkpoint

std::unique_ptr<StateStore> memory_state_store() { return checkpoint::memory_snapshot_store(); }

}  // namespace libstream
