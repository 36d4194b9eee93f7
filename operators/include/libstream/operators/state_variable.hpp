#pragma once

#include <libstream/group_state.hpp>
#include <libstream/state_bytes.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a task keeps of state variables. Not included by users directly; see processor.hpp.
namespace libstream {

/// Where the changes of an epoch go: entries of a group, told apart by suffixes of its key.
class StateEntries {
 public:
  virtual ~StateEntries() = default;
  virtual void put(std::uint32_t group, std::string_view suffix, std::string_view value) = 0;
  virtual void erase(std::uint32_t group, std::string_view suffix) = 0;
};

/// A cell a group, in chunks that never move.
template <class C>
class GroupCells {
 public:
  C& operator[](std::uint32_t group) {
    while (group >= chunks_.size() * chunk_size) chunks_.push_back(std::make_unique<Chunk>());
    return (*chunks_[group / chunk_size])[group % chunk_size];
  }
  C* find(std::uint32_t group) const {
    if (group >= chunks_.size() * chunk_size) return nullptr;
    return &(*chunks_[group / chunk_size])[group % chunk_size];
  }
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk); }

 private:
  static constexpr std::size_t chunk_size = 512;
  using Chunk = std::array<C, chunk_size>;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

/// Items by when they expire. An item whose time moves back leaves its place where it is, and moves
/// when that comes up, so that writing it again costs nothing.
template <class Item>
class ExpiryIndex {
 public:
  static constexpr std::int64_t never = GroupTimes::never;

  void add(std::int64_t time, Item item) { buckets_[time].push_back(std::move(item)); }

  /// `place(item, time)`: where the item found at `time` stands by now; `never`: nowhere.
  /// `expire(item)` is called for those that stand at or before `now`.
  template <class Place, class Expire>
  void take(std::int64_t now, Place&& place, Expire&& expire) {
    while (!buckets_.empty() && buckets_.begin()->first <= now) {
      const auto bucket = buckets_.extract(buckets_.begin());
      for (Item& item : bucket.mapped()) {
        const std::int64_t time = place(item, bucket.key());
        if (time <= now) {
          expire(item);
        } else if (time != never) {
          add(time, std::move(item));
        }
      }
    }
  }

  template <class Place>
  std::int64_t earliest(Place&& place) {
    while (!buckets_.empty()) {
      const auto first = buckets_.begin();
      auto& items = first->second;
      while (!items.empty()) {
        const std::int64_t time = place(items.back(), first->first);
        if (time == first->first) return time;
        if (time != never) add(time, std::move(items.back()));
        items.pop_back();
      }
      buckets_.erase(first);
    }
    return never;
  }

 private:
  std::map<std::int64_t, std::vector<Item>> buckets_;
};

/// A variable of a processor for all keys of a task, by the numbers of their groups. What it holds
/// lies in entries of the state store, of which only those that changed are written.
class StateVariable {
 public:
  using Group = std::uint32_t;
  enum class Kind : std::uint8_t { value, list, map };
  static constexpr std::int64_t never = GroupTimes::never;

  /// `now`: of the epoch, in ms; kept by the owner.
  StateVariable(std::string name, Kind kind, const std::int64_t& now);
  virtual ~StateVariable() = default;
  StateVariable(const StateVariable&) = delete;
  StateVariable& operator=(const StateVariable&) = delete;

  const std::string& name() const { return name_; }
  Kind kind() const { return kind_; }
  /// Of the name: what its entries are found by.
  std::uint32_t tag() const { return tag_; }
  static std::uint32_t tag_of(std::string_view name);
  bool has_ttl() const { return ttl_.has_value(); }
  void set_ttl(std::optional<std::int64_t> milliseconds) { ttl_ = milliseconds; }

  /// Text of the types, kept beside the entries. `restore_layout` takes the text that was kept and
  /// is true where entries of it can stay as they are. Throws Error(incompatible).
  virtual std::string layout() const = 0;
  virtual bool restore_layout(const std::string& was) = 0;
  /// An entry of the layout restored last; `rewrite`: it has to be written anew.
  virtual void load(Group group, std::string_view suffix, std::string_view bytes, bool rewrite) = 0;

  virtual bool holds(Group group) const = 0;
  /// Removes what has expired by now.
  virtual void expire() = 0;
  virtual std::int64_t next_expiry() = 0;
  /// Writes what changed since the last call.
  virtual void collect(StateEntries& entries) = 0;
  /// Of a group that holds nothing, and becomes that of another key.
  virtual void forget(Group group) = 0;
  virtual std::size_t bytes() const = 0;

