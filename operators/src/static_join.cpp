#include "static_join.hpp"

#include "counted_output.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <optional>

namespace libstream {
namespace {

using Matches = StaticIndex::Matches;

/// A condition over pairs, bound to the columns that it reads: only those are gathered.
class PairCondition {
 public:
  explicit PairCondition(const BoundPtr& condition) : columns_(input_columns(*condition)) {
    std::vector<std::uint32_t> mapping(columns_.empty() ? 0 : columns_.back() + 1, 0);
    for (std::uint32_t i = 0; i < columns_.size(); ++i) mapping[columns_[i]] = i;
    evaluator_.emplace(std::vector<BoundPtr>{remap_columns(condition, mapping)});
  }
  const std::vector<std::uint32_t>& columns() const { return columns_; }
  void select(const Batch& pairs, const EpochContext& context, Selection& rows) {
    evaluator_->select(0, pairs, context, rows);
  }

 private:
  std::vector<std::uint32_t> columns_;
  std::optional<Evaluator> evaluator_;
};

class StaticJoinOperator final : public Operator {
 public:
  StaticJoinOperator(const StaticJoinSpec& spec, const OperatorContext& context)
      : join_(spec.join),
        side_(spec.side),
        keys_(spec.stream_left ? join_->left.keys : join_->right.keys),
        left_columns_(static_cast<std::uint32_t>(spec.left.size())),
        stream_left_(spec.stream_left),
        partitioned_(spec.partitioned),
        stream_columns_(spec.stream_left ? spec.left : spec.right),
        padded_(join_->type == JoinType::left_outer || join_->type == JoinType::right_outer ||
                join_->type == JoinType::full_outer),
        keeps_table_(join_->type == JoinType::full_outer),
        stream_only_(join_->type == JoinType::left_semi || join_->type == JoinType::left_anti),
        groups_{first_group(context.partition, context.key_groups, context.partitions),
                first_group(context.partition + 1, context.key_groups, context.partitions),
                context.key_groups} {
    const auto& filter = (spec.stream_left ? join_->left : join_->right).filter;
    if (filter) filter_.emplace(std::vector<BoundPtr>{filter});
    if (join_->condition) condition_.emplace(join_->condition);
  }

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    made_ = filtered_ = 0;
    auto table = side_->table(epoch.epoch);
    if (!table_ || table->number != table_->number) {
      index_ = table->index;
      if (!index_) {
        index_ = std::make_shared<StaticIndex>(*table->rows, table->size, side_->form().keys,
                                               side_->form().null_safe, groups_);
      }
      table_ = std::move(table);
    }
    if (keeps_table_) table_matched_.assign(table_->size + 1, 0);
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& to) override {
    CountedOutput output(to, rows_out_);
    batch_ = std::move(batch);
    rows_out_ = 0;
    row_ = 0;
    match_ = 0;
    look_up();
    if (condition_) {
      matched_.assign(batch_->rows, 0);
    } else if (stream_only_) {
      emit_stream_rows(output);
      return finish();
    } else if (most_matches_ <= 1) {
      emit_single_matches(output);
      return finish();
    }
    return resume(to);
  }

  Flow resume(Output& to) override {
    if (batch_ == nullptr) return emit_unmatched(to);
    CountedOutput output(to, rows_out_);
    while (row_ < batch_->rows) {
      take_pairs();
      if (condition_) apply_condition();
      if (!stream_only_) emit_pairs(output);
      if (output.full() && (row_ < batch_->rows || stream_only_)) return Flow::more;
    }
    if (stream_only_) emit_stream_rows(output);
    return finish();
  }

  /// Where all rows of the table come out: those of this task that met none of the stream.
  Flow on_barrier(const Barrier& /*barrier*/, Output& output) override {
    if (!keeps_table_) return Flow::done;
    table_row_ = 0;
    if (partitioned_) {
      hashes_.resize(table_->rows->rows);
      hash_keys(*table_->rows, side_->form().keys, hashes_);
    }
    return emit_unmatched(output);
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.made_rows = made_;
    metrics.filtered_rows = filtered_;
    return metrics;
  }

 private:
  Flow finish() {
    const std::uint64_t kept = rows_that_came_out();
    filtered_ += batch_->rows - kept;
    made_ += rows_out_ - kept;
    batch_ = nullptr;
    return Flow::done;
  }

  /// Of the batch: rows of the stream that came out at least once.
  std::uint64_t rows_that_came_out() const {
    if (stream_only_) return rows_out_;
    if (padded_) return batch_->rows;
    if (condition_) {
      return static_cast<std::uint64_t>(std::count(matched_.begin(), matched_.end(), 1));
    }
    return static_cast<std::uint64_t>(
        std::count_if(matches_.begin(), matches_.end(),
                      [](const Matches& matches) { return matches.count > 0; }));
  }

