#pragma once

#include <libstream/query.hpp>
#include <libstream/session.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace libstream::apps {

/// Runs a program's query until it ends or a signal stops it, and shows its progress meanwhile.
/// Returns the totals of its last epoch. Throws what the query failed with.
std::map<std::string, std::uint64_t> run_query(const SessionOptions& options,
                                               const std::string& progress,
                                               const std::function<Query(Session&)>& start);

}  // namespace libstream::apps
