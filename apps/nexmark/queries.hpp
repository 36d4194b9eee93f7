#pragma once

#include <libstream/libstream.hpp>

#include <string>
#include <vector>

namespace libstream::apps {

/// Names of the queries that `query_of` knows.
const std::vector<std::string>& query_names();

struct NexmarkQuery {
  DataStream stream;
  OutputMode mode = OutputMode::append;
};
/// A query of the benchmark over its input: bids, or words for "wordcount".
NexmarkQuery query_of(const std::string& name, const DataStream& input);

/// Queries whose state grows with the events: measured over distinct ones, not over a pool that
/// comes round again.
bool needs_distinct_events(const std::string& name);

}  // namespace libstream::apps
