#include "changelog_fold.hpp"

#include "snapshot_store.hpp"

#include <libstream/hash.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace libstream::checkpoint {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;
constexpr std::size_t first_slots = 1024;
constexpr std::size_t entries_at_once = 32;

std::uint64_t hash_of(const Change& change) {
  return mix(hash_bytes(change.key) ^ change.key_group, 0x9e3779b97f4a7c15ULL);
}

}  // namespace

/// Open addressing over numbers of changes; a slot keeps half of the hash, so that growing reads
/// no keys. Entries are looked up some at a time, for their slots to be fetched meanwhile.
class ChangelogFold::Table {
 public:
  Table() : slots_(first_slots) {}

  void add(std::string_view changelog) {
    older_than_ = changes_.size();
    read_changelog(changelog, [this](const Change& change) {
      const std::uint64_t hash = hash_of(change);
      __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
      waiting_[count_++] = {change, hash};
      if (count_ == waiting_.size()) flush();
    });
    flush();
  }

  std::vector<Change> take() {
    slots_ = std::vector<std::uint64_t>(first_slots);
    return std::exchange(changes_, {});
  }

 private:
  struct Waiting {
    Change change;
    std::uint64_t hash = 0;
  };

  void flush() {
    for (std::size_t i = 0; i < count_; ++i) insert(waiting_[i].change, waiting_[i].hash);
    count_ = 0;
  }

  void insert(const Change& change, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    const auto mark = static_cast<std::uint32_t>(hash);
    for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
      if (slots_[place] == 0) {
        changes_.push_back(copy(change));
        slots_[place] = std::uint64_t{changes_.size()} << 32 | mark;
        if (changes_.size() * 2 > slots_.size()) grow();
        return;
      }
      if (static_cast<std::uint32_t>(slots_[place]) != mark) continue;
      const std::size_t number = (slots_[place] >> 32) - 1;
      Change& known = changes_[number];
      if (known.key_group != change.key_group || known.key != change.key) continue;
      if (number >= older_than_) known = copy(change);  // later in the same changelog
      return;
    }
  }

  void grow() {
    std::vector<std::uint64_t> larger(slots_.size() * 2);
    const std::size_t mask = larger.size() - 1;
    for (const std::uint64_t slot : slots_) {
      if (slot == 0) continue;
      std::size_t place = slot & 0xffffffffU & mask;
      while (larger[place] != 0) place = (place + 1) & mask;
      larger[place] = slot;
    }
    slots_ = std::move(larger);
  }

  Change copy(const Change& change) {
    const std::size_t size = change.key.size() + change.value.size();
    if (static_cast<std::size_t>(end_ - free_) < size) {
      const std::size_t block = std::max(size, block_bytes);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
      free_ = blocks_.back().get();
      end_ = free_ + block;
    }
    Change result = change;
    result.key = append(change.key);
    result.value = append(change.value);
    return result;
  }

  std::string_view append(std::string_view bytes) {
    if (bytes.empty()) return {};
    std::memcpy(free_, bytes.data(), bytes.size());
    const std::string_view result(free_, bytes.size());
    free_ += bytes.size();
    return result;
  }

  std::vector<std::uint64_t> slots_;
  std::vector<Change> changes_;
  std::size_t older_than_ = 0;  ///< changes from here on are of the changelog being added
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  char* end_ = nullptr;
  std::array<Waiting, entries_at_once> waiting_;
  std::size_t count_ = 0;
};

ChangelogFold::ChangelogFold() = default;
ChangelogFold::~ChangelogFold() = default;

void ChangelogFold::add(OperatorId op, std::string_view changelog) {
  auto& table = operators_[op];
  if (!table) table = std::make_unique<Table>();
  table->add(changelog);
}

void ChangelogFold::apply_to(SnapshotStore& store) {
  for (auto& [op, table] : operators_) {
    store.apply_distinct(op, table->take());
    table.reset();  // its bytes are not needed while the next operator is stored
  }
  operators_.clear();
}

}  // namespace libstream::checkpoint
