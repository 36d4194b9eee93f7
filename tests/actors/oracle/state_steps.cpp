#include "state_steps.hpp"

#include "naive_aggregates.hpp"

#include <algorithm>
#include <utility>

namespace libstream::oracle {
namespace {

/// A time is behind a watermark that has reached it.
bool covered(std::int64_t micros, std::int64_t watermark_ms) {
  return micros <= watermark_ms * 1000;
}

std::string key_words(const Grouping& grouping, const std::string& more = {}) {
  std::string text = "group by (";
  for (const auto& key : grouping.keys) text += (text.ends_with('(') ? "" : ", ") + key.words;
  if (!more.empty()) text += (text.ends_with('(') ? "" : ", ") + more;
  text += ") count(*)";
  for (const auto& aggregate : grouping.aggregates) text += ", " + aggregate.text();
  return text;
}

std::vector<Expression> expressions(const Grouping& grouping) {
  std::vector<Expression> list{count().as("n")};
  for (std::size_t i = 0; i < grouping.aggregates.size(); ++i) {
    list.push_back(expr(grouping.aggregates[i].text() + " AS a" + std::to_string(i)));
  }
  return list;
}

void add_results(const Grouping& grouping, const std::vector<Row>& rows, Row& result) {
  result.push_back(static_cast<std::int64_t>(rows.size()));
  for (const auto& aggregate : grouping.aggregates) result.push_back(aggregate.of(rows));
}

void check_arguments(const Grouping& grouping, const Row& row) {
  for (const auto& aggregate : grouping.aggregates) (void)aggregate.of({row});
}

Columns result_columns(const Grouping& grouping, const std::string& session = {}) {
  Columns columns;
  for (const auto& key : grouping.keys) columns.push_back({key.name});
  if (!session.empty()) columns.push_back({session});
  columns.push_back({"n"});
  for (std::size_t i = 0; i < grouping.aggregates.size(); ++i) {
    columns.push_back({"a" + std::to_string(i), compare_of(grouping.aggregates[i].function)});
  }
  return columns;
}

}  // namespace

Value time_of(const Value& value) {
  const auto* window = std::get_if<ValueList>(&value.data);
  return window == nullptr ? value : Value((*window)[1].integer() - 1);
}

KeyTerm window_key(const std::string& column, std::function<Value(const Row&)> time,
                   std::int64_t size, std::int64_t slide, std::int64_t start) {
  KeyTerm term{"",
               window(column, seconds_text(size), seconds_text(slide), seconds_text(start)).as("w"),
               "w", nullptr, slide < size};
  term.words = "window(" + column + ", " + std::to_string(size) + " s every " +
               std::to_string(slide) + " s from " + std::to_string(start) + " s)";
  // By definition: windows start at start + n · slide, and contain the time.
  term.values = [=, time = std::move(time)](const Row& row) {
    std::vector<Value> list;
    const Value at = time(row);
    if (at.is_null()) return list;
    for (auto n = (at.integer() - start * second) / (slide * second) + 2;; --n) {
      const auto begin = start * second + n * slide * second;
      if (begin > at.integer()) continue;
      if (begin + size * second <= at.integer()) return list;
      list.push_back(ValueList{begin, begin + size * second});
    }
  };
  return term;
}

KeyTerm value_key(const std::string& text, const std::string& name,
                  std::function<Value(const Row&)> value) {
  return {text, expr(text).as(name), name,
          [value = std::move(value)](const Row& row) { return std::vector<Value>{value(row)}; }};
}

std::string AggregateTerm::text() const {
  std::string text = function + (distinct ? "(DISTINCT " : "(");
  for (std::size_t i = 0; i < arguments.size(); ++i)
    text += (i == 0 ? "" : ", ") + arguments[i].text;
  if (arguments.empty()) text += "*";
  text += option_text + ")";
  if (filter) text += " FILTER (WHERE " + filter->text + ")";
  return text;
}

Value AggregateTerm::of(const std::vector<Row>& rows) const {
  std::vector<Row> values;
  for (const Row& row : rows) {
    if (filter) {
      const Value truth = filter->value(row);
      if (truth.is_null() || !truth.boolean()) continue;
    }
    Row of_row;
    for (const Scalar& argument : arguments) of_row.push_back(argument.value(row));
    if (arguments.empty()) of_row.push_back(1);
    values.push_back(std::move(of_row));
  }
  return naive_aggregate(function, std::move(values), options, distinct);
}

DataStream Aggregation::apply(const DataStream& stream) const {
  const auto aggregates = expressions(grouping_);
  if (grouping_.keys.empty()) return stream.agg(aggregates);
  std::vector<ColumnArgument> keys;
  for (const auto& key : grouping_.keys) keys.emplace_back(key.expression);
  return stream.group_by(keys).agg(aggregates);
}

std::string Aggregation::words() const { return key_words(grouping_); }
Columns Aggregation::columns(const Columns&) const { return result_columns(grouping_); }

bool Aggregation::passed(const Row& key, std::int64_t watermark_ms) const {
  if (!goes_by_time()) return false;
  const Value& value = key[static_cast<std::size_t>(grouping_.time_key)];
  if (value.is_null()) return false;
  const auto* window = std::get_if<ValueList>(&value.data);
  return covered(window == nullptr ? value.integer() : (*window)[1].integer(), watermark_ms);
}

/// As docs/panes.md has it: not where the order of arrival counts.
bool Aggregation::in_panes() const {
  if (!grouping_.panes || grouping_.time_key < 0) return false;
  static const std::set<std::string> follow_arrival{
      "any_value", "array_agg",  "collect_list", "collect_set", "first",  "first_value",
      "last",      "last_value", "listagg",      "max_by",      "min_by", "string_agg"};
  return grouping_.keys[static_cast<std::size_t>(grouping_.time_key)].overlapping &&
         std::none_of(grouping_.aggregates.begin(), grouping_.aggregates.end(),
                      [](const AggregateTerm& aggregate) {
                        return follow_arrival.contains(aggregate.function);
                      });
}

/// One for each combination of what the terms say.
std::vector<Row> Aggregation::keys_of(const Row& row) const {
  std::vector<Row> keys{{}};
  for (const auto& term : grouping_.keys) {
    std::vector<Row> longer;
    for (const Row& prefix : keys) {
      for (const Value& value : term.values(row)) {
        longer.push_back(prefix);
        longer.back().push_back(value);
      }
    }
    keys = std::move(longer);
  }
  return keys;
}

void Aggregation::take(const Row& row, const std::vector<Row>& keys, const Times& times,
                       std::set<Row>& dropped) {
  for (const Row& key : keys) {
    if (passed(key, times.late)) {
      late_.push_back(row);
      dropped.insert(key);
      continue;
    }
    if (grouping_.may_fail) check_arguments(grouping_, row);
    groups_[key].push_back(row);
    touched_.insert(key);
  }
}

/// A row is late once, when all its windows are closed, and is held once.
void Aggregation::take_in_pane(const Row& row, const std::vector<Row>& keys, const Times& times) {
  if (keys.empty()) return;
  const auto closed = [&](const Row& key) { return passed(key, times.late); };
  if (std::all_of(keys.begin(), keys.end(), closed)) {
    late_.push_back(row);
    return;
  }
  if (grouping_.may_fail) check_arguments(grouping_, row);
  ++panes_[keys];
  touched_panes_.insert(keys);
  for (const Row& key : keys) {
    if (closed(key)) continue;
    groups_[key].push_back(row);
    touched_.insert(key);
  }
}

void Aggregation::count_panes(const Times& times) {
  state_ = {0, touched_panes_.size(), 0, late_.size(), 0, {}};
  for (auto pane = panes_.begin(); pane != panes_.end();) {
    const auto closed = [&](const Row& key) { return passed(key, times.evict); };
    const bool due = std::all_of(pane->first.begin(), pane->first.end(), closed);
    if (due) {
      ++state_.removed;
    } else {
      state_.held += pane->second;
    }
    pane = due ? panes_.erase(pane) : std::next(pane);
  }
  state_.total = panes_.size();
}

std::vector<Row> Aggregation::epoch(const std::vector<Row>& rows, const Times& times) {
  late_.clear();
  touched_.clear();
  touched_panes_.clear();
  std::set<Row> dropped;
  if (grouping_.keys.empty()) {
    groups_[{}];
    touched_.insert(Row{});
  }
  const bool panes = in_panes();
  for (const Row& row : rows) {
    const auto keys = keys_of(row);
    if (panes) {
      take_in_pane(row, keys, times);
    } else {
      take(row, keys, times, dropped);
    }
  }
  std::vector<Row> output;
  state_ = {0, touched_.size(), 0, dropped.size(), 0, {}};
  for (auto group = groups_.begin(); group != groups_.end();) {
    const bool due = passed(group->first, times.evict);
    const bool emits =
        grouping_.mode == OutputMode::complete || grouping_.keys.empty() ||
        (grouping_.mode == OutputMode::append ? due : touched_.contains(group->first));
    if (emits) {
      output.push_back(group->first);
      add_results(grouping_, group->second, output.back());
    }
    if (due) ++state_.removed;
    if (!due) state_.held += group->second.size();
    group = due ? groups_.erase(group) : std::next(group);
  }
  state_.total = groups_.size();
  if (panes) count_panes(times);
  return output;
}

DataStream Sessions::apply(const DataStream& stream) const {
  std::vector<ColumnArgument> keys;
  for (const auto& key : grouping_.keys) keys.emplace_back(key.expression);
  const auto session = constant_ ? session_window(column_, std::string_view(gap_text_))
                                 : session_window(column_, expr(gap_text_));
  keys.emplace_back(session.as("w"));
  return stream.group_by(keys).agg(expressions(grouping_));
}

std::string Sessions::words() const {
  return key_words(grouping_, "session_window(" + column_ + ", " + gap_text_ + ")");
}
Columns Sessions::columns(const Columns&) const { return result_columns(grouping_, "w"); }

void Sessions::take(const Row& row, const Times& times, std::set<Row>& dropped) {
  const Value start = time_(row);
  const Value gap = gap_(row);
  if (start.is_null() || gap.is_null() || gap.integer() <= 0) return;
  const auto end = start.integer() + gap.integer();
  Row key;
  for (const auto& term : grouping_.keys) key.push_back(term.values(row)[0]);
  if (grouping_.watermarked && covered(end, times.late)) {
    late_.push_back(row);
    key.push_back(ValueList{start, end});
    dropped.insert(std::move(key));
    return;
  }
  if (grouping_.may_fail) check_arguments(grouping_, row);
  keys_[key].pieces.push_back({start.integer(), end, row});
  keys_[key].touched = true;
}

/// Emits the sessions of one key that are due, or all, and leaves the pieces of the others.
void Sessions::emit(OfKey& of_key, const Row& key, const Times& times, std::vector<Row>& output) {
  auto& pieces = of_key.pieces;
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.start < b.start; });
  std::vector<Piece> kept;
  std::set<std::int64_t> merged;
  std::set<std::int64_t> left;
  for (std::size_t i = 0; i < pieces.size();) {
    const auto start = pieces[i].start;
    auto end = pieces[i].end;
    std::vector<Piece> session;
    for (; i < pieces.size() && pieces[i].start <= end; ++i) {
      end = std::max(end, pieces[i].end);
      session.push_back(pieces[i]);
    }
    merged.insert(start);
    std::vector<Row> rows;
    for (const Piece& piece : session) rows.push_back(piece.row);
    const bool complete = grouping_.mode == OutputMode::complete;
    const bool due = !complete && grouping_.watermarked && covered(end, times.evict);
    if (complete || due) {
      output.push_back(key);
      output.back().push_back(ValueList{start, end});
      add_results(grouping_, rows, output.back());
    }
    if (due) {
      ++state_.removed;
      continue;
    }
    left.insert(start);
    state_.held += rows.size();
    kept.insert(kept.end(), session.begin(), session.end());
  }
  // A session that moved its start or went into another one leaves the store, too.
  for (const auto start : of_key.stored) state_.removed += merged.contains(start) ? 0 : 1;
  if (std::exchange(of_key.touched, false)) *state_.updated += merged.size();
  state_.total += left.size();
  of_key.stored = std::move(left);
  pieces = std::move(kept);
}

