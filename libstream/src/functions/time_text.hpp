#pragma once

#include <cstdint>
#include <string_view>

namespace libstream {

// What casts from strings to dates and timestamps read; false where the text is none.

/// "2013", "2013-1", "2013-01-31"; behind a whole date and a blank or T anything may stand.
bool read_date_text(std::string_view text, std::int32_t& days);
/// The same dates and, behind a blank or T, "10", "10:20" or "10:20:30.123456" with an optional
/// zone: "Z", "UTC", "+2", "-02:30", "GMT+1".
bool read_timestamp_text(std::string_view text, std::int64_t& time);

}  // namespace libstream
