#pragma once

#include <libstream/aggregate.hpp>

#include <span>
#include <string>
#include <string_view>

namespace libstream::aggregates {

/// What a query asks for.
struct Request {
  std::string_view name;  ///< as in the catalogue
  std::span<const DataType> arguments;
  std::span<const Value> options;
};

/// One name of the catalogue. A new aggregate is a resolver and a line in catalogue.cpp; operators
/// never see which one they run.
struct Entry {
  std::string_view name;
  std::size_t min_arguments;
  std::size_t max_arguments;
  /// True where equal arguments count once anyway, so that DISTINCT changes nothing.
  bool ignores_duplicates;
  AggregatePtr (*resolve)(const Request&);
};

AggregatePtr resolve_count(const Request& request);
AggregatePtr resolve_count_if(const Request& request);
AggregatePtr resolve_sum(const Request& request);
AggregatePtr resolve_average(const Request& request);
AggregatePtr resolve_min(const Request& request);
AggregatePtr resolve_max(const Request& request);
AggregatePtr resolve_first(const Request& request);
AggregatePtr resolve_last(const Request& request);

/// Throws Error(analysis): the aggregate does not take these types.
[[noreturn]] void wrong_types(const Request& request, std::string_view expected);

}  // namespace libstream::aggregates
