#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace libstream {

/// Row numbers by the hash of their key: for each 32-bit hash a chain of rows, the newest first. A
/// skewed key is one slot with a long chain; it does not lengthen the search for other keys.
///
/// A directory of segments (extendible hashing), each an open-addressed table of its own: a segment
/// that is full doubles, a large one splits, so that growing never stops for the whole table. A
/// slot is the hash and the row, so that growing reads neither keys nor rows.
/// Source: Fagin et al. 1979, "Extendible Hashing", doi:10.1145/320083.320092.
class JoinTable {
 public:
  using Row = std::uint32_t;
  static constexpr Row none = ~Row{0};

  JoinTable();

  /// Adds rows [size(), size() + count). `hashes`: low 32 bits count. `mute`: row i with mute[i] is
  /// numbered but never found; null: none.
  void insert(const std::uint64_t* hashes, std::size_t count, const std::uint8_t* mute);
  /// For each of the probe rows the newest row of its hash; appends those that have one.
  void find(const std::uint64_t* hashes, std::span<const std::uint32_t> probes,
            std::vector<std::uint32_t>& found_probes, std::vector<Row>& heads) const;
  /// The row behind `row` in its chain; assign to it to take rows out.
  Row& next(Row row) { return next_[row >> piece_shift][row & (piece_rows - 1)]; }
  Row next(Row row) const { return next_[row >> piece_shift][row & (piece_rows - 1)]; }

  /// Adds the rows of `newer` with numbers size() higher.
  void append(const JoinTable& newer);

  Row size() const { return size_; }
  std::size_t bytes() const;

 private:
  struct Segment {
    std::unique_ptr<std::uint64_t[]> slots;  ///< hash << 32 | row + 1; 0: empty
    std::uint32_t mask = 0;
    std::uint32_t used = 0;
    int depth = 0;  ///< leading bits of the hash that its entries share
  };
  static constexpr std::uint32_t first_slots = 64;
  static constexpr std::uint32_t most_slots = 1 << 14;

  Segment& segment_of(std::uint32_t hash) const {
    return *directory_[static_cast<std::size_t>(std::uint64_t{hash} >> shift_)];
  }
  void put(std::uint32_t hash, Row row);
  static void set(Segment& segment, std::uint64_t slot);
  void number_rows(std::size_t count);
  static Segment make_segment(std::uint32_t slots, int depth);
  void make_room(std::uint32_t hash, Segment& segment);
  void split(std::uint32_t hash, Segment& segment);

  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<Segment*> directory_;  ///< by the leading bits of the hash
  int depth_ = 0;
  int shift_ = 32;
  static constexpr int piece_shift = 12;
  static constexpr std::size_t piece_rows = std::size_t{1} << piece_shift;
  std::vector<std::unique_ptr<Row[]>> next_;
  Row size_ = 0;
};

}  // namespace libstream