  /// Finds the matches of every row by its key, none for rows that the stream's own part of the
  /// condition refuses.
  void look_up() {
    const auto rows = batch_->rows;
    matches_.resize(rows);
    const auto* hashes = hashes_.data();
    if (partitioned_ && batch_->hashes) {
      hashes = batch_->hashes->as<std::uint64_t>();
    } else if (!keys_.empty()) {
      hashes_.resize(rows);
      hash_keys(*batch_, keys_, hashes_);
      hashes = hashes_.data();
    }
    index_->find(*batch_, keys_, hashes, scratch_, matches_);
    if (filter_) {
      filter_->select(0, *batch_, epoch_, selection_);
      std::size_t next = 0;
      for (std::uint32_t i = 0; i < rows; ++i) {
        if (next < selection_.size() && selection_[next] == i) {
          ++next;
        } else {
          matches_[i].count = 0;
        }
      }
    }
    most_matches_ = 0;
    least_matches_ = rows == 0 ? 0 : matches_[0].count;
    for (const auto& matches : matches_) {
      most_matches_ = std::max(most_matches_, matches.count);
      least_matches_ = std::min(least_matches_, matches.count);
    }
  }

  std::uint32_t null_row() const { return static_cast<std::uint32_t>(table_->size); }

  /// The next pairs of the batch, up to a batch's worth.
  void take_pairs() {
    stream_rows_.clear();
    table_rows_.clear();
    first_ = row_;
    const auto& order = index_->order();
    while (row_ < batch_->rows && stream_rows_.size() < batch_rows) {
      const auto& matches = matches_[row_];
      // Semi and anti: one match that meets the condition is enough.
      const bool skip = stream_only_ && matched_[row_] != 0;
      if (matches.count == 0 && padded_ && !condition_) {
        add_pair(row_, null_row());
      } else if (matches.count == 1 && !skip) {
        add_pair(row_, matches.first);
      } else if (matches.count > 1 && !skip) {
        const auto room = batch_rows - stream_rows_.size();
        const auto count = std::min<std::size_t>(matches.count - match_, room);
        const auto* rows = order.data() + matches.first + match_;
        stream_rows_.insert(stream_rows_.end(), count, row_);
        table_rows_.insert(table_rows_.end(), rows, rows + count);
        match_ += static_cast<std::uint32_t>(count);
        if (match_ < matches.count) return;  // the row goes on in the next pairs
      }
      match_ = 0;
      ++row_;
    }
  }

  void add_pair(std::uint32_t stream_row, std::uint32_t table_row) {
    stream_rows_.push_back(stream_row);
    table_rows_.push_back(table_row);
  }

  /// Keeps the pairs for which the condition is true; rows of an outer join whose last pair was
  /// looked at and that have none get one with nulls.
  void apply_condition() {
    if (!stream_rows_.empty()) {
      Batch pairs;
      pairs.rows = stream_rows_.size();
      for (const auto column : condition_->columns()) pairs.columns.push_back(pair_column(column));
      condition_->select(pairs, epoch_, selection_);
      for (std::size_t i = 0; i < selection_.size(); ++i) {
        stream_rows_[i] = stream_rows_[selection_[i]];
        table_rows_[i] = table_rows_[selection_[i]];
        matched_[stream_rows_[i]] = 1;
      }
      stream_rows_.resize(selection_.size());
      table_rows_.resize(selection_.size());
    }
    if (!padded_) return;
    for (auto row = first_; row < row_; ++row) {
      if (matched_[row] == 0) add_pair(row, null_row());
    }
  }

  /// Column of a pair, of the pairs taken.
  ColumnPtr pair_column(std::uint32_t column) const {
    const bool left = column < left_columns_;
    const auto index = left ? column : column - left_columns_;
    return left == stream_left_ ? batch_->columns[index]->gather(stream_rows_)
                                : table_->rows->columns[index]->gather(table_rows_);
  }

  void emit_pairs(Output& output) {
    if (stream_rows_.empty()) return;
    note_matched();
    auto result = std::make_shared<Batch>();
    result->rows = stream_rows_.size();
    result->event_time = batch_->event_time;
    for (const auto column : join_->output) result->columns.push_back(pair_column(column));
    output.emit(std::move(result));
  }

  /// No row has more than one match, and there is no condition: rows come out once or not at all.
  void emit_single_matches(Output& output) {
    const auto rows = batch_->rows;
    const bool all = padded_ || least_matches_ == 1;
    stream_rows_.resize(rows);
    table_rows_.resize(rows);
    std::size_t kept = 0;
    if (all) {
      const auto missing = null_row();
      for (std::size_t i = 0; i < rows; ++i) {
        table_rows_[i] = matches_[i].count == 0 ? missing : matches_[i].first;
      }
      kept = rows;
    } else {
      for (std::uint32_t i = 0; i < rows; ++i) {
        stream_rows_[kept] = i;
        table_rows_[kept] = matches_[i].first;
        kept += matches_[i].count;
      }
    }
    if (kept == 0) return;
    stream_rows_.resize(kept);
    table_rows_.resize(kept);
    note_matched();
    auto result = std::make_shared<Batch>();
    result->rows = kept;
    result->event_time = batch_->event_time;
    for (const auto column : join_->output) {
      const bool of_stream = (column < left_columns_) == stream_left_;
      if (all && of_stream) {
        const auto index = stream_left_ ? column : column - left_columns_;
        result->columns.push_back(batch_->columns[index]);
      } else {
        result->columns.push_back(pair_column(column));
      }
    }
    output.emit(std::move(result));
  }

