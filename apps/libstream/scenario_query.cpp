#include "scenario_query.hpp"

#include "reference_groups.hpp"

#include <libstream/error.hpp>

#include <functional>

namespace libstream::apps {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

std::vector<std::string> texts_of(const json::value& value) {
  std::vector<std::string> texts;
  for (const auto& element : value.as_array()) texts.push_back(text_of(element));
  return texts;
}

std::vector<ColumnArgument> columns_of(const json::value& value) {
  std::vector<ColumnArgument> columns;
  for (const auto& text : texts_of(value)) columns.emplace_back(expr(text));
  return columns;
}

std::vector<Expression> expressions_of(const json::value& value) {
  std::vector<Expression> expressions;
  for (const auto& text : texts_of(value)) expressions.push_back(expr(text));
  return expressions;
}

/// Turns topologies into streams. A stream that is named twice is one source.
class QueryBuilder {
 public:
  QueryBuilder(const ScenarioInputs& inputs, Session& session)
      : inputs_(inputs), session_(session) {}

  DataStream build(const json::value& topology) {
    if (topology.is_string()) return input(text_of(topology));
    const auto& object = topology.as_object();
    auto stream = build(object.at("from"));
    if (const auto* steps = object.if_contains("do")) {
      for (const auto& step : steps->as_array()) stream = apply(stream, step.as_object());
    }
    if (const auto* alias = object.if_contains("as")) stream = stream.as(text_of(*alias));
    return stream;
  }

 private:
  DataStream input(const std::string& name) {
    const auto known = named_.find(name);
    if (known != named_.end()) return known->second;
    return named_.emplace(name, inputs_.read(session_, name)).first->second;
  }

  DataStream apply(const DataStream& stream, const json::object& step) {
    if (const auto* keys = step.if_contains("group_by")) {
      auto aggregates = expressions_of(step.at("agg"));
      if (keys->as_array().empty()) return stream.agg(std::move(aggregates));
      return stream.group_by(columns_of(*keys)).agg(std::move(aggregates));
    }
    if (step.contains("join")) return joined(stream, step);
    const auto& entry = *step.begin();
    const std::string name(entry.key());
    const auto& value = entry.value();
    if (name == "select") return stream.select(columns_of(value));
    if (name == "where" || name == "having") return stream.where(text_of(value));
    if (name == "drop") return stream.drop(texts_of(value));
    if (name == "order_by") return stream.order_by(columns_of(value));
    if (name == "union") return stream.union_all(build(value));
    if (name == "limit") return stream.limit(value.as_int64());
    if (name == "distinct") return stream.distinct();
    if (name == "drop_duplicates") return stream.drop_duplicates(texts_of(value));
    if (name == "drop_duplicates_within_watermark") {
      return stream.drop_duplicates_within_watermark(texts_of(value));
    }
    if (name == "flat_map_groups") return grouped(stream, value.as_object());
    if (name == "with_watermark" || name == "with_column" || name == "rename" ||
        name == "explode") {
      return named_column(stream, name, texts_of(value));
    }
    throw Error(ErrorCode::unsupported, name);
  }

  DataStream joined(const DataStream& left, const json::object& step) {
    const auto right = build(step.at("join"));
    const auto* named = step.if_contains("type");
    const auto type = named == nullptr ? JoinType::inner : parse_join_type(text_of(*named));
    const auto* on = step.if_contains("on");
    if (on == nullptr) return left.join(right, lit(Value(true)), type);
    if (on->is_array()) return left.join(right, texts_of(*on), type);
    return left.join(right, expr(text_of(*on)), type);
  }

  static DataStream named_column(const DataStream& stream, const std::string& step,
                                 const std::vector<std::string>& pair) {
    if (step == "with_watermark") return stream.with_watermark(pair.at(0), pair.at(1));
    if (step == "with_column") return stream.with_column(pair.at(0), expr(pair.at(1)));
    if (step == "rename") return stream.with_column_renamed(pair.at(0), pair.at(1));
    return stream.explode(pair.at(0), pair.at(1));
  }

