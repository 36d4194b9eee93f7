#pragma once

#include "state_files.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/large_bytes.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::checkpoint {

/// Floors by key group: what lies below one is erased in all that is older.
class Floors final {
 public:
  bool covers(std::uint32_t group, std::string_view key) const {
    return group < keys_.size() && !keys_[group].empty() && key < keys_[group];
  }
  void raise(std::uint32_t group, std::string_view key);
  /// Empty: none.
  std::string_view of(std::uint32_t group) const {
    return group < keys_.size() ? std::string_view(keys_[group]) : std::string_view();
  }
  std::uint32_t end_group() const { return static_cast<std::uint32_t>(keys_.size()); }

 private:
  std::vector<std::string> keys_;
};

/// Changes of one operator, a section a key group. A section is a changelog of that group alone,
/// whose floor, if there is one, is its first entry.
///
/// Also the body of a run file, little-endian:
///   u32 operator | u32 number of sections | for each, by key group: u32 key group, u64 end of its
///   section behind the first one's begin | sections
class Sections final {
 public:
  /// Takes a changelog apart. Entries that `floors` cover are left out; its own floors are added.
  static Sections of_changelog(std::string_view changelog, Floors& floors);
  /// Throws Error(corrupt) where the file is not what its reference says. `what` names it.
  static Sections of_run(Framed file, const RunFile& reference, const std::string& what);

  /// Empty where the group has none.
  std::string_view section(std::uint32_t group) const;
  std::uint32_t end_group() const { return groups_.empty() ? 0 : groups_.back() + 1; }

 private:
  Sections() : file_({}, 0, 0) {}

  Framed file_;
  std::size_t begin_ = 0;  ///< of the first section
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint64_t> ends_;
};

/// Makes the body of a run file, section by section.
class RunBody final {
 public:
  /// `bytes`: about how many the sections will have.
  explicit RunBody(std::uint64_t bytes) : bytes_(bytes), sections_(large_bytes(bytes)) {}

  /// Where the next section's entries are appended, of a key group above all before.
  std::string& sections() { return sections_; }
  /// Ends it; one that has no entries is none.
  void end_section(std::uint32_t group);
  ~RunBody() { give_back(std::move(sections_)); }
  RunBody(const RunBody&) = delete;
  RunBody& operator=(const RunBody&) = delete;
  bool empty() const { return groups_.empty(); }
  std::uint64_t size() const { return sections_.size(); }
  std::uint32_t begin_group() const { return groups_.front(); }
  std::uint32_t end_group() const { return groups_.back() + 1; }
  /// With room for frame_overhead; empty again.
  std::string take(OperatorId op);

 private:
  std::uint64_t bytes_;
  std::string sections_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint64_t> ends_;
};

}  // namespace libstream::checkpoint
