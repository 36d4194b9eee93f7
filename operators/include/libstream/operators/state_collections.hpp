#pragma once

#include <libstream/operators/state_variable.hpp>

#include <boost/mp11/algorithm.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

// Lists and maps as state variables. Not included by users directly; see processor.hpp.
namespace libstream {

std::string ordered_suffix(std::uint64_t number);
std::uint64_t number_of_suffix(std::string_view suffix);

/// A list a key. What an epoch appends is an entry, a run: a long list is not written anew, and
/// the elements of a run expire at once.
template <class T>
class ListVariable final : public StateVariable {
 public:
  static constexpr Kind kind_of = Kind::list;
  ListVariable(std::string name, const std::int64_t& now)
      : StateVariable(std::move(name), kind_of, now) {}

  std::span<const T> get(Group group) {
    List* list = find(group);
    if (list == nullptr) return {};
    purge(group, *list);
    return list->values;
  }
  void append(Group group, std::span<const T> values) {
    List& list = made(group);
    if (list.runs.empty() || list.runs.back().stored) {
      list.runs.push_back({list.next++, 0, expiry(), false, true});
      index(group, list, list.runs.back().expiry);
    }
    list.values.insert(list.values.end(), values.begin(), values.end());
    list.runs.back().count += values.size();
    mark(group, list);
  }
  void clear(Group group) {
    List* list = find(group);
    if (list == nullptr || list->runs.empty()) return;
    for (const Run& run : list->runs) drop(*list, run);
    list->runs.clear();
    list->values.clear();
    mark(group, *list);
  }

  std::string layout() const override { return StateLayout<T>::text(); }
  bool restore_layout(const std::string& was) override {
    layout_.emplace(was);
    return layout_->same();
  }
  void load(Group group, std::string_view suffix, std::string_view bytes, bool rewrite) override {
    List& list = made(group);
    Run run{number_of_suffix(suffix), 0, stored_expiry(bytes), true, rewrite};
    while (!bytes.empty()) {
      layout_->take(bytes, list.values.emplace_back());
      ++run.count;
    }
    list.next = run.number + 1;
    list.runs.push_back(run);
    ++entries_;
    index(group, list, run.expiry);
    if (rewrite) mark(group, list);
  }
  bool holds(Group group) const override {
    const List* list = find(group);
    return list != nullptr && !list->runs.empty();
  }
  void expire() override {
    index_.take(
        now(), [this](Group group, std::int64_t time) { return place(group, time); },
        [this](Group group) {
          List& list = *find(group);
          list.indexed = never;
          purge(group, list);
          index(group, list, earliest(list));
        });
  }
  std::int64_t next_expiry() override {
    return index_.earliest([this](Group group, std::int64_t time) { return place(group, time); });
  }
  void collect(StateEntries& entries) override {
    for (const Group group : changed_) {
      List& list = *find(group);
      list.dirty = false;
      for (const std::uint64_t number : list.erased) entries.erase(group, ordered_suffix(number));
      entries_ -= list.erased.size();
      list.erased.clear();
      write(entries, group, list);
      if (list.runs.empty()) cells_[group].reset();
    }
    changed_.clear();
  }
  void forget(Group group) override {
    if (auto* cell = cells_.find(group)) cell->reset();
  }
  std::size_t bytes() const override { return cells_.bytes() + entries_ * sizeof(Run); }

 private:
  struct Run {
    std::uint64_t number;
    std::size_t count;
    std::int64_t expiry;
    bool stored;
    bool dirty;
  };
  struct List {
    std::vector<T> values;
    std::vector<Run> runs;
    std::vector<std::uint64_t> erased;
    std::uint64_t next = 0;
    std::int64_t indexed = never;
    bool dirty = false;
  };

