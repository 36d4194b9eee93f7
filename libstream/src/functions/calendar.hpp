#pragma once

#include <cstdint>

namespace libstream {

/// A day of the proleptic Gregorian calendar.
struct Day {
  std::int64_t year;
  int month;  ///< 1 to 12
  int day;    ///< 1 to 31
};

// Hinnant, "chrono-compatible low-level date algorithms": eras of 400 years from March 1st.
inline Day day_of(std::int64_t days) {
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t of_era = z - era * 146097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;
  const int day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

inline std::int64_t days_of(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

inline int month_length(std::int64_t year, int month) {
  const bool last = month == 12;
  return static_cast<int>(days_of(last ? year + 1 : year, last ? 1 : month + 1, 1) -
                          days_of(year, month, 1));
}

/// 0 = Monday.
inline int weekday(std::int64_t days) {
  const std::int64_t shifted = (days + 3) % 7;  // 1970-01-01 was a Thursday
  return static_cast<int>(shifted < 0 ? shifted + 7 : shifted);
}

/// Week of ISO 8601: the one with most days in a year is that year's.
inline int iso_week(std::int64_t days) {
  const std::int64_t thursday = days - weekday(days) + 3;
  return static_cast<int>((thursday - days_of(day_of(thursday).year, 1, 1)) / 7 + 1);
}

}  // namespace libstream
