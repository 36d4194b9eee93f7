#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Identifies a stateful operator across restarts: its place in the logical plan, or the hash of
/// the name given by `.named()`.
enum class OperatorId : std::uint32_t {};

/// Where the changes of a changelog lie: keys of key groups first … last that are bytewise below
/// `below`, and the floor that it sets in all of them, empty for none. A later changelog whose
/// floor is that high erases all of them at once.
struct ChangeExtent {
  std::uint32_t first_group = 0;
  std::uint32_t last_group = 0;
  std::string floor = {};
  std::string below = {};
};

/// State changes of one task in one epoch, as bytes: what a decision names and a restart replays.
/// Form, little-endian: per entry u8 kind, u16 key group, u32 length and key; then of a put u32
/// length and value, of a floor u16 last key group. Floors come before all other entries.
class ChangelogWriter {
 public:
  void put(std::uint32_t key_group, std::string_view key, std::string_view value);
  void erase(std::uint32_t key_group, std::string_view key);
  /// Erases all keys of key groups first … last that are bytewise below `key` and that earlier
  /// changelogs stored: one entry for as many keys as there are. Before all other entries.
  void erase_below(std::uint32_t first_group, std::uint32_t last_group, std::string_view key);
  /// Promises that all changes lie in `extent`, and sets its floor; not below it. Before all
  /// entries.
  void within(ChangeExtent extent);
  /// What was promised; none where another's entries were appended.
  const std::optional<ChangeExtent>& extent() const { return extent_; }
  /// Many puts, or where `values` is empty erases, whose keys and values the caller writes: sets
  /// each `bytes` to where its entry's go; good until the next call.
  struct Part {
    std::uint32_t size = 0;
    char* bytes = nullptr;
  };
  void append(std::span<const std::uint32_t> key_groups, std::span<Part> keys,
              std::span<Part> values);
  /// The entries of another, behind these.
  void append(ChangelogWriter&& other);
  /// Room for so many bytes in all; saves copies where there are many entries.
  void reserve(std::size_t bytes);
  bool empty() const { return bytes_.empty(); }
  std::uint64_t entries() const { return entries_; }
  const std::string& bytes() const { return bytes_; }
  /// The bytes; empty again.
  std::string take();

 private:
  char* extend(std::size_t size);

  std::string bytes_;
  std::uint64_t entries_ = 0;
  std::uint64_t floors_ = 0;  ///< of the entries
  std::optional<ChangeExtent> extent_;
};

enum class ChangeKind : std::uint8_t { erase = 0, put = 1, floor = 2 };

struct Change {
  ChangeKind kind = ChangeKind::erase;
  std::uint32_t key_group = 0;   ///< of a floor: the first
  std::uint32_t last_group = 0;  ///< of a floor only
  std::string_view key;
  std::string_view value;
  std::string_view bytes;  ///< the whole entry, as it is stored
};

/// Reads the entries of a changelog in order.
class ChangelogReader {
 public:
  explicit ChangelogReader(std::string_view bytes) : bytes_(bytes) {}

  /// False at the end. Throws Error(corrupt) on a malformed changelog.
  bool next(Change& change) {
    constexpr std::size_t head = 7;
    if (at_ == bytes_.size()) return false;
    const std::size_t begin = at_;
    if (bytes_.size() - at_ < head) fail();
    const char* const entry = bytes_.data() + at_;
    const auto kind = static_cast<std::uint8_t>(*entry);
    if (kind > 2) fail();
    change.kind = ChangeKind{kind};
    change.key_group = number<std::uint16_t>(entry + 1);
    at_ += head;
    change.key = take(number<std::uint32_t>(entry + 3));
    change.value = {};
    if (kind == 1) {
      const std::string_view size = take(sizeof(std::uint32_t));
      change.value = take(number<std::uint32_t>(size.data()));
    } else if (kind == 2) {
      change.last_group = number<std::uint16_t>(take(sizeof(std::uint16_t)).data());
    }
    if (kind != 2) {
      floors_ = false;
    } else if (!floors_) {
      fail();
    }
    change.bytes = bytes_.substr(begin, at_ - begin);
    return true;
  }

 private:
  template <class T>
  static T number(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (bytes_.size() - at_ < size) fail();
    const std::string_view part(bytes_.data() + at_, size);
    at_ += size;
    return part;
  }
  [[noreturn]] void fail() const;

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool floors_ = true;  ///< none but floors so far
};

/// Calls `visit` for each entry in order. Throws Error(corrupt) on a malformed changelog.
void read_changelog(std::string_view bytes, const std::function<void(const Change&)>& visit);

/// The state of one operator for a range of key groups, at a restart.
class StateReader {
 public:
  virtual ~StateReader() = default;
  /// Entries in (key group, key) order. The views live during the call.
  virtual void for_each(const std::function<void(std::uint32_t key_group, std::string_view key,
                                                 std::string_view value)>& visit) const = 0;
};
/// A reader without entries.
const StateReader& empty_state();

}  // namespace libstream
