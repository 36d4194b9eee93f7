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
/// that is full doubles, a large one splits, so that growing never stops for the whole table. Slots
/// hold the hash beside the row, so that growing reads neither keys nor rows, and lie in cache
/// lines of eight, which are compared at once. Source: Fagin et al. 1979, "Extendible Hashing",
/// doi:10.1145/320083.320092.
class JoinTable {
 public:
  using Row = std::uint32_t;
  static constexpr Row none = ~Row{0};

  JoinTable();

  /// Room for so many rows of different keys in an empty table.
  void reserve(std::size_t rows);
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
  /// Different hashes in it.
  std::size_t hashes() const;
  std::size_t bytes() const;

 private:
  /// A cache line, filled from the front; a hash of 0: empty.
  struct alignas(64) Bucket {
    std::uint32_t hashes[8];
    Row rows[8];
  };
  struct Segment {
    std::shared_ptr<Bucket[]> buckets;
    std::uint32_t count = 0;
    std::uint32_t used = 0;
    int depth = 0;  ///< leading bits of the hash that its entries share
  };
  /// What the directory has of a segment.
  struct View {
    Bucket* buckets;
    std::uint32_t count;
    std::uint32_t segment;

    Bucket* bucket(std::uint32_t hash) const {
      // Other bits than the directory's; not a power of two, so that tables grow by halves.
      return buckets + (std::uint64_t{hash * 0x9e3779b1U} * count >> 32);
    }
  };
  /// Where a hash is, or would go.
  struct Place {
    Bucket* bucket;
    std::uint32_t slot;
    bool found;
  };
  static constexpr std::uint32_t first_buckets = 8;
  static constexpr std::uint32_t most_buckets = 1 << 11;

  const View& view_of(std::uint32_t hash) const {
    return directory_[static_cast<std::size_t>(std::uint64_t{hash} >> shift_)];
  }
  static std::uint32_t equal(const Bucket& bucket, std::uint32_t hash);
  static Place place_of(const View& view, std::uint32_t hash);
  void put(std::uint32_t hash, Row row);
  void number_rows(std::size_t count);
  void show(std::uint32_t segment, std::uint32_t hash);
  static Segment make_segment(std::uint32_t buckets, int depth);
  static void copy(const Segment& from, Segment& to, std::uint32_t bit, bool set);
  void make_room(std::uint32_t hash);
  void split(std::uint32_t hash);

  std::vector<Segment> segments_;
  std::vector<View> directory_;  ///< by the leading bits of the hash
  int depth_ = 0;
  int shift_ = 32;
  static constexpr int piece_shift = 12;
  static constexpr std::size_t piece_rows = std::size_t{1} << piece_shift;
  std::vector<std::unique_ptr<Row[]>> next_;
  Row size_ = 0;
};

}  // namespace libstream