std::vector<Row> Sessions::epoch(const std::vector<Row>& rows, const Times& times) {
  late_.clear();
  std::set<Row> dropped;
  for (const Row& row : rows) take(row, times, dropped);
  state_ = {0, 0, 0, dropped.size(), 0, {}};
  std::vector<Row> output;
  for (auto& [key, of_key] : keys_) emit(of_key, key, times, output);
  return output;
}

DataStream DropDuplicates::apply(const DataStream& stream) const {
  return spec_.within ? stream.drop_duplicates_within_watermark(spec_.names)
                      : stream.drop_duplicates(spec_.names);
}

std::string DropDuplicates::words() const {
  std::string text = spec_.within ? "drop duplicates within watermark (" : "drop duplicates (";
  for (const auto& name : spec_.names) text += (text.ends_with('(') ? "" : ", ") + name;
  return text + ")";
}

/// Absent: never.
std::optional<std::int64_t> DropDuplicates::expiry(const Row& row) const {
  if (!spec_.event_column) return std::nullopt;
  const Value& value = row[*spec_.event_column];
  if (spec_.within) {
    // A row without a time counts from 1970.
    return (value.is_null() ? 0 : value.integer()) + *spec_.within * second;
  }
  const bool is_key = spec_.columns.empty() ||
                      std::find(spec_.columns.begin(), spec_.columns.end(), *spec_.event_column) !=
                          spec_.columns.end();
  if (!is_key || value.is_null()) return std::nullopt;
  const auto* window = std::get_if<ValueList>(&value.data);
  return window == nullptr ? value.integer() : (*window)[1].integer();
}

