#include "row_steps.hpp"

#include <algorithm>
#include <iterator>

namespace libstream::oracle {

std::int64_t milliseconds_of(std::int64_t micros) {
  return micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
}

std::string seconds_text(std::int64_t seconds) { return std::to_string(seconds) + " seconds"; }

std::vector<Row> Filter::epoch(const std::vector<Row>& rows, const Times&) {
  std::vector<Row> kept;
  for (const Row& row : rows) {
    const Value truth = condition_.value(row);
    if (!truth.is_null() && truth.boolean()) kept.push_back(row);
  }
  return kept;
}

std::vector<Row> WithColumn::epoch(const std::vector<Row>& rows, const Times&) {
  auto result = rows;
  for (Row& row : result) row.push_back(value_.value(row));
  return result;
}

Columns WithColumn::columns(const Columns& input) const {
  auto columns = input;
  columns.push_back({name_});
  return columns;
}

std::vector<Row> HasWords::epoch(const std::vector<Row>& rows, const Times&) {
  std::vector<Row> kept;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(kept),
               [](const Row& row) { return !row[t].is_null(); });
  return kept;
}

std::vector<Row> ExplodeWords::epoch(const std::vector<Row>& rows, const Times&) {
  std::vector<Row> result;
  for (const Row& row : rows) {
    if (row[t].is_null()) continue;
    const std::string& text = row[t].text();
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find(' ', begin), text.size());
      result.push_back(row);
      result.back().push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return result;
}

Columns ExplodeWords::columns(const Columns& input) const {
  auto columns = input;
  columns.push_back({"word"});
  return columns;
}

DataStream Select::apply(const DataStream& s) const {
  std::vector<ColumnArgument> list;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    list.emplace_back(expr(values_[i].text).as("s" + std::to_string(i)));
  }
  return s.select(list);
}

std::string Select::words() const {
  std::string text = "select ";
  for (std::size_t i = 0; i < values_.size(); ++i) text += (i == 0 ? "" : ", ") + values_[i].text;
  return text;
}

std::vector<Row> Select::epoch(const std::vector<Row>& rows, const Times&) {
  std::vector<Row> result;
  for (const Row& row : rows) {
    Row selected;
    for (const Scalar& value : values_) selected.push_back(value.value(row));
    result.push_back(std::move(selected));
  }
  return result;
}

Columns Select::columns(const Columns&) const {
  Columns columns;
  for (std::size_t i = 0; i < values_.size(); ++i) columns.push_back({"s" + std::to_string(i)});
  return columns;
}

std::vector<Row> WatermarkStep::epoch(const std::vector<Row>& rows, const Times&) {
  for (const Row& row : rows) {
    if (row[ts].is_null()) continue;
    const auto candidate = milliseconds_of(row[ts].integer()) - delay_ * 1000;
    value_ = std::max(value_.value_or(candidate), candidate);
  }
  return rows;
}

std::vector<Row> Having::epoch(const std::vector<Row>& rows, const Times&) {
  std::vector<Row> kept;
  for (const Row& row : rows) {
    if (row[column_].integer() > 1) kept.push_back(row);
  }
  return kept;
}

}  // namespace libstream::oracle