  List* find(Group group) const {
    const auto* cell = cells_.find(group);
    return cell == nullptr ? nullptr : cell->get();
  }
  List& made(Group group) {
    auto& cell = cells_[group];
    if (cell == nullptr) cell = std::make_unique<List>();
    return *cell;
  }
  void mark(Group group, List& list) {
    if (!std::exchange(list.dirty, true)) changed_.push_back(group);
  }
  static void drop(List& list, const Run& run) {
    if (run.stored) list.erased.push_back(run.number);
  }
  /// Removes the runs that are over; they need not be the first where the time to live changed.
  void purge(Group group, List& list) {
    if (earliest(list) > now()) return;
    std::size_t begin = 0;
    std::erase_if(list.runs, [&](const Run& run) {
      const bool gone = over(run.expiry);
      const auto first = list.values.begin() + static_cast<std::ptrdiff_t>(begin);
      if (gone) {
        list.values.erase(first, first + static_cast<std::ptrdiff_t>(run.count));
        drop(list, run);
        expired_ += run.count;
      } else {
        begin += run.count;
      }
      return gone;
    });
    mark(group, list);
  }
  void write(StateEntries& entries, Group group, List& list) {
    auto first = list.values.begin();
    for (Run& run : list.runs) {
      const auto last = first + static_cast<std::ptrdiff_t>(run.count);
      if (run.dirty) {
        bytes_.clear();
        append_expiry(bytes_, run.expiry);
        for (auto value = first; value != last; ++value) StateBytes<T>::append(bytes_, *value);
        entries.put(group, ordered_suffix(run.number), bytes_);
        entries_ += run.stored ? 0 : 1;
        run.stored = true;
        run.dirty = false;
      }
      first = last;
    }
  }
  static std::int64_t earliest(const List& list) {
    std::int64_t time = never;
    for (const Run& run : list.runs) time = std::min(time, run.expiry);
    return time;
  }
  void index(Group group, List& list, std::int64_t time) {
    if (time >= list.indexed) return;
    list.indexed = time;
    index_.add(time, group);
  }
  std::int64_t place(Group group, std::int64_t time) {
    List* list = find(group);
    if (list == nullptr || list->indexed != time) return never;
    return list->indexed = earliest(*list);
  }

  GroupCells<std::unique_ptr<List>> cells_;
  ExpiryIndex<Group> index_;
  std::optional<StateLayout<T>> layout_;
};

/// Orders keys of maps: structs field by field, NaN behind all numbers, an absent value first.
struct StateLess {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    if constexpr (std::is_floating_point_v<T>) {
      return a < b || (b != b && a == a);
    } else if constexpr (is_optional<T>) {
      return b && (!a || (*this)(*a, *b));
    } else if constexpr (Described<T>) {
      int order = 0;
      boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
        if (order == 0 && (*this)(a.*member.pointer, b.*member.pointer)) order = -1;
        if (order == 0 && (*this)(b.*member.pointer, a.*member.pointer)) order = 1;
      });
      return order < 0;
    } else {
      return a < b;
    }
  }
  template <class T>
  bool operator()(const std::vector<T>& a, const std::vector<T>& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), *this);
  }
};

/// A map a key: an entry for each of its entries. An entry that is removed stays, dead, until the
/// changes of the epoch are collected.
template <class K, class V>
class MapVariable final : public StateVariable {
 public:
  static constexpr Kind kind_of = Kind::map;
  struct Entry {
    V value{};
    std::int64_t expiry = never;
    std::int64_t indexed = never;
    bool alive = false;
    bool stored = false;
    bool dirty = false;
  };
  using Entries = std::map<K, Entry, StateLess>;

  MapVariable(std::string name, const std::int64_t& now)
      : StateVariable(std::move(name), kind_of, now) {}

  bool visible(const Entry& entry) const { return entry.alive && !over(entry.expiry); }
  /// Null where the key has no map.
  const Entries* entries_of(Group group) const {
    const Map* map = find(group);
    return map == nullptr ? nullptr : &map->entries;
  }
  const V* get(Group group, const K& key) const {
    const Map* map = find(group);
    if (map == nullptr) return nullptr;
    const auto entry = map->entries.find(key);
    return entry != map->entries.end() && visible(entry->second) ? &entry->second.value : nullptr;
  }
  void update(Group group, K key, V value) {
    Map& map = made(group);
    const auto place = map.entries.try_emplace(std::move(key)).first;
    Entry& entry = place->second;
    entry.value = std::move(value);
    entry.expiry = expiry();
    map.alive += entry.alive ? 0 : 1;
    entry.alive = true;
    index(group, place);
    mark(group, map, place);
  }
  void remove(Group group, const K& key) {
    Map* map = find(group);
    if (map == nullptr) return;
    const auto place = map->entries.find(key);
    if (place != map->entries.end()) end(group, *map, place);
  }
  void clear(Group group) {
    Map* map = find(group);
    if (map == nullptr) return;
    for (auto i = map->entries.begin(); i != map->entries.end(); ++i) end(group, *map, i);
  }

