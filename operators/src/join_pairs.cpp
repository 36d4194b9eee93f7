#include "join_pairs.hpp"

#include <algorithm>
#include <utility>

namespace libstream {

JoinPairs::JoinPairs(const JoinPlan& plan, const Schema& pair, std::size_t left_columns)
    : plan_(plan), pair_(pair), left_columns_(left_columns), gathered_(pair.size()) {
  if (plan.condition == nullptr) return;
  condition_columns_ = input_columns(*plan.condition);
  std::vector<std::uint32_t> mapping(pair.size());
  for (std::uint32_t i = 0; i < condition_columns_.size(); ++i) mapping[condition_columns_[i]] = i;
  condition_.emplace(std::vector<BoundPtr>{remap_columns(plan.condition, mapping)});
}

void JoinPairs::begin(const Batch& batch, std::size_t side) {
  batch_ = &batch;
  side_ = side;
  matched_.assign(batch.rows, 0);
  matched_before_.assign(batch.rows, 0);
}

void JoinPairs::keep(const std::vector<std::uint32_t>& places) {
  if (places.size() == probes_.size()) return;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t from = places[i];
    probes_[i] = probes_[from];
    kept_.batches[i] = kept_.batches[from];
    kept_.rows[i] = kept_.rows[from];
    marks_[i] = marks_[from];
  }
  probes_.resize(places.size());
  kept_.batches.resize(places.size());
  kept_.rows.resize(places.size());
  marks_.resize(places.size());
}

void JoinPairs::check_keys() {
  const JoinSide& mine = side_ == 0 ? plan_.left : plan_.right;
  const JoinSide& theirs = side_ == 0 ? plan_.right : plan_.left;
  for (std::size_t k = 0; k < mine.keys.size() && !probes_.empty(); ++k) {
    match_column(kept_, theirs.keys[k], *batch_->columns[mine.keys[k]], probes_, places_);
    keep(places_);
  }
}

ColumnPtr JoinPairs::pair_column(std::uint32_t column) const {
  if (gathered_[column] != nullptr) return gathered_[column];
  const auto local = is_left(column) ? column : column - left_columns_;
  if (is_left(column) == (side_ == 0)) return batch_->columns[local]->gather(probes_);
  return gather_column(pair_[column].type, kept_, local, Texts::shared);
}

void JoinPairs::check_condition() {
  if (!condition_ || probes_.empty()) return;
  std::vector<ColumnPtr> columns;
  for (const std::uint32_t column : condition_columns_) columns.push_back(pair_column(column));
  Selection selection;
  condition_->select(0, *make_batch(columns, probes_.size()), context_, selection);
  const bool all = selection.size() == probes_.size();
  keep(selection);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    gathered_[condition_columns_[i]] = all ? columns[i] : columns[i]->gather(selection);
  }
}

void JoinPairs::mark_matched() {
  for (const std::uint32_t probe : probes_) matched_[probe] = 1;
  const JoinType padding = side_ == 0 ? JoinType::right_outer : JoinType::left_outer;
  if (plan_.type != padding && plan_.type != JoinType::full_outer) return;
  for (const Mark& mark : marks_) JoinRows::set_matched(*mark.generation, mark.row);
}

void JoinPairs::mark_semi(Output& output) {
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < probes_.size(); ++i) {
    if (side_ == 1) {
      if (JoinRows::set_matched(*marks_[i].generation, marks_[i].row)) places.push_back(i);
      continue;
    }
    if (!marks_[i].generation->is_fresh(marks_[i].row)) matched_before_[probes_[i]] = 1;
    if (matched_[probes_[i]] == 0) places.push_back(i);
    matched_[probes_[i]] = 1;
  }
  for (ColumnPtr& column : gathered_) {
    if (column != nullptr && places.size() < probes_.size()) column = column->gather(places);
  }
  keep(places);
  if (places.empty()) return;
  std::vector<ColumnPtr> columns;
  for (const std::uint32_t column : plan_.output) columns.push_back(pair_column(column));
  output.emit(make_batch(std::move(columns), probes_.size()));
}

void JoinPairs::flush(Output& output) {
  if (probes_.empty()) return;
  check_keys();
  check_condition();
  if (plan_.type == JoinType::left_semi) {
    mark_semi(output);
  } else if (!probes_.empty()) {
    mark_matched();
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t column : plan_.output) columns.push_back(pair_column(column));
    output.emit(make_batch(std::move(columns), probes_.size()));
  }
  for (const std::uint32_t column : condition_columns_) gathered_[column] = nullptr;
  probes_.clear();
  kept_.clear();
  marks_.clear();
}

void JoinPairs::emit_padded(const RowList& rows, std::size_t side, Output& output) const {
  if (rows.size() == 0) return;
  std::vector<ColumnPtr> columns;
  for (const std::uint32_t column : plan_.output) {
    const DataType& type = pair_[column].type;
    const auto local = is_left(column) ? column : column - left_columns_;
    columns.push_back(is_left(column) == (side == 0)
                          ? gather_column(type, rows, local, Texts::copied)
                          : Column::nulls(type, rows.size()));
  }
  output.emit(make_batch(std::move(columns), rows.size()));
}

}  // namespace libstream
