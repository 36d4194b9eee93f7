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
  std::size_t max_options;  ///< constants behind the arguments
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
AggregatePtr resolve_try_average(const Request& request);
AggregatePtr resolve_try_sum(const Request& request);
AggregatePtr resolve_min_by(const Request& request);
AggregatePtr resolve_max_by(const Request& request);
AggregatePtr resolve_deviation_sample(const Request& request);
AggregatePtr resolve_deviation(const Request& request);
AggregatePtr resolve_variance_sample(const Request& request);
AggregatePtr resolve_variance(const Request& request);
AggregatePtr resolve_skewness(const Request& request);
AggregatePtr resolve_kurtosis(const Request& request);
AggregatePtr resolve_covariance_sample(const Request& request);
AggregatePtr resolve_covariance(const Request& request);
AggregatePtr resolve_correlation(const Request& request);
AggregatePtr resolve_regression(const Request& request);
AggregatePtr resolve_collect_list(const Request& request);
AggregatePtr resolve_collect_set(const Request& request);
AggregatePtr resolve_string_agg(const Request& request);
AggregatePtr resolve_percentile(const Request& request);
AggregatePtr resolve_percentile_discrete(const Request& request);
AggregatePtr resolve_percentile_approx(const Request& request);
AggregatePtr resolve_median(const Request& request);
AggregatePtr resolve_mode(const Request& request);
AggregatePtr resolve_approx_count_distinct(const Request& request);
AggregatePtr resolve_histogram(const Request& request);
AggregatePtr resolve_count_min(const Request& request);
AggregatePtr resolve_bool_and(const Request& request);
AggregatePtr resolve_bool_or(const Request& request);
AggregatePtr resolve_bit_and(const Request& request);
AggregatePtr resolve_bit_or(const Request& request);
AggregatePtr resolve_bit_xor(const Request& request);
AggregatePtr resolve_product(const Request& request);

/// `inner` over the distinct values of its arguments.
AggregatePtr make_distinct(const Request& request, AggregatePtr inner);

/// Throws Error(analysis): the aggregate does not take these types.
[[noreturn]] void wrong_types(const Request& request, std::string_view expected);

}  // namespace libstream::aggregates
