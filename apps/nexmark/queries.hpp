#pragma once

#include <libstream/libstream.hpp>

#include <functional>
#include <string>
#include <vector>

namespace libstream::apps {

/// Names of the queries that `query_of` knows.
const std::vector<std::string>& query_names();

struct NexmarkQuery {
  DataStream stream;
  OutputMode mode = OutputMode::append;
};
/// The streams that a query reads, by their names in Supplies.
const std::vector<std::string>& streams_of(const std::string& name);
/// A query of the benchmark over its streams, which `read` gives by their names.
NexmarkQuery query_of(const std::string& name,
                      const std::function<DataStream(const std::string& stream)>& read);

/// Queries whose state grows with the events: measured over distinct ones, not over a pool that
/// comes round again.
bool needs_distinct_events(const std::string& name);

}  // namespace libstream::apps
