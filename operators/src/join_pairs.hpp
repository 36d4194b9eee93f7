#pragma once

#include "gather_rows.hpp"
#include "join_rows.hpp"

#include <libstream/bound_expression.hpp>
#include <libstream/join.hpp>
#include <libstream/operator.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace libstream {

/// Pairs of a row of the batch being matched and a kept row of the other side whose hashes are
/// equal: checked, marked and emitted many at once.
class JoinPairs {
 public:
  /// `pair`: the left columns, then the right ones.
  JoinPairs(const JoinPlan& plan, const Schema& pair, std::size_t left_columns);

  void start(const EpochContext& context) { context_ = context; }
  const EpochContext& context() const { return context_; }
  /// Begins with a batch of that side, which outlives its pairs.
  void begin(const Batch& batch, std::size_t side);
  /// `kept_row` is row `row` of `kept`, and the generation's row of that number.
  void add(std::uint32_t probe, const Batch& kept, std::uint32_t row, JoinGeneration& generation,
           JoinTable::Row kept_row) {
    probes_.push_back(probe);
    kept_.push_back(&kept, row);
    marks_.push_back({&generation, kept_row});
  }
  std::size_t candidates() const { return probes_.size(); }
  /// Emits what matches.
  void flush(Output& output);

  /// A byte a row of the batch: it has matched.
  const std::uint8_t* matched() const { return matched_.data(); }
  /// It has matched a row that came before this epoch.
  bool matched_before(std::uint32_t row) const { return matched_before_[row] != 0; }

  /// Emits rows of one side with nulls for the other.
  void emit_padded(const RowList& rows, std::size_t side, Output& output) const;

 private:
  struct Mark {
    JoinGeneration* generation;
    JoinTable::Row row;
  };

  void check_keys();
  void check_condition();
  void keep(const std::vector<std::uint32_t>& places);
  void mark_matched();
  void mark_semi(Output& output);
  ColumnPtr pair_column(std::uint32_t column) const;
  bool is_left(std::uint32_t column) const { return column < left_columns_; }

  const JoinPlan& plan_;
  const Schema& pair_;
  const std::size_t left_columns_;
  std::vector<std::uint32_t> condition_columns_;
  std::optional<Evaluator> condition_;
  EpochContext context_;

  const Batch* batch_ = nullptr;
  std::size_t side_ = 0;
  std::vector<std::uint32_t> probes_;
  RowList kept_;
  std::vector<Mark> marks_;
  std::vector<std::uint8_t> matched_;
  std::vector<std::uint8_t> matched_before_;
  std::vector<std::uint32_t> places_;
  std::vector<ColumnPtr> gathered_;  ///< by column of a pair: made for the condition
};

}  // namespace libstream
