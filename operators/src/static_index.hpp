#pragma once

#include <libstream/batch.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Finds the rows of a table by key. Made once, then read by any number of tasks at a time.
///
/// Open addressing, linear probing. A slot holds all that a probe of a key of up to 8 bytes needs:
/// the key, and its row or where its rows stand in `order`. Other keys are told apart by their hash
/// first, then compared with a row of the table. Rows of a key keep the table's order.
class StaticIndex {
 public:
  /// The rows of one key. One: `first` is the row. More: order()[first … first + count).
  struct Matches {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  /// Key groups [begin, end) of so many; the rows of others are left out.
  struct Groups {
    std::uint32_t begin = 0;
    std::uint32_t end = 1;
    std::uint32_t of = 1;
    bool all() const { return begin == 0 && end == of; }
  };
  /// What a task keeps between calls of `find`.
  struct Scratch {
    std::vector<std::uint64_t> words;
    std::string encoded;
    std::vector<StringView> views;
  };

  /// Of the first `rows` rows of `table`, which must outlive the index. A key that is null is found
  /// by null where it is `null_safe`, else never. Without keys every probe finds all rows.
  StaticIndex(const Batch& table, std::size_t rows, std::vector<std::uint32_t> keys,
              std::vector<bool> null_safe, const Groups& groups);

  /// The matches of each row of a batch by its columns `keys` (types as the table's). `hashes`: of
  /// hash_keys over them.
  void find(const Batch& batch, std::span<const std::uint32_t> keys, const std::uint64_t* hashes,
            Scratch& scratch, std::span<Matches> found) const;
  const std::vector<std::uint32_t>& order() const { return order_; }
  std::size_t bytes() const;

 private:
  enum class Kind { none, word, text, encoded };
  struct Slot {
    std::uint64_t tag = 0;  ///< the key's word, or its hash
    Matches matches;        ///< none: free
  };

  void insert_all(const Batch& table, std::size_t rows, const Groups& groups);
  void put_in_order(const std::vector<std::uint32_t>& slot_of);
  template <class Same>
  Slot& slot_for(std::uint64_t hash, std::uint64_t tag, Same same);
  template <class Same>
  void probe(const std::uint64_t* hashes, const std::uint64_t* tags, Same same,
             std::span<Matches> found) const;
  void drop_nulls(const Batch& batch, std::span<const std::uint32_t> keys,
                  std::span<Matches> found) const;
  const StringView* views_of(const Batch& batch, std::span<const std::uint32_t> keys,
                             Scratch& scratch) const;
  std::uint32_t row_of(const Matches& matches) const {
    return matches.count == 1 || order_.empty() ? matches.first : order_[matches.first];
  }

  std::vector<std::uint32_t> keys_;
  std::vector<bool> null_safe_;
  Kind kind_;
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::vector<std::uint32_t> order_;
  Matches nulls_;                      ///< of kinds word and text: the rows whose key is null
  const StringView* texts_ = nullptr;  ///< the keys of the table's rows
  Scratch own_;
};

}  // namespace libstream
