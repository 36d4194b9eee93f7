#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Identifies a stateful operator across restarts: its place in the logical plan, or the hash of
/// the name given by `.named()`.
enum class OperatorId : std::uint32_t {};

/// State changes of one task in one epoch, as bytes: what a decision names and a restart replays.
/// Form: per entry u8 kind (1 put, 0 erase), u16 key group, u32 key length, key, and for a put u32
/// value length, value; little-endian.
class ChangelogWriter {
 public:
  void put(std::uint32_t key_group, std::string_view key, std::string_view value);
  void erase(std::uint32_t key_group, std::string_view key);
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
  std::string take();

 private:
  char* extend(std::size_t size);

  std::string bytes_;
  std::uint64_t entries_ = 0;
};

struct Change {
  bool put = false;
  std::uint32_t key_group = 0;
  std::string_view key;
  std::string_view value;
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

/// Bytes under (operator, key group, key): the decided state, kept for snapshots and restarts. The
/// in-memory one is the model that the RocksDB one is tested against. Not on the data path.
class StateStore {
 public:
  virtual ~StateStore() = default;
  /// Applies a task's changelog of one epoch.
  virtual void apply(OperatorId op, std::string_view changelog) = 0;
  virtual bool get(OperatorId op, std::uint32_t key_group, std::string_view key,
                   std::string& value) const = 0;
  /// Entries of key groups [begin, end) in (key group, key) order.
  virtual void range(OperatorId op, std::uint32_t begin, std::uint32_t end,
                     const std::function<void(std::uint32_t key_group, std::string_view key,
                                              std::string_view value)>& visit) const = 0;
  virtual std::vector<OperatorId> operators() const = 0;
};

}  // namespace libstream
