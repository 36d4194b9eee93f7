#include "row_builder.hpp"

#include "scalar_text.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {

RowBuilder::RowBuilder(const Schema& schema, std::string_view corrupt_column, MalformedMode mode)
    : mode_(mode) {
  std::size_t width = 0;
  columns_.reserve(schema.size());
  for (const Field& field : schema) {
    columns_.emplace_back(field.type);
    width += field.type.width();
  }
  const auto found = schema.find(corrupt_column);
  if (found && schema[*found].type.id() == TypeId::string) corrupt_ = found;
  limit_rows_ =
      std::clamp<std::size_t>(batch_bytes / std::max<std::size_t>(width, 1), 1, batch_rows);
  limit_bytes_ = std::max<std::size_t>(batch_bytes - std::min(batch_bytes, limit_rows_ * width),
                                       batch_bytes / 4);
}

void RowBuilder::end_row() {
  ++rows_;
  ++metrics_.rows;
  for (ColumnBuilder& column : columns_) {
    if (column.size() < rows_) column.append_null();
  }
}

void RowBuilder::discard_row() {
  for (ColumnBuilder& column : columns_) column.truncate(rows_);
}

void RowBuilder::malformed(std::string_view text, std::string_view reason) {
  discard_row();
  if (mode_ == MalformedMode::fail_fast) {
    throw Error(ErrorCode::data, "malformed record in " + path_ + " line " + std::to_string(line_) +
                                     ": " + std::string(reason) +
                                     "; mode PERMISSIVE keeps such lines as null rows, "
                                     "DROPMALFORMED drops them");
  }
  ++metrics_.malformed_rows;
  if (mode_ == MalformedMode::drop) {
    ++metrics_.rows;
    ++metrics_.dropped_rows;
    return;
  }
  if (corrupt_) {
    const std::string clean = replace_invalid_utf8(text);
    columns_[*corrupt_].append_string(clean);
    string_bytes_ += clean.size();
  }
  end_row();
}

void RowBuilder::start_file(const std::string& path) {
  path_ = path;
  line_ = 1;
}

BatchPtr RowBuilder::finish() {
  std::vector<ColumnPtr> columns;
  columns.reserve(columns_.size());
  for (ColumnBuilder& column : columns_) columns.push_back(column.finish());
  const std::size_t rows = rows_;
  rows_ = 0;
  string_bytes_ = 0;
  return make_batch(std::move(columns), rows);
}

}  // namespace libstream