  std::string layout() const override {
    return StateLayout<K>::text() + '\t' + StateLayout<V>::text();
  }
  bool restore_layout(const std::string& was) override {
    const auto tab = was.find('\t');
    if (was.substr(0, tab) != StateLayout<K>::text()) {
      refuse_layout(was, "its keys are of another type");
    }
    layout_.emplace(was.substr(tab + 1));
    return layout_->same();
  }
  void load(Group group, std::string_view suffix, std::string_view bytes, bool rewrite) override {
    K key{};
    StateBytes<K>::take(suffix, key);
    Map& map = made(group);
    const auto place = map.entries.try_emplace(std::move(key)).first;
    Entry& entry = place->second;
    entry.expiry = stored_expiry(bytes);
    layout_->take(bytes, entry.value);
    entry.alive = entry.stored = true;
    ++map.alive;
    ++entries_;
    index(group, place);
    if (rewrite) mark(group, map, place);
  }
  bool holds(Group group) const override {
    const Map* map = find(group);
    return map != nullptr && map->alive > 0;
  }
  void expire() override {
    index_.take(
        now(), [this](const Item& item, std::int64_t time) { return place_of(item, time); },
        [this](const Item& item) {
          Map& map = *find(item.first);
          const auto place = map.entries.find(item.second);
          place->second.indexed = never;
          end(item.first, map, place);
          ++expired_;
        });
  }
  std::int64_t next_expiry() override {
    return index_.earliest(
        [this](const Item& item, std::int64_t time) { return place_of(item, time); });
  }
  void collect(StateEntries& entries) override {
    for (const Group group : changed_) {
      Map& map = *find(group);
      for (const Place place : map.changed) {
        write(entries, group, place);
        if (!place->second.alive) map.entries.erase(place);
      }
      map.changed.clear();
      if (map.entries.empty()) cells_[group].reset();
    }
    changed_.clear();
  }
  void forget(Group group) override {
    if (auto* cell = cells_.find(group)) cell->reset();
  }
  std::size_t bytes() const override {
    constexpr std::size_t node = sizeof(typename Entries::value_type) + 4 * sizeof(void*);
    return cells_.bytes() + entries_ * node;
  }

 private:
  using Place = typename Entries::iterator;
  using Item = std::pair<Group, K>;
  struct Map {
    Entries entries;
    std::vector<Place> changed;
    std::size_t alive = 0;
  };

  Map* find(Group group) const {
    const auto* cell = cells_.find(group);
    return cell == nullptr ? nullptr : cell->get();
  }
  Map& made(Group group) {
    auto& cell = cells_[group];
    if (cell == nullptr) cell = std::make_unique<Map>();
    return *cell;
  }
  void mark(Group group, Map& map, Place place) {
    if (std::exchange(place->second.dirty, true)) return;
    if (map.changed.empty()) changed_.push_back(group);
    map.changed.push_back(place);
  }
  void end(Group group, Map& map, Place place) {
    Entry& entry = place->second;
    if (!std::exchange(entry.alive, false)) return;
    entry.value = V{};
    --map.alive;
    mark(group, map, place);
  }
  void write(StateEntries& entries, Group group, Place place) {
    Entry& entry = place->second;
    entry.dirty = false;
    suffix_.clear();
    StateBytes<K>::append(suffix_, place->first);
    if (entry.alive) {
      bytes_.clear();
      append_expiry(bytes_, entry.expiry);
      StateBytes<V>::append(bytes_, entry.value);
      entries.put(group, suffix_, bytes_);
      entries_ += entry.stored ? 0 : 1;
    } else if (entry.stored) {
      entries.erase(group, suffix_);
      --entries_;
    }
    entry.stored = entry.alive;
  }
  void index(Group group, Place place) {
    Entry& entry = place->second;
    if (entry.expiry >= entry.indexed) return;
    entry.indexed = entry.expiry;
    index_.add(entry.expiry, {group, place->first});
  }
  std::int64_t place_of(const Item& item, std::int64_t time) {
    Map* map = find(item.first);
    if (map == nullptr) return never;
    const auto place = map->entries.find(item.second);
    if (place == map->entries.end() || place->second.indexed != time) return never;
    return place->second.indexed = place->second.alive ? place->second.expiry : never;
  }

  GroupCells<std::unique_ptr<Map>> cells_;
  ExpiryIndex<Item> index_;
  std::optional<StateLayout<V>> layout_;
};

}  // namespace libstream
