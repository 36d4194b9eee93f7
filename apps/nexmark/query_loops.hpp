#pragma once

#include <libstream/batch.hpp>

#include <functional>
#include <string_view>

namespace libstream::apps {

/// Makes the compiler believe that all memory is read here.
inline void clobber() { asm volatile("" : : : "memory"); }

/// What a bare loop does with one batch after the other.
using Loop = std::function<void(const Batch&)>;
/// The loops of the queries with state: tables made for the one query, no exchange, no checkpoint,
/// no lateness. Empty for other queries.
Loop stateful_loop(std::string_view query);

}  // namespace libstream::apps
