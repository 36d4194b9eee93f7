#pragma once

#include "oracle.hpp"
#include "oracle_lines.hpp"

#include <optional>

namespace libstream::apps {

/// The rows of q3, q8 or q20 over the first `events` events; nullopt for other queries.
std::optional<Lines> joined_lines(const std::string& query, const Supplies& supplies,
                                  std::uint64_t events);
/// q9: an empty text, or the first difference. Which of equal bids wins is open, but it is one of
/// that auction's.
std::string winning_bids(const Supplies& supplies, std::uint64_t events, const CollectedRows& rows);

}  // namespace libstream::apps
