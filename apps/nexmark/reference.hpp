#pragma once

#include "supply.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace libstream::apps {

/// What a bare loop on one thread does with the same batches: events per CPU second, the best pass
/// of about a third of a second of them. nullopt where there is no loop for the query.
std::optional<double> reference_rate(std::string_view query, const Supplies& supplies,
                                     std::size_t vocabulary);

}  // namespace libstream::apps
