#include "random_query.hpp"

#include "random_aggregates.hpp"

#include <algorithm>

namespace libstream::oracle {
namespace {

class Picker {
 public:
  explicit Picker(std::uint64_t seed) : chance_(seed) {}

  RandomQuery pick() {
    query_.ordered = in_order_ = chance_.one_in(4);
    query_.watermarked = !chance_.one_in(3);
    query_.max_policy = chance_.one_in(3);
    query_.no_data_epochs = !chance_.one_in(5);
    query_.panes = !chance_.one_in(3);
    query_.batches_per_epoch = query_.ordered ? 1 : chance_.one_in(2) ? 0 : chance_.between(1, 3);
    pick_input();
    pick_core();
    const auto late = [](const StepPtr& step) { return step->drops_late_rows(); };
    query_.late_rows =
        std::any_of(query_.trunk.begin(), query_.trunk.end(), late) && !chance_.one_in(4);
    return std::move(query_);
  }

 private:
  template <class S, class... Arguments>
  void add(Arguments&&... arguments) {
    auto step = std::make_unique<S>(std::forward<Arguments>(arguments)...);
    columns_ = step->columns(columns_);
    query_.trunk.push_back(std::move(step));
  }

  void pick_input() {
    const auto streams = query_.ordered ? 1 : chance_.one_in(3) ? chance_.between(2, 3) : 1;
    const bool each = query_.watermarked && (streams == 1 || chance_.one_in(2));
    for (std::int64_t i = 0; i < streams; ++i) {
      auto& branch = query_.branches.emplace_back();
      if (chance_.one_in(4)) branch.push_back(filter());
      if (streams > 1 && each) branch.push_back(watermark());
      if (streams > 1 && chance_.one_in(4)) branch.push_back(filter());
    }
    columns_ = input_row();
    // What stands above the union and below the state comes in any order.
    std::vector<int> order;
    if (query_.watermarked && (streams == 1 || !each)) order.push_back(0);
    for (auto filters = chance_.below(3); filters > 0; --filters) order.push_back(1);
    if (chance_.one_in(4)) order.push_back(2);
    if (chance_.one_in(2)) order.push_back(3);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1],
                order[static_cast<std::size_t>(chance_.below(static_cast<std::int64_t>(i)))]);
    }
    for (const int what : order) {
      if (what == 0) query_.trunk.push_back(watermark());
      if (what == 1) query_.trunk.push_back(filter());
      if (what == 2) {
        add<HasWords>();
        add<ExplodeWords>();
      }
      if (what == 3)
        add<WithColumn>("c", pick_scalar(chance_, {Kind::text, Kind::real, Kind::whole}));
    }
  }

  StepPtr filter() {
    if (chance_.one_in(4)) return std::make_unique<Filter>(chance_.of(time_conditions()), false);
    return std::make_unique<Filter>(chance_.of(conditions()), true);
  }
  StepPtr watermark() {
    return std::make_unique<WatermarkStep>(chance_.one_in(2) ? 0 : chance_.below(20));
  }

  bool has(std::string_view name) const {
    return std::any_of(columns_.begin(), columns_.end(),
                       [&](const ResultColumn& column) { return column.name == name; });
  }
  Scalar column(std::string_view name) const {
    const auto index = column_at(columns_, name);
    return {std::string(name), Kind::text, [index](const Row& row) { return row[index]; }};
  }
  std::function<Value(const Row&)> time_column(std::string_view name) const {
    const auto index = column_at(columns_, name);
    return [index](const Row& row) { return time_of(row[index]); };
  }

  void pick_core() {
    const auto kind = chance_.below(20);
    if (kind < 2) return stateless();
    if (kind < 5) return deduplication();
    if (kind < 6) return first_rows();
    if (kind < 8) return sessions();
    if (kind < 12 && query_.watermarked) return chain();
    // What else the first row of its kind holds must not be open.
    if (query_.ordered && chance_.one_in(3)) {
      deduplicate();
    } else if (chance_.one_in(25)) {
      query_.mode = OutputMode::complete;
      add<Limit>(static_cast<std::uint64_t>(chance_.below(20)), false, false);
      add<Aggregation>(Grouping{{}, {}, -1, query_.watermarked, query_.mode});
      return;
    }
    aggregation();
  }

  void pick_mode(bool append) {
    const auto choice = chance_.below(append ? 4 : 2);
    query_.mode = choice == 0   ? OutputMode::complete
                  : choice == 1 ? OutputMode::update
                                : OutputMode::append;
  }

  void select() {
    std::vector<Scalar> values{column("id")};
    if (has("word")) values.push_back(column("word"));
    if (has("c")) values.push_back(column("c"));
    for (auto more = chance_.below(4); more > 0; --more) values.push_back(chance_.of(scalars()));
    if (chance_.one_in(12)) {
      values.push_back(chance_.of(failing_scalars()));
      query_.fails = may_fail;
    }
    add<Select>(std::move(values));
  }

  void stateless() {
    query_.mode = chance_.one_in(2) ? OutputMode::append : OutputMode::update;
    select();
  }

  void first_rows() {
    query_.mode = OutputMode::append;
    select();
    add<Limit>(static_cast<std::uint64_t>(chance_.below(40)), false, true);
  }

  /// By some columns, or by all of a few that are selected first.
  std::vector<std::string> deduplicate() {
    DropDuplicates::Spec spec;
    if (query_.watermarked) spec.event_column = column_at(columns_, "ts");
    // Where rows come in any order, which is the first is open: its time must not matter.
    if (query_.watermarked && query_.ordered && chance_.one_in(2)) {
      const auto* step = single_watermark();
      if (step != nullptr) spec.within = step->delay();
    }
    for (const char* name : {"k", "g", "ts", "v", "word"}) {
      if (has(name) && chance_.one_in(2)) spec.names.emplace_back(name);
    }
    if (spec.names.empty()) spec.names.emplace_back("k");
    for (const auto& name : spec.names) spec.columns.push_back(column_at(columns_, name));
    const auto names = spec.names;
    add<DropDuplicates>(std::move(spec));
    in_order_ = false;  // partitions by its keys
    return names;
  }

  const WatermarkStep* single_watermark() const {
    for (const auto& step : query_.trunk) {
      if (const auto* found = dynamic_cast<const WatermarkStep*>(step.get())) return found;
    }
    return nullptr;
  }

  void deduplication() {
    query_.mode = chance_.one_in(2) ? OutputMode::append : OutputMode::update;
    if (chance_.one_in(3)) {
      std::vector<Scalar> values;
      for (const char* name : {"k", "v", "ts"}) values.push_back(column(name));
      // Selected columns keep their names where they are columns.
      add<Select>(std::move(values));
      DropDuplicates::Spec spec;
      if (query_.watermarked) spec.event_column = 2;
      add<DropDuplicates>(std::move(spec));
      return;
    }
    std::vector<Scalar> values;
    for (const auto& name : deduplicate()) values.push_back(column(name));
    if (query_.ordered) values.push_back(column("id"));
    add<Select>(std::move(values));
  }

  void add_value_keys(Grouping& grouping) {
    const auto key = [&](const char* name) {
      grouping.keys.push_back(value_key(name, name, column(name).value));
    };
    for (const char* name : {"k", "g", "word"}) {
      if (has(name) && chance_.one_in(3)) key(name);
    }
    if (has("c") && chance_.one_in(3)) key("c");
    if (chance_.one_in(5)) {
      const Scalar& scalar = pick_scalar(chance_, {Kind::text, Kind::whole});
      grouping.keys.push_back(value_key(scalar.text, "r", scalar.value));
    }
  }

  KeyTerm window_of(const std::string& name, std::int64_t least) {
    const auto size = least + chance_.below(12);
    const auto slide = chance_.one_in(2) ? size : chance_.between(1, size);
    const auto start = chance_.one_in(3) ? chance_.below(2 * slide - 1) - slide + 1 : 0;
    return window_key(name, time_column(name), size, slide, start);
  }

  void add_time_key(Grouping& grouping, bool always) {
    const auto kind = chance_.below(always ? 3 : 5);
    if (kind > 2) return;
    const auto at = chance_.below(static_cast<std::int64_t>(grouping.keys.size()) + 1);
    auto term = kind == 2 ? value_key("ts", "ts", column("ts").value) : window_of("ts", 2);
    grouping.keys.insert(grouping.keys.begin() + at, std::move(term));
    grouping.time_key = static_cast<int>(at);
  }

  void add_aggregates(Grouping& grouping, bool ordered) {
    for (auto left = chance_.between(1, 4); left > 0; --left) {
      grouping.aggregates.push_back(random_aggregate(chance_, ordered));
    }
    if (!chance_.one_in(25)) return;
    const Scalar& failing = chance_.of(failing_scalars());
    grouping.aggregates.push_back({"max", {failing}, {}, "", {}, false});
    grouping.may_fail = true;
    query_.fails = may_fail;
  }

  void aggregation() {
    Grouping grouping;
    add_value_keys(grouping);
    add_time_key(grouping, false);
    add_aggregates(grouping, in_order_);
    grouping.watermarked = query_.watermarked;
    grouping.panes = query_.panes;
    pick_mode(query_.watermarked && grouping.time_key >= 0);
    grouping.mode = query_.mode;
    const auto count = grouping.keys.size();
    add<Aggregation>(std::move(grouping));
    above_aggregation(count);
  }

  void above_aggregation(std::size_t count_column) {
    if (chance_.one_in(5)) add<Having>(count_column);
    if (query_.mode == OutputMode::complete && chance_.one_in(2)) {
      query_.sorted = true;
      add<SortByCount>();
    }
    if (query_.mode != OutputMode::update && chance_.one_in(8)) {
      add<Limit>(static_cast<std::uint64_t>(chance_.below(12)), query_.mode == OutputMode::complete,
                 true);
    }
  }

  void add_sessions(const std::string& name, Grouping grouping) {
    static const Scalar by_row{
        "CASE WHEN v > 4 THEN '9 seconds' WHEN v < -2 THEN '-1 seconds' WHEN v = 0 THEN "
        "'0 seconds' ELSE '3 seconds' END",
        Kind::text, [](const Row& row) {
          const auto value = row[v].is_null() ? 1 : row[v].integer();
          return Value((value > 4 ? 9 : value < -2 ? -1 : value == 0 ? 0 : 3) * second);
        }};
    const bool constant = !has("id") || chance_.one_in(2);
    const auto gap = chance_.between(1, 8);
    add<Sessions>(std::move(grouping), name, constant ? seconds_text(gap) : by_row.text, constant,
                  time_column(name),
                  constant ? [gap](const Row&) { return Value(gap * second); } : by_row.value);
  }

  void sessions() {
    Grouping grouping;
    add_value_keys(grouping);
    if (grouping.keys.empty()) grouping.keys.push_back(value_key("k", "k", column("k").value));
    add_aggregates(grouping, false);
    grouping.watermarked = query_.watermarked;
    query_.mode =
        query_.watermarked && !chance_.one_in(3) ? OutputMode::append : OutputMode::complete;
    grouping.mode = query_.mode;
    const auto count = grouping.keys.size() + 1;
    add_sessions("ts", std::move(grouping));
    above_aggregation(count);
  }

  /// Several stateful steps, in append mode.
  void chain() {
    query_.mode = OutputMode::append;
    if (query_.ordered && chance_.one_in(2)) deduplicate();
    Grouping grouping;
    add_value_keys(grouping);
    grouping.watermarked = true;
    grouping.panes = query_.panes;
    const bool sessions = !grouping.keys.empty() && chance_.one_in(4);
    if (!sessions) add_time_key(grouping, true);
    add_aggregates(grouping, in_order_ && !sessions);
    const auto count = grouping.keys.size() + (sessions ? 1 : 0);
    const std::string time =
        sessions ? "w" : grouping.keys[static_cast<std::size_t>(grouping.time_key)].name;
    const auto keys = grouping.keys;
    if (sessions) {
      add_sessions("ts", std::move(grouping));
    } else {
      add<Aggregation>(std::move(grouping));
    }
    if (chance_.one_in(3)) add<Having>(count);
    above_chain(time, keys);
  }

  void above_chain(const std::string& time, const std::vector<KeyTerm>& keys) {
    if (chance_.one_in(4)) {
      DropDuplicates::Spec spec;
      spec.names = {time};
      spec.columns = {column_at(columns_, time)};
      spec.event_column = spec.columns[0];
      if (!keys.empty() && chance_.one_in(2)) {
        const auto& name = keys[0].name;
        if (name != time) {
          spec.names.push_back(name);
          spec.columns.push_back(column_at(columns_, name));
        }
      }
      std::vector<Scalar> values;
      for (const auto& name : spec.names) values.push_back(column(name));
      add<DropDuplicates>(std::move(spec));
      add<Select>(std::move(values));
      return;
    }
    Grouping above;
    above.watermarked = true;
    above.panes = query_.panes;
    for (const auto& key : keys) {
      if (key.name == time || !chance_.one_in(2)) continue;
      above.keys.push_back(value_key(key.name, key.name, column(key.name).value));
    }
    const Scalar counted = column("n");
    for (const char* function : {"sum", "max", "avg", "min"}) {
      if (chance_.one_in(2)) above.aggregates.push_back({function, {counted}, {}, "", {}, false});
    }
    const bool sessions = !above.keys.empty() && chance_.one_in(4);
    const auto count = above.keys.size() + 1;
    if (sessions) {
      add_sessions(time, std::move(above));
    } else {
      above.time_key = static_cast<int>(above.keys.size());
      above.keys.push_back(window_of(time, 4));
      add<Aggregation>(std::move(above));
    }
    if (chance_.one_in(4)) add<Having>(count);
  }

  static bool may_fail(const Row& row) { return row[v] == Value(7); }

  Chance chance_;
  RandomQuery query_;
  Columns columns_;
  bool in_order_ = false;  ///< rows come as they were added
};

}  // namespace