  /// Of the pairs that come out; the row of nulls has a place, too.
  void note_matched() {
    if (!keeps_table_) return;
    for (const auto row : table_rows_) table_matched_[row] = 1;
  }

  bool in_this_task(std::uint32_t table_row) const {
    if (!partitioned_) return true;
    const auto group = key_group(hashes_[table_row], groups_.of);
    return group >= groups_.begin && group < groups_.end;
  }

  Flow emit_unmatched(Output& output) {
    while (table_row_ < table_->size) {
      table_rows_.clear();
      for (; table_row_ < table_->size && table_rows_.size() < batch_rows; ++table_row_) {
        if (table_matched_[table_row_] == 0 && in_this_task(table_row_)) {
          table_rows_.push_back(table_row_);
        }
      }
      if (table_rows_.empty()) break;
      auto result = std::make_shared<Batch>();
      result->rows = table_rows_.size();
      for (const auto column : join_->output) {
        const bool left = column < left_columns_;
        const auto index = left ? column : column - left_columns_;
        result->columns.push_back(left == stream_left_
                                      ? Column::nulls(stream_columns_[index].type, result->rows)
                                      : table_->rows->columns[index]->gather(table_rows_));
      }
      made_ += result->rows;
      output.emit(std::move(result));
      if (output.full() && table_row_ < table_->size) return Flow::more;
    }
    return Flow::done;
  }

  /// Semi and anti: the rows with a match, or those without.
  void emit_stream_rows(Output& output) {
    const bool wanted = join_->type == JoinType::left_semi;
    stream_rows_.clear();
    for (std::uint32_t i = 0; i < batch_->rows; ++i) {
      const bool matched = condition_ ? matched_[i] != 0 : matches_[i].count != 0;
      if (matched == wanted) stream_rows_.push_back(i);
    }
    if (stream_rows_.empty()) return;
    const bool all = stream_rows_.size() == batch_->rows;
    auto result = std::make_shared<Batch>();
    result->rows = stream_rows_.size();
    result->event_time = batch_->event_time;
    for (const auto column : join_->output) {
      const auto& values = batch_->columns[column];
      result->columns.push_back(all ? values : values->gather(stream_rows_));
    }
    output.emit(std::move(result));
  }

  const std::shared_ptr<const JoinPlan> join_;
  const std::shared_ptr<const StaticTableSide> side_;
  const std::vector<std::uint32_t> keys_;
  const std::uint32_t left_columns_;
  const bool stream_left_;
  const bool partitioned_;
  const Schema stream_columns_;
  const bool padded_;       ///< rows of the stream without a match come out with nulls
  const bool keeps_table_;  ///< those of the table, too, when the epoch ends
  const bool stream_only_;  ///< semi, anti
  const StaticIndex::Groups groups_;
  std::optional<Evaluator> filter_;
  std::optional<PairCondition> condition_;

  EpochContext epoch_;
  std::shared_ptr<const StaticTable> table_;
  std::shared_ptr<const StaticIndex> index_;

  // Of the batch under way.
  BatchPtr batch_;
  std::vector<std::uint64_t> hashes_;
  StaticIndex::Scratch scratch_;
  std::vector<Matches> matches_;            ///< by row
  std::vector<std::uint8_t> matched_;       ///< by row: a pair met the condition
  std::uint32_t most_matches_ = 0;          ///< of a row
  std::uint32_t least_matches_ = 0;         ///< of a row
  std::uint32_t row_ = 0;                   ///< whose pairs come next
  std::uint32_t match_ = 0;                 ///< of that row: matches already taken
  std::uint32_t first_ = 0;                 ///< row of the first of the pairs taken
  std::vector<std::uint32_t> stream_rows_;  ///< the pairs taken
  std::vector<std::uint32_t> table_rows_;
  Selection selection_;
  std::uint64_t rows_out_ = 0;  ///< of the batch

  // Of the epoch.
  std::vector<std::uint8_t> table_matched_;  ///< by row of the table, where all come out
  std::uint32_t table_row_ = 0;              ///< that is looked at next when it ends
  std::uint64_t made_ = 0;
  std::uint64_t filtered_ = 0;
};

}  // namespace

OperatorFactory static_join(StaticJoinSpec spec) {
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<StaticJoinOperator>(spec, context);
  };
}

}  // namespace libstream
