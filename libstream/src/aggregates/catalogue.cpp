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
    Entry{"any", 1, 1, 0, true, resolve_bool_or},
    Entry{"any_value", 1, 1, 1, true, resolve_first},
    Entry{"approx_count_distinct", 1, 1, 1, true, resolve_approx_count_distinct},
    Entry{"approx_percentile", 1, 1, 2, false, resolve_percentile_approx},
    Entry{"array_agg", 1, 1, 0, false, resolve_collect_list},
    Entry{"avg", 1, 1, 0, false, resolve_average},
    Entry{"bit_and", 1, 1, 0, true, resolve_bit_and},
    Entry{"bit_or", 1, 1, 0, true, resolve_bit_or},
    Entry{"bit_xor", 1, 1, 0, false, resolve_bit_xor},
    Entry{"bool_and", 1, 1, 0, true, resolve_bool_and},
    Entry{"bool_or", 1, 1, 0, true, resolve_bool_or},
    Entry{"collect_list", 1, 1, 0, false, resolve_collect_list},
    Entry{"collect_set", 1, 1, 0, true, resolve_collect_set},
    Entry{"corr", 2, 2, 0, false, resolve_correlation},
    Entry{"count", 0, any_number, 0, false, resolve_count},
    Entry{"count_if", 1, 1, 0, false, resolve_count_if},
    Entry{"count_min_sketch", 1, 1, 3, false, resolve_count_min},
    Entry{"covar_pop", 2, 2, 0, false, resolve_covariance},
    Entry{"covar_samp", 2, 2, 0, false, resolve_covariance_sample},
    Entry{"every", 1, 1, 0, true, resolve_bool_and},
    Entry{"first", 1, 1, 1, true, resolve_first},
    Entry{"first_value", 1, 1, 1, true, resolve_first},
    Entry{"histogram_numeric", 1, 1, 1, false, resolve_histogram},
    Entry{"kurtosis", 1, 1, 0, false, resolve_kurtosis},
    Entry{"last", 1, 1, 1, true, resolve_last},
    Entry{"last_value", 1, 1, 1, true, resolve_last},
    Entry{"listagg", 1, 1, 1, false, resolve_string_agg},
    Entry{"max", 1, 1, 0, true, resolve_max},
    Entry{"max_by", 2, 2, 0, true, resolve_max_by},
    Entry{"mean", 1, 1, 0, false, resolve_average},
    Entry{"median", 1, 1, 0, false, resolve_median},
    Entry{"min", 1, 1, 0, true, resolve_min},
    Entry{"min_by", 2, 2, 0, true, resolve_min_by},
    Entry{"mode", 1, 1, 0, false, resolve_mode},
    Entry{"percentile", 1, 1, 1, false, resolve_percentile},
    Entry{"percentile_approx", 1, 1, 2, false, resolve_percentile_approx},
    Entry{"percentile_cont", 1, 1, 1, false, resolve_percentile},
    Entry{"percentile_disc", 1, 1, 2, false, resolve_percentile_discrete},
    Entry{"product", 1, 1, 0, false, resolve_product},
    Entry{"regr_avgx", 2, 2, 0, false, resolve_regression},
    Entry{"regr_avgy", 2, 2, 0, false, resolve_regression},
    Entry{"regr_count", 2, 2, 0, false, resolve_regression},
    Entry{"regr_intercept", 2, 2, 0, false, resolve_regression},
    Entry{"regr_r2", 2, 2, 0, false, resolve_regression},
    Entry{"regr_slope", 2, 2, 0, false, resolve_regression},
    Entry{"regr_sxx", 2, 2, 0, false, resolve_regression},
    Entry{"regr_sxy", 2, 2, 0, false, resolve_regression},
    Entry{"regr_syy", 2, 2, 0, false, resolve_regression},
    Entry{"skewness", 1, 1, 0, false, resolve_skewness},
    Entry{"some", 1, 1, 0, true, resolve_bool_or},
    Entry{"std", 1, 1, 0, false, resolve_deviation_sample},
    Entry{"stddev", 1, 1, 0, false, resolve_deviation_sample},
    Entry{"stddev_pop", 1, 1, 0, false, resolve_deviation},
    Entry{"stddev_samp", 1, 1, 0, false, resolve_deviation_sample},
    Entry{"string_agg", 1, 1, 1, false, resolve_string_agg},
    Entry{"sum", 1, 1, 0, false, resolve_sum},
    Entry{"try_avg", 1, 1, 0, false, resolve_try_average},
    Entry{"try_sum", 1, 1, 0, false, resolve_try_sum},
    Entry{"var_pop", 1, 1, 0, false, resolve_variance},
    Entry{"var_samp", 1, 1, 0, false, resolve_variance_sample},
    Entry{"variance", 1, 1, 0, false, resolve_variance_sample},
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
  if (arguments.size() < entry->min_arguments || arguments.size() > entry->max_arguments ||
      options.size() > entry->max_options) {
    std::string wanted = std::to_string(entry->min_arguments) + " argument(s)";
    if (entry->max_options > 0) {
      wanted += " and up to " + std::to_string(entry->max_options) + " constant(s)";
    }
    throw Error(ErrorCode::analysis, "WRONG_NUM_ARGS",
                call + ": " + std::string(entry->name) + " takes " + wanted);
  }
  const aggregates::Request request{entry->name, arguments, options};
  AggregatePtr function = entry->resolve(request);
  if (!distinct || entry->ignores_duplicates) return function;
  return aggregates::make_distinct(request, std::move(function));
}

AggregateArity aggregate_arity(std::string_view name) {
  const auto* entry = aggregates::find_entry(name);
  LIBSTREAM_ASSERT(entry != nullptr, "the name of an aggregate");
  return {entry->max_arguments, entry->max_options};
}

}  // namespace libstream
