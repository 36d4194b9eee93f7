#pragma once

// Steps with state, each a recount over all rows that it holds.

#include "rows.hpp"
#include "step.hpp"

#include <functional>
#include <map>
#include <set>

namespace libstream::oracle {

/// What a group is for: a value, or with a window as many as the row is in.
struct KeyTerm {
  std::string words;
  Expression expression;
  std::string name;
  std::function<std::vector<Value>(const Row&)> values;
  bool overlapping = false;  ///< windows that do
};

/// size, slide, start in seconds; `time` gives µs or null.
KeyTerm window_key(const std::string& column, std::function<Value(const Row&)> time,
                   std::int64_t size, std::int64_t slide, std::int64_t start);
KeyTerm value_key(const std::string& text, const std::string& name,
                  std::function<Value(const Row&)> value);
/// The event time that a timestamp or a window stands for to the operators above it: a window's
/// last instant.
Value time_of(const Value& value);

struct AggregateTerm {
  std::string function;
  std::vector<Scalar> arguments;
  std::vector<Value> options;
  std::string option_text;  ///< ", true"
  std::optional<Scalar> filter;
  bool distinct = false;

  std::string text() const;
  Value of(const std::vector<Row>& rows) const;
};

struct Grouping {
  std::vector<KeyTerm> keys;
  std::vector<AggregateTerm> aggregates;  ///< behind "n", the count of rows
  int time_key = -1;                      ///< the key that carries the event time
  bool watermarked = false;
  OutputMode mode = OutputMode::append;
  bool may_fail = false;  ///< an argument may, at the row itself
  bool panes = false;     ///< sliding windows are told to be counted by pane, where they can be
};

class Aggregation final : public Step {
 public:
  explicit Aggregation(Grouping grouping) : grouping_(std::move(grouping)) {}
  DataStream apply(const DataStream& stream) const override;
  std::string words() const override;
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times& times) override;
  std::optional<StateCount> state() const override { return state_; }
  std::vector<Row> late() const override { return late_; }
  Columns columns(const Columns& input) const override;
  bool wants_no_data_epoch(OutputMode mode) const override {
    return grouping_.watermarked && mode != OutputMode::complete;
  }
  bool drops_late_rows() const override { return goes_by_time(); }

 private:
  bool goes_by_time() const {
    return grouping_.watermarked && grouping_.time_key >= 0 &&
           grouping_.mode != OutputMode::complete;
  }
  bool in_panes() const;
  bool passed(const Row& key, std::int64_t watermark_ms) const;
  std::vector<Row> keys_of(const Row& row) const;
  void take(const Row& row, const std::vector<Row>& keys, const Times& times,
            std::set<Row>& dropped);
  void take_in_pane(const Row& row, const std::vector<Row>& keys, const Times& times);
  void count_panes(const Times& times);

  Grouping grouping_;
  std::map<Row, std::vector<Row>> groups_;
  std::set<Row> touched_;
  /// Rows by pane: rows of one pane have the same keys, in which all their windows stand.
  std::map<std::vector<Row>, std::uint64_t> panes_;
  std::set<std::vector<Row>> touched_panes_;
  StateCount state_;
  std::vector<Row> late_;
};

/// Groups by keys and sessions; the session is the last key.
class Sessions final : public Step {
 public:
  /// `gap`: µs or null.
  Sessions(Grouping grouping, std::string column, std::string gap_text, bool constant,
           std::function<Value(const Row&)> time, std::function<Value(const Row&)> gap)
      : grouping_(std::move(grouping)),
        column_(std::move(column)),
        gap_text_(std::move(gap_text)),
        constant_(constant),
        time_(std::move(time)),
        gap_(std::move(gap)) {}
  DataStream apply(const DataStream& stream) const override;
  std::string words() const override;
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times& times) override;
  std::optional<StateCount> state() const override { return state_; }
  std::vector<Row> late() const override { return late_; }
  Columns columns(const Columns& input) const override;
  bool wants_no_data_epoch(OutputMode mode) const override {
    return grouping_.watermarked && mode != OutputMode::complete;
  }
  bool drops_late_rows() const override { return grouping_.watermarked; }

 private:
  struct Piece {
    std::int64_t start;
    std::int64_t end;
    Row row;
  };
  struct OfKey {
    std::vector<Piece> pieces;
    std::set<std::int64_t> stored;  ///< starts of the sessions at the end of the epoch before
    bool touched = false;
  };
  void take(const Row& row, const Times& times, std::set<Row>& dropped);
  void emit(OfKey& of_key, const Row& key, const Times& times, std::vector<Row>& output);

  Grouping grouping_;
  std::string column_;
  std::string gap_text_;
  bool constant_;
  std::function<Value(const Row&)> time_;
  std::function<Value(const Row&)> gap_;
  std::map<Row, OfKey> keys_;
  StateCount state_;
  std::vector<Row> late_;
};

class DropDuplicates final : public Step {
 public:
  struct Spec {
    std::vector<std::string> names;  ///< empty: all columns
    std::vector<std::size_t> columns;
    std::optional<std::size_t> event_column;  ///< where a watermark is below
    std::optional<std::int64_t> within;       ///< seconds
  };
  explicit DropDuplicates(Spec spec) : spec_(std::move(spec)) {}
  DataStream apply(const DataStream& stream) const override;
  std::string words() const override;
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times& times) override;
  std::optional<StateCount> state() const override { return state_; }
  std::vector<Row> late() const override { return late_; }
  bool wants_no_data_epoch(OutputMode) const override { return spec_.event_column.has_value(); }
  bool drops_late_rows() const override { return spec_.event_column.has_value(); }

 private:
  std::optional<std::int64_t> expiry(const Row& row) const;

  Spec spec_;
  std::map<Row, std::optional<std::int64_t>> seen_;  ///< to when they expire, µs
  StateCount state_;
  std::vector<Row> late_;
};

class Limit final : public Step {
 public:
  /// `per_epoch`: above complete aggregations. `last`: nothing stands above it but the sink.
  Limit(std::uint64_t rows, bool per_epoch, bool last)
      : rows_(rows), per_epoch_(per_epoch), last_(last) {}
  DataStream apply(const DataStream& s) const override {
    return s.limit(static_cast<std::int64_t>(rows_));
  }
  std::string words() const override { return "limit " + std::to_string(rows_); }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  std::optional<std::uint64_t> any_of() const override {
    return last_ ? std::optional(passes_) : std::nullopt;
  }
  std::optional<StateCount> state() const override;

 private:
  std::uint64_t rows_;
  bool per_epoch_;
  bool last_;
  std::uint64_t passed_ = 0;
  std::uint64_t passes_ = 0;  ///< of the last epoch's rows
};

}  // namespace libstream::oracle
