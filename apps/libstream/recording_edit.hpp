#pragma once

#include <libstream/recording.hpp>

#include <string>
#include <vector>

namespace libstream::apps {

/// Writes the epochs `from` to `to` of all sources to a new recording.
void cut_recording(const Recording& recording, const std::string& output, Epoch from, Epoch to);

/// Writes one recording of several: all their sources, of each all epochs. Sources of one name must
/// have one schema and no epoch twice. A source that lacks an epoch of another has it without rows.
void merge_recordings(const std::vector<Recording>& recordings, const std::string& output);

}  // namespace libstream::apps
