#pragma once

#include <libstream/batch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace libstream {

/// Rows out of many batches: row i is row `rows[i]` of `batches[i]`.
struct RowList {
  std::vector<const Batch*> batches;
  std::vector<std::uint32_t> rows;

  std::size_t size() const { return rows.size(); }
  void clear() {
    batches.clear();
    rows.clear();
  }
  void push_back(const Batch* batch, std::uint32_t row) {
    batches.push_back(batch);
    rows.push_back(row);
  }
};

/// What becomes of the bytes of long strings.
enum class Texts {
  copied,  ///< nothing of the batches is kept alive
  shared,  ///< where few heaps have them and take little more than a copy; else copied
};

/// Column `column` of the rows.
ColumnPtr gather_column(const DataType& type, const RowList& list, std::size_t column, Texts texts);

/// Heaps that the strings of many batches point into, such as a dictionary. Whoever keeps rows
/// copies their texts out of a heap that is much larger than they are; after twice the bytes of the
/// whole heap it is less to keep the heap.
class SharedHeaps final {
 public:
  /// Whether rows whose long strings take `bytes` of the heap are to keep it.
  bool keeps(const BufferPtr& heap, std::size_t bytes);

 private:
  struct Known {
    std::weak_ptr<const Buffer> heap;
    std::size_t copied = 0;
  };
  std::array<Known, 4> known_;  ///< the last ones
  std::size_t next_ = 0;
};

/// The batch itself, or a copy where columns keep alive much more than its rows (slices, strings of
/// a larger batch) and nothing of `heaps` says otherwise. Carries neither hashes nor event times.
BatchPtr own_rows(const Schema& schema, const Batch& batch, SharedHeaps& heaps);
/// Bytes that own columns take; of heaps that others share, the part that these rows need.
std::size_t owned_bytes(const Batch& batch);

/// Drops the entries i of `list` whose column differs from row `others[i]` of `other`; both columns
/// have one type. Null equals null; a caller to whom they differ has taken null rows out before.
/// Writes the places that stay, ascending, to `keep`.
void match_column(const RowList& list, std::size_t column, const Column& other,
                  std::span<const std::uint32_t> others, std::vector<std::uint32_t>& keep);

/// The same for several columns: sets `same[i]` to whether entry i has the values of row
/// `others[i]` in all of them.
void match_columns(const RowList& list, std::span<const std::uint32_t> columns, const Batch& other,
                   std::span<const std::uint32_t> other_columns,
                   std::span<const std::uint32_t> others, std::vector<std::uint8_t>& same);

}  // namespace libstream
