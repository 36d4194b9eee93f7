#include "group_states.hpp"
#include "plan_state_columns.hpp"

#include <libstream/error.hpp>

#include <boost/json.hpp>

namespace libstream {
namespace {

namespace json = boost::json;

[[noreturn]] void malformed(const std::string& why) {
  throw Error(ErrorCode::corrupt,
              "the columns of a state, as the checkpoint records them, are no such record: " + why);
}

json::value to_json(const StateColumns::Aggregate& aggregate) {
  json::object object;
  object["name"] = aggregate.name;
  object["function"] = aggregate.function;
  json::array& types = object["arguments"].emplace_array();
  for (const DataType& type : aggregate.arguments) types.emplace_back(type.to_string());
  object["distinct"] = aggregate.distinct;
  object["countsRows"] = aggregate.counts_rows;
  object["resolvable"] = aggregate.resolvable;
  return object;
}

StateColumns::Aggregate from_json(const json::value& value) {
  StateColumns::Aggregate aggregate;
  aggregate.name = json::value_to<std::string>(value.at("name"));
  aggregate.function = json::value_to<std::string>(value.at("function"));
  for (const json::value& type : value.at("arguments").as_array()) {
    aggregate.arguments.push_back(DataType::parse(json::value_to<std::string>(type)));
  }
  aggregate.distinct = value.at("distinct").as_bool();
  aggregate.counts_rows = value.at("countsRows").as_bool();
  aggregate.resolvable = value.at("resolvable").as_bool();
  return aggregate;
}

StateColumns::Aggregate described(const AggregateCall& call) {
  StateColumns::Aggregate aggregate;
  aggregate.name = call.name;
  aggregate.function = call.function->name();
  aggregate.arguments = call.function->argument_types();
  aggregate.distinct = call.distinct;
  aggregate.counts_rows = counts_rows(call);
  // Constants behind the arguments are not in the plan any more, nor are users' functions by name.
  aggregate.resolvable =
      is_aggregate(aggregate.function) && aggregate_arity(aggregate.function).options == 0;
  return aggregate;
}

}  // namespace

std::string StateColumns::to_string() const {
  json::object object;
  json::array& fields = object["keys"].emplace_array();
  for (const Field& key : keys) {
    fields.push_back(json::object{{"name", key.name}, {"type", key.type.to_string()}});
  }
  json::array& list = object["aggregates"].emplace_array();
  for (const Aggregate& aggregate : aggregates) list.push_back(to_json(aggregate));
  return json::serialize(object);
}

StateColumns StateColumns::parse(std::string_view text) {
  StateColumns columns;
  if (text.empty()) return columns;
  try {
    const json::value value = json::parse(json::string_view(text.data(), text.size()));
    for (const json::value& key : value.at("keys").as_array()) {
      columns.keys.push_back({json::value_to<std::string>(key.at("name")),
                              DataType::parse(json::value_to<std::string>(key.at("type")))});
    }
    for (const json::value& item : value.at("aggregates").as_array()) {
      columns.aggregates.push_back(from_json(item));
    }
  } catch (const std::exception& error) {  // of Boost.JSON, and types that do not parse
    malformed(error.what());
  }
  return columns;
}

std::string state_columns_of(std::vector<Field> keys, const std::vector<AggregateCall>& calls) {
  StateColumns columns;
  columns.keys = std::move(keys);
  for (const AggregateCall& call : calls) columns.aggregates.push_back(described(call));
  return columns.to_string();
}

}  // namespace libstream
