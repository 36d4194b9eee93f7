#pragma once

#include <libstream/environment.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace libstream::apps {

struct AdsGeneratorOptions {
  std::uint64_t seed = 1;
  std::uint64_t impressions = 10'000;
  double hours = 24;          ///< of event time
  double click_share = 0.3;   ///< impressions that are clicked on, some of them too late to count
  double stray_share = 0.05;  ///< clicks on any ad at any time, as a share of the impressions
};

/// Event times and arrivals: µs since 1970.
struct Impression {
  std::uint64_t id = 0;
  std::uint64_t ad = 0;
  std::int64_t time = 0;
  std::int64_t arrival = 0;
};
struct Click {
  std::uint64_t id = 0;
  std::uint64_t ad = 0;
  std::int64_t time = 0;
  std::int64_t arrival = 0;
};

/// Bounds of the example: an impression arrives up to 2 h late, a click up to 3 h, and a click
/// belongs to the impressions of its ad of the hour before it.
inline constexpr std::int64_t impression_delay = std::int64_t{2} * 3600 * 1'000'000;
inline constexpr std::int64_t click_delay = std::int64_t{3} * 3600 * 1'000'000;
inline constexpr std::int64_t click_window = std::int64_t{1} * 3600 * 1'000'000;

/// All that there is to know of a run: what is shown, what is clicked on, and what a join must
/// give.
struct AdsTruth {
  std::vector<Impression> impressions;  ///< by id
  std::vector<Click> clicks;            ///< by id
  struct Pair {
    std::uint64_t impression = 0;
    std::uint64_t click = 0;
    auto operator<=>(const Pair&) const = default;
  };
  std::vector<Pair> pairs;               ///< sorted
  std::vector<std::uint64_t> unclicked;  ///< ids of impressions, sorted
};

/// Depends on the options alone. The last impression and the last click stand days behind all
/// others: they move the watermark past them, and wait for ever themselves; they are in no pair and
/// not among the unclicked.
AdsTruth make_ads(const AdsGeneratorOptions& options);

/// Writes them as JSON-lines files in the order in which they arrive, one file for each ten minutes
/// and stream, into `directory`/impressions and `directory`/clicks. Those that exist are refused.
void write_ads(const AdsTruth& truth, const std::string& directory, FileSystem& files);

}  // namespace libstream::apps
