#pragma once

#include <libstream/data_stream.hpp>
#include <libstream/group_state.hpp>

#include <string>
#include <vector>

namespace libstream::apps {

/// A step `flat_map_groups` of a scenario.
struct ReferenceGroups {
  std::string key;
  std::string function;  ///< running_count, session_max, every_second, count_until_idle
  GroupTimeout timeout = GroupTimeout::none;
  OutputMode mode = OutputMode::append;
};

/// Runs a reference function on rows (ts timestamp, k string, …) by key; its rows are (k string,
/// n bigint, status string). tests/conformance/README.md says what each function does. Throws
/// Error(invalid_argument) for a function that is none.
DataStream reference_groups(const DataStream& rows, const ReferenceGroups& groups);

}  // namespace libstream::apps