Columns RandomQuery::columns() const {
  Columns columns = input_row();
  for (const auto& step : trunk) columns = step->columns(columns);
  return columns;
}

std::string RandomQuery::words() const {
  std::string text;
  for (std::size_t i = 0; i < branches.size(); ++i) {
    text += "stream " + std::to_string(i);
    for (const auto& step : branches[i]) text += " | " + step->words();
    text += "\n";
  }
  text += branches.size() > 1 ? "union" : "then";
  for (const auto& step : trunk) text += "\n  | " + step->words();
  text += "\n  output mode " + std::string(to_string(mode));
  if (max_policy) text += ", watermark policy max";
  if (!no_data_epochs) text += ", no epochs without data";
  if (panes) text += ", sliding windows in panes";
  if (batches_per_epoch > 0) text += ", batches an epoch " + std::to_string(batches_per_epoch);
  return text + (late_rows ? ", late rows kept\n" : "\n");
}

DataStream RandomQuery::build(const std::vector<DataStream>& inputs) const {
  std::optional<DataStream> all;
  for (std::size_t i = 0; i < branches.size(); ++i) {
    auto stream = inputs[i];
    for (const auto& step : branches[i]) stream = step->apply(stream);
    all = all ? all->union_all(stream) : stream;
  }
  for (const auto& step : trunk) all = step->apply(*all);
  return *all;
}

bool RandomQuery::wants_no_data_epochs() const {
  return no_data_epochs && std::any_of(trunk.begin(), trunk.end(), [&](const StepPtr& step) {
           return step->wants_no_data_epoch(mode);
         });
}

RandomQuery random_query(std::uint64_t seed) { return Picker(seed).pick(); }

}  // namespace libstream::oracle
