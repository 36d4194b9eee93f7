#pragma once

#include <libstream/batch.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace libstream::apps {

/// What a bare loop does with a batch of one of a query's streams.
using JoinLoop = std::function<void(const std::string& stream, const Batch&)>;
/// The loops of the joins: made for the one query, over batches that outlive them. Empty for other
/// queries.
JoinLoop join_loop(std::string_view query);

}  // namespace libstream::apps
