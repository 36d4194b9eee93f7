#include "catalogue.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace libstream {
namespace aggregates {
namespace {

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

constexpr std::array entries{
    Entry{"any_value", 1, 1, true, resolve_first},
    Entry{"avg", 1, 1, false, resolve_average},
    Entry{"count", 0, any_number, false, resolve_count},
    Entry{"count_if", 1, 1, false, resolve_count_if},
    Entry{"first", 1, 1, true, resolve_first},
    Entry{"first_value", 1, 1, true, resolve_first},
    Entry{"last", 1, 1, true, resolve_last},
    Entry{"last_value", 1, 1, true, resolve_last},
    Entry{"max", 1, 1, true, resolve_max},
    Entry{"mean", 1, 1, false, resolve_average},
    Entry{"min", 1, 1, true, resolve_min},
    Entry{"sum", 1, 1, false, resolve_sum},
};

const Entry* find_entry(std::string_view name) {
  for (const Entry& entry : entries) {
    if (same_name(entry.name, name)) return &entry;
  }
  return nullptr;
}

std::string call_text(std::string_view name, std::span<const DataType> arguments) {
  std::string text(name);
  text += '(';
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) text += ", ";
    text += arguments[i].to_string();
  }
  return text + ')';
}

}  // namespace

void wrong_types(const Request& request, std::string_view expected) {
  throw Error(ErrorCode::analysis, "DATATYPE_MISMATCH",
              call_text(request.name, request.arguments) + ": " + std::string(request.name) +
                  " takes " + std::string(expected));
}

}  // namespace aggregates

bool is_aggregate(std::string_view name) { return aggregates::find_entry(name) != nullptr; }

std::vector<std::string> aggregate_names() {
  std::vector<std::string> names;
  for (const auto& entry : aggregates::entries) names.emplace_back(entry.name);
  return names;
}

AggregatePtr resolve_aggregate(std::string_view name, std::span<const DataType> arguments,
                               std::span<const Value> options, bool distinct) {
  const auto* entry = aggregates::find_entry(name);
  if (entry == nullptr) {
    std::string text = "no aggregate is called \"" + std::string(name) + "\"";
    const auto similar = similar_names(name, aggregate_names());
    for (std::size_t i = 0; i < similar.size(); ++i) {
      text += (i == 0 ? "; did you mean " : ", ") + similar[i];
    }
    throw Error(ErrorCode::analysis, "UNRESOLVED_ROUTINE", text);
  }
  const std::string call = aggregates::call_text(entry->name, arguments);
  if (arguments.size() < entry->min_arguments || arguments.size() > entry->max_arguments) {
    throw Error(ErrorCode::analysis, "WRONG_NUM_ARGS",
                call + ": " + std::string(entry->name) + " takes " +
                    std::to_string(entry->min_arguments) + " argument(s)");
  }
  if (distinct && !entry->ignores_duplicates) {
    throw Error(ErrorCode::analysis, "DISTINCT_ON_STREAM",
                call +
                    ": DISTINCT aggregates would have to keep every value; group by the value "
                    "first, then aggregate the groups");
  }
  return entry->resolve({entry->name, arguments, options});
}

}  // namespace libstream
