#pragma once

// Steps without state: filters, columns, watermarks.

#include "rows.hpp"
#include "step.hpp"

#include <optional>

namespace libstream::oracle {

class Filter final : public Step {
 public:
  /// `sinks`: it reads no event time, so that it moves below the watermark.
  Filter(Scalar condition, bool sinks) : condition_(std::move(condition)), sinks_(sinks) {}
  DataStream apply(const DataStream& s) const override { return s.where(condition_.text); }
  std::string words() const override { return "where " + condition_.text; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  bool sinks() const override { return sinks_; }

 private:
  Scalar condition_;
  bool sinks_;
};

/// Adds a column behind the others.
class WithColumn final : public Step {
 public:
  WithColumn(std::string name, Scalar value) : name_(std::move(name)), value_(std::move(value)) {}
  DataStream apply(const DataStream& s) const override {
    return s.with_column(name_, expr(value_.text));
  }
  std::string words() const override { return name_ + " = " + value_.text; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  Columns columns(const Columns& input) const override;

 private:
  std::string name_;
  Scalar value_;
};

/// What stands below ExplodeWords unsaid: rows without words go, like those that a filter takes.
class HasWords final : public Step {
 public:
  DataStream apply(const DataStream& s) const override { return s; }
  std::string words() const override { return "(only rows with words)"; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  bool sinks() const override { return true; }
};

/// One row per word of `t`, as the column "word".
class ExplodeWords final : public Step {
 public:
  DataStream apply(const DataStream& s) const override {
    return s.with_column("words", split("t", " ")).explode("words", "word");
  }
  std::string words() const override { return "explode split(t, ' ') as word"; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  Columns columns(const Columns& input) const override;
};

class Select final : public Step {
 public:
  explicit Select(std::vector<Scalar> values) : values_(std::move(values)) {}
  DataStream apply(const DataStream& s) const override;
  std::string words() const override;
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  Columns columns(const Columns& input) const override;

 private:
  std::vector<Scalar> values_;
};

/// Notes the largest event time that passes; the model joins the values of all of them.
class WatermarkStep final : public Step {
 public:
  explicit WatermarkStep(std::int64_t delay_seconds) : delay_(delay_seconds) {}
  DataStream apply(const DataStream& s) const override {
    return s.with_watermark("ts", seconds_text(delay_));
  }
  std::string words() const override { return "watermark ts delay " + seconds_text(delay_); }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;
  /// Absent before the first row with a time.
  std::optional<std::int64_t> value() const { return value_; }
  std::int64_t delay() const { return delay_; }

 private:
  std::int64_t delay_;
  std::optional<std::int64_t> value_;
};

/// Above an aggregation: groups of more than one row.
class Having final : public Step {
 public:
  explicit Having(std::size_t count_column) : column_(count_column) {}
  DataStream apply(const DataStream& s) const override { return s.where("n > 1"); }
  std::string words() const override { return "having n > 1"; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override;

 private:
  std::size_t column_;
};

/// By "n", descending; the rows of one count in any order.
class SortByCount final : public Step {
 public:
  DataStream apply(const DataStream& s) const override { return s.order_by(col("n").desc()); }
  std::string words() const override { return "order by n desc"; }
  std::vector<Row> epoch(const std::vector<Row>& rows, const Times&) override { return rows; }
};

}  // namespace libstream::oracle
