#pragma once

#include "messages.hpp"

#include <cstdint>
#include <string>

namespace libstream {

// Every row is accounted for at every barrier. A row that an operator, an exchange or the engine
// lost or repeated is a bug: the process aborts and says where.

/// rows in + made = rows out + late + filtered + absorbed; held = `held_before` + taken - released;
/// and all late rows went to the late port where someone takes it (`late_taken`).
void check_operator_account(const std::string& name, const TaskReport& report,
                            std::uint64_t held_before, bool late_taken);

/// A source hands on what it says it read, less what it dropped. Connectors come from outside:
/// throws Error(data).
void check_source_account(const std::string& name, const TaskReport& report);

/// What came in from upstream is what went out there.
void check_flow_account(const std::string& name, const char* what, std::uint64_t in,
                        std::uint64_t out);

}  // namespace libstream
