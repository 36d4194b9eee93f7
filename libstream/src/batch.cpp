#include <libstream/batch.hpp>
#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {

std::size_t Batch::bytes() const {
  std::size_t sum = 64;
  for (const auto& column : columns) sum += column->bytes();
  return sum;
}

BatchPtr make_batch(std::vector<ColumnPtr> columns) {
  LIBSTREAM_ASSERT(!columns.empty(), "a batch without columns needs a row count");
  const std::size_t rows = columns.front()->size();
  return make_batch(std::move(columns), rows);
}

BatchPtr make_batch(std::vector<ColumnPtr> columns, std::size_t rows) {
  auto batch = std::make_shared<Batch>();
  for (const auto& column : columns)
    LIBSTREAM_ASSERT(column->size() == rows, "columns of one length");
  batch->rows = rows;
  batch->columns = std::move(columns);
  return batch;
}

BatchPtr gather(const Batch& batch, std::span<const std::uint32_t> rows) {
  auto result = std::make_shared<Batch>();
  result->rows = rows.size();
  result->kind = batch.kind;
  // The range of some rows lies within that of all: wide, but true.
  result->event_time = batch.event_time;
  result->columns.reserve(batch.columns.size());
  for (const auto& column : batch.columns) result->columns.push_back(column->gather(rows));
  if (batch.hashes) {
    auto hashes = Buffer::allocate(rows.size() * 8);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      hashes->as<std::uint64_t>()[i] = batch.hashes->as<std::uint64_t>()[rows[i]];
    }
    result->hashes = std::move(hashes);
  }
  return result;
}

BatchPtr slice(const Batch& batch, std::size_t begin, std::size_t count) {
  auto result = std::make_shared<Batch>();
  result->rows = count;
  result->kind = batch.kind;
  result->event_time = batch.event_time;
  for (const auto& column : batch.columns) result->columns.push_back(column->slice(begin, count));
  if (batch.hashes) {
    auto hashes = Buffer::allocate(count * 8);
    std::memcpy(hashes->data(), batch.hashes->as<std::uint64_t>() + begin, count * 8);
    result->hashes = std::move(hashes);
  }
  return result;
}

BatchPtr batch_of(const Schema& schema, const std::vector<Row>& rows) {
  std::vector<ColumnPtr> columns;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    ColumnBuilder builder(schema[i].type, rows.size());
    for (const auto& row : rows) {
      LIBSTREAM_ASSERT(row.size() == schema.size(), "a row has one value a column");
      builder.append_value(row[i]);
    }
    columns.push_back(builder.finish());
  }
  return make_batch(std::move(columns), rows.size());
}

std::vector<Row> rows_of(const Batch& batch) {
  std::vector<Row> rows(batch.rows);
  for (std::size_t i = 0; i < batch.rows; ++i) {
    for (const auto& column : batch.columns) rows[i].push_back(column->value(i));
  }
  return rows;
}

std::string to_text(const Batch& batch) {
  std::string text;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    if (i > 0) text += " | ";
    for (std::size_t j = 0; j < batch.columns.size(); ++j) {
      if (j > 0) text += ' ';
      text += to_text(batch.columns[j]->value(i), batch.columns[j]->type());
    }
  }
  return text;
}

}  // namespace libstream