std::vector<Row> DropDuplicates::epoch(const std::vector<Row>& rows, const Times& times) {
  late_.clear();
  state_ = {};
  std::vector<Row> output;
  std::uint64_t duplicates = 0;
  for (const Row& row : rows) {
    if (spec_.event_column && !row[*spec_.event_column].is_null()) {
      const Value& value = row[*spec_.event_column];
      const auto* window = std::get_if<ValueList>(&value.data);
      if (covered(window == nullptr ? value.integer() : (*window)[1].integer(), times.late)) {
        late_.push_back(row);
        continue;
      }
    }
    Row key = spec_.columns.empty() ? row : Row{};
    for (const auto column : spec_.columns) key.push_back(row[column]);
    if (!seen_.try_emplace(key, expiry(row)).second) {
      ++duplicates;
      continue;
    }
    output.push_back(row);
  }
  state_.updated = output.size();
  state_.dropped = late_.size();
  state_.duplicates = duplicates;
  state_.removed = std::erase_if(
      seen_, [&](const auto& key) { return key.second && covered(*key.second, times.evict); });
  state_.total = seen_.size();
  return output;
}

std::vector<Row> Limit::epoch(const std::vector<Row>& rows, const Times&) {
  if (per_epoch_) passed_ = 0;
  passes_ = std::min<std::uint64_t>(rows.size(), rows_ - passed_);
  passed_ += passes_;
  if (last_) return rows;
  return {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(passes_)};
}

std::optional<StateCount> Limit::state() const {
  if (per_epoch_) return std::nullopt;
  StateCount count;
  count.total = passed_ > 0 ? 1 : 0;
  count.updated = passes_ > 0 ? 1 : 0;
  return count;
}

}  // namespace libstream::oracle
