#include "key_time.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <numeric>

namespace libstream {
namespace {

const Column* times_of(const Column& column) {
  if (column.type().id() != TypeId::structure) return &column;
  const auto& fields = column.type().fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (same_name(fields[i].name, "end")) return column.child(i).get();
  }
  LIBSTREAM_ASSERT(false, "a window has a field \"end\"");
  return nullptr;
}

}  // namespace

KeyTime::KeyTime(const Column& column)
    : outer_(&column), times_(times_of(column)), values_(times_->values<EventTime>()) {
  LIBSTREAM_ASSERT(times_->type().id() == TypeId::timestamp, "event times are timestamps");
}

const std::uint64_t* KeyHashes::of(const Batch& batch, std::span<const std::uint32_t> key_columns) {
  return batch.hashes ? batch.hashes->as<std::uint64_t>() : compute(batch, key_columns);
}

const std::uint64_t* KeyHashes::compute(const Batch& batch,
                                        std::span<const std::uint32_t> key_columns) {
  scratch_.resize(batch.rows);
  hash_keys(batch, key_columns, scratch_);
  return scratch_.data();
}

std::vector<ColumnPtr> columns_at(const Batch& batch, std::span<const std::uint32_t> indices) {
  std::vector<ColumnPtr> columns;
  for (const std::uint32_t index : indices) columns.push_back(batch.columns[index]);
  return columns;
}

BufferPtr hash_columns(const std::vector<ColumnPtr>& keys, std::size_t rows) {
  std::vector<std::uint32_t> indices(keys.size());
  std::iota(indices.begin(), indices.end(), 0);
  auto buffer = Buffer::allocate(rows * sizeof(std::uint64_t));
  hash_keys(*make_batch(keys, rows), indices, {buffer->as<std::uint64_t>(), rows});
  return buffer;
}

}  // namespace libstream
