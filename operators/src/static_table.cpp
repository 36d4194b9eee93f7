#include "static_table.hpp"

#include <libstream/error.hpp>

#include <utility>

namespace libstream {
namespace {

/// The column with its string bytes behind one reference of no size of its own. Every batch that
/// comes out of the join shares them: it would count them and hold each by itself else.
ColumnPtr with_one_heap(const ColumnPtr& column) {
  const auto sliced =
      column->values_buffer() && column->values<std::byte>() != column->values_buffer()->data();
  if (!column->type().is_string_like() || column->heaps().empty() || sliced) return column;
  struct Kept {
    std::vector<BufferPtr> heaps;
    BufferPtr none = Buffer::allocate(0);
  };
  auto kept = std::make_shared<Kept>();
  kept->heaps = column->heaps();
  return Column::fixed(column->type(), column->size(), column->values_buffer(),
                       column->validity_buffer(), {BufferPtr(kept, kept->none.get())});
}

}  // namespace

StaticTableSide::StaticTableSide(std::unique_ptr<StaticPlan> plan, Form form)
    : plan_(std::move(plan)), form_(std::move(form)) {}

std::string StaticTableSide::prepare(Epoch epoch, const EpochContext& context) {
  // Only this thread writes `epoch_` and `table_`, so it may read them without the lock.
  if (epoch_ == epoch && table_) return version_;
  stale_ = plan_->look(epoch, context) || stale_;
  auto table = table_;
  if (!table || stale_) {
    table = make_table();
    plan_->drop_batches();
    stale_ = false;
  }
  version_ = plan_->version();
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  table_ = std::move(table);
  return version_;
}

std::shared_ptr<const StaticTable> StaticTableSide::table(Epoch epoch) const {
  const std::lock_guard lock(mutex_);
  LIBSTREAM_ASSERT(epoch_ == epoch && table_, "the table of an epoch is loaded before its tasks");
  return table_;
}

std::shared_ptr<const StaticTable> StaticTableSide::make_table() {
  const auto& batches = plan_->batches();
  auto table = std::make_shared<StaticTable>();
  table->number = ++versions_;
  auto rows = std::make_shared<Batch>();
  for (const auto& batch : batches) table->size += batch->rows;
  rows->rows = table->size + (form_.null_row ? 1 : 0);
  std::vector<ColumnPtr> parts;
  for (std::size_t i = 0; i < form_.schema.size(); ++i) {
    const auto& type = form_.schema[i].type;
    parts.clear();
    for (const auto& batch : batches) parts.push_back(batch->columns[i]);
    if (form_.null_row) parts.push_back(Column::nulls(type, 1));
    if (parts.empty()) parts.push_back(Column::nulls(type, 0));
    rows->columns.push_back(with_one_heap(concatenate(type, parts)));
  }
  table->rows = rows;
  if (form_.shared_index) {
    table->index = std::make_shared<StaticIndex>(*rows, table->size, form_.keys, form_.null_safe,
                                                 StaticIndex::Groups{});
  }
  return table;
}

}  // namespace libstream