  static DataStream grouped(const DataStream& stream, const json::object& step) {
    ReferenceGroups groups;
    groups.key = texts_of(step.at("key")).at(0);
    groups.function = text_of(step.at("function"));
    const auto timeout = text_of(step.at("timeout"));
    groups.timeout = timeout == "event"        ? GroupTimeout::event_time
                     : timeout == "processing" ? GroupTimeout::processing_time
                                               : GroupTimeout::none;
    groups.mode = text_of(step.at("mode")) == "update" ? OutputMode::update : OutputMode::append;
    return reference_groups(stream, groups);
  }

  const ScenarioInputs& inputs_;
  Session& session_;
  std::map<std::string, DataStream> named_;
};

/// Calls `visit` with every step of the topology and of those below it.
void each_step(const json::value& topology, const std::function<void(const json::object&)>& visit) {
  if (!topology.is_object()) return;
  const auto& object = topology.as_object();
  each_step(object.at("from"), visit);
  const auto* steps = object.if_contains("do");
  if (steps == nullptr) return;
  for (const auto& entry : steps->as_array()) {
    const auto& step = entry.as_object();
    visit(step);
    for (const auto* name : {"join", "union"}) {
      if (const auto* side = step.if_contains(name)) each_step(*side, visit);
    }
  }
}

bool calls(const Expression& expression, const std::vector<std::string_view>& functions) {
  const auto& node = expression.node();
  if (node.kind == ExpressionNode::Kind::call) {
    for (const auto function : functions) {
      if (same_name(node.name, function)) return true;
    }
  }
  for (const auto& argument : node.arguments) {
    if (calls(argument, functions)) return true;
  }
  return false;
}

}  // namespace

ScenarioInputs::ScenarioInputs(const Scenario& scenario) {
  for (const auto& stream : scenario.streams) {
    streams_.emplace(stream.first, MemoryStream(stream.second));
  }
  for (const auto& table : scenario.tables) {
    const auto& schema = table.second.first;
    auto added = tables_.emplace(table.first, MemoryStream(schema)).first;
    added->second.add(scenario_rows(table.second.second, schema));
  }
}

void ScenarioInputs::add(const std::map<std::string, json::array>& rows) {
  std::vector<std::pair<MemoryStream, std::vector<Row>>> together;
  for (const auto& entry : rows) {
    if (entry.second.empty()) continue;  // nothing arrived: that makes no epoch
    const auto& stream = streams_.at(entry.first);
    together.emplace_back(stream, scenario_rows(entry.second, stream.schema()));
  }
  MemoryStream::add_together(together);
}

DataStream ScenarioInputs::read(Session& session, const std::string& name) const {
  const auto stream = streams_.find(name);
  if (stream != streams_.end()) return session.read_stream().memory(stream->second);
  const auto table = tables_.find(name);
  if (table != tables_.end()) return session.read().memory(table->second);
  throw Error(ErrorCode::invalid_argument, "the topology reads " + name + ", which is no input");
}

DataStream scenario_query(const Scenario& scenario, const ScenarioInputs& inputs,
                          Session& session) {
  return QueryBuilder(inputs, session).build(scenario.topology);
}

std::map<std::string, ColumnComparison> comparisons(const json::value& topology) {
  std::map<std::string, ColumnComparison> columns;
  each_step(topology, [&](const json::object& step) {
    const auto* aggregates = step.if_contains("agg");
    if (aggregates == nullptr) return;
    for (const auto& aggregate : expressions_of(*aggregates)) {
      if (aggregate.node().kind != ExpressionNode::Kind::alias) continue;
      auto& column = columns[aggregate.node().name];
      if (calls(aggregate, {"skewness", "kurtosis"})) column.tolerance = 1e-6;
      column.any_order = calls(aggregate, {"collect_list", "collect_set", "array_agg"});
    }
  });
  return columns;
}

std::size_t steps_named(const json::value& topology, std::string_view name) {
  std::size_t count = 0;
  each_step(topology, [&](const json::object& step) { count += step.contains(name) ? 1 : 0; });
  return count;
}

}  // namespace libstream::apps