  /// Groups with changes since the last `collect`.
  const std::vector<Group>& changed() const { return changed_; }
  std::uint64_t entries() const { return entries_; }  ///< in the state store
  std::uint64_t take_expired() { return std::exchange(expired_, 0); }

 protected:
  std::int64_t now() const { return now_; }
  /// Of what is written now.
  std::int64_t expiry() const;
  bool over(std::int64_t expiry) const { return now_ >= expiry; }
  /// Where the variable has lost its time to live, old entries have, too.
  std::int64_t stored_expiry(std::string_view& bytes) const;
  static void append_expiry(std::string& bytes, std::int64_t expiry);
  [[noreturn]] void refuse_layout(const std::string& was, const std::string& problem) const;

  std::vector<Group> changed_;
  std::uint64_t entries_ = 0;
  std::uint64_t expired_ = 0;
  std::string suffix_;  ///< scratch
  std::string bytes_;

 private:
  std::string name_;
  Kind kind_;
  const std::int64_t& now_;
  std::uint32_t tag_;
  std::optional<std::int64_t> ttl_;
};
std::string_view to_string(StateVariable::Kind kind);

/// One value a key: one entry.
template <class T>
class ValueVariable final : public StateVariable {
 public:
  static constexpr Kind kind_of = Kind::value;
  ValueVariable(std::string name, const std::int64_t& now)
      : StateVariable(std::move(name), kind_of, now) {}

  const T* get(Group group) const {
    const Cell* cell = cells_.find(group);
    return cell != nullptr && cell->alive && !over(cell->expiry) ? &cell->value : nullptr;
  }
  void update(Group group, T value) {
    Cell& cell = cells_[group];
    cell.value = std::move(value);
    cell.alive = true;
    cell.expiry = expiry();
    index(group, cell);
    mark(group, cell);
  }
  void clear(Group group) {
    Cell* cell = cells_.find(group);
    if (cell != nullptr && cell->alive) end(group, *cell);
  }

  std::string layout() const override { return StateLayout<T>::text(); }
  bool restore_layout(const std::string& was) override {
    layout_.emplace(was);
    return layout_->same();
  }
  void load(Group group, std::string_view /*suffix*/, std::string_view bytes,
            bool rewrite) override {
    Cell& cell = cells_[group];
    cell.expiry = stored_expiry(bytes);
    layout_->take(bytes, cell.value);
    cell.alive = cell.stored = true;
    ++entries_;
    index(group, cell);
    if (rewrite) mark(group, cell);
  }
  bool holds(Group group) const override {
    const Cell* cell = cells_.find(group);
    return cell != nullptr && cell->alive;
  }
  void expire() override {
    index_.take(
        now(), [this](Group group, std::int64_t time) { return place(group, time); },
        [this](Group group) {
          cells_[group].indexed = never;
          end(group, cells_[group]);
          ++expired_;
        });
  }
  std::int64_t next_expiry() override {
    return index_.earliest([this](Group group, std::int64_t time) { return place(group, time); });
  }
  void collect(StateEntries& entries) override {
    for (const Group group : changed_) {
      Cell& cell = cells_[group];
      cell.dirty = false;
      if (cell.alive) {
        bytes_.clear();
        append_expiry(bytes_, cell.expiry);
        StateBytes<T>::append(bytes_, cell.value);
        entries.put(group, {}, bytes_);
        entries_ += cell.stored ? 0 : 1;
      } else if (cell.stored) {
        entries.erase(group, {});
        --entries_;
      }
      cell.stored = cell.alive;
    }
    changed_.clear();
  }
  void forget(Group group) override {
    if (Cell* cell = cells_.find(group)) *cell = Cell{};
  }
  std::size_t bytes() const override { return cells_.bytes(); }

 private:
  struct Cell {
    T value{};
    std::int64_t expiry = never;
    std::int64_t indexed = never;
    bool alive = false;
    bool stored = false;
    bool dirty = false;
  };

  void mark(Group group, Cell& cell) {
    if (!std::exchange(cell.dirty, true)) changed_.push_back(group);
  }
  void end(Group group, Cell& cell) {
    cell.alive = false;
    cell.value = T{};
    mark(group, cell);
  }
  void index(Group group, Cell& cell) {
    if (cell.expiry >= cell.indexed) return;
    cell.indexed = cell.expiry;
    index_.add(cell.expiry, group);
  }
  std::int64_t place(Group group, std::int64_t time) {
    Cell& cell = cells_[group];
    if (cell.indexed != time) return never;
    return cell.indexed = cell.alive ? cell.expiry : never;
  }

  GroupCells<Cell> cells_;
  ExpiryIndex<Group> index_;
  std::optional<StateLayout<T>> layout_;
};

}  // namespace libstream
