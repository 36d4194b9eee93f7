#include "generator.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <span>

namespace libstream::apps {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t first_time = std::int64_t{1'704'067'200} * second;  // 2024-01-01T00:00Z
constexpr std::int64_t file_span = 600 * second;
constexpr std::uint64_t impressions_per_ad = 10;

/// Seeded chance (splitmix64), one sequence a row.
class Draws final {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream, std::uint64_t row)
      : state_(hash_word(seed ^ hash_word(stream ^ hash_word(row)))) {}
  std::uint64_t next() { return hash_word(state_ += 0x9e3779b97f4a7c15ULL); }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Uniform in [0, limit).
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(unit() * static_cast<double>(limit));
  }

 private:
  std::uint64_t state_;
};

/// Any delay short of the bound: no row is late.
std::int64_t arrival(std::int64_t time, std::int64_t bound, Draws& draws) {
  return time + draws.below(bound - second);
}

void find_pairs(AdsTruth& truth) {
  std::map<std::uint64_t, std::vector<const Click*>> clicks;  // by ad
  for (const auto& click : truth.clicks) clicks[click.ad].push_back(&click);
  for (const auto& impression : truth.impressions) {
    bool clicked = false;
    for (const auto* click : clicks[impression.ad]) {
      if (click->time < impression.time || click->time > impression.time + click_window) continue;
      truth.pairs.push_back({impression.id, click->id});
      clicked = true;
    }
    if (!clicked) truth.unclicked.push_back(impression.id);
  }
  std::sort(truth.pairs.begin(), truth.pairs.end());
}

template <class Row>
std::vector<const Row*> by_arrival(const std::vector<Row>& rows) {
  std::vector<const Row*> order;
  for (const auto& row : rows) order.push_back(&row);
  std::sort(order.begin(), order.end(), [](const Row* a, const Row* b) {
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->id < b->id;
  });
  return order;
}

void write_file(const std::string& path, const std::string& text, FileSystem& files) {
  const auto file = files.create_shared(path);
  file->append(std::as_bytes(std::span(text.data(), text.size())));
  file->close();
}

/// One file for each span of arrivals, also where nothing came: both streams keep step.
template <class Row, class Line>
void write_stream(const std::vector<Row>& rows, std::int64_t spans, const std::string& directory,
                  FileSystem& files, Line line) {
  if (files.status(directory)) {
    throw Error(ErrorCode::conflict,
                directory + " exists: name another --output, or remove what is there");
  }
  files.create_directories(directory);
  const auto order = by_arrival(rows);
  auto next = order.begin();
  for (std::int64_t span = 0; span <= spans; ++span) {
    std::string text;
    // What arrives behind the last span, the rows that close the run, makes a file of its own.
    for (; next != order.end() &&
           (span == spans || (*next)->arrival < first_time + (span + 1) * file_span);
         ++next) {
      text += line(**next);
    }
    char name[32];
    std::snprintf(name, sizeof name, "/%05lld.jsonl", static_cast<long long>(span));
    write_file(directory + name, text, files);
  }
}

}  // namespace

AdsTruth make_ads(const AdsGeneratorOptions& options) {
  AdsTruth truth;
  const auto length = static_cast<std::int64_t>(options.hours * static_cast<double>(hour));
  const auto ads = std::max<std::uint64_t>(options.impressions / impressions_per_ad, 1);
  for (std::uint64_t i = 0; i < options.impressions; ++i) {
    Draws draws(options.seed, 1, i);
    Impression row{i, draws.next() % ads, first_time + draws.below(length), 0};
    row.arrival = arrival(row.time, impression_delay, draws);
    truth.impressions.push_back(row);
  }
  const auto add_click = [&](std::uint64_t ad, std::int64_t time, Draws& draws) {
    const auto id = truth.clicks.size();
    truth.clicks.push_back({id, ad, time, arrival(time, click_delay, draws)});
  };
  for (const auto& impression : truth.impressions) {
    Draws draws(options.seed, 2, impression.id);
    if (draws.unit() >= options.click_share) continue;
    // A third comes too late to count.
    add_click(impression.ad, impression.time + draws.below(click_window * 3 / 2), draws);
  }
  const auto strays =
      static_cast<std::uint64_t>(static_cast<double>(options.impressions) * options.stray_share);
  for (std::uint64_t i = 0; i < strays; ++i) {
    Draws draws(options.seed, 3, i);
    const auto ad = draws.next() % (ads + ads / 4 + 1);  // some were never shown
    add_click(ad, first_time + draws.below(length), draws);
  }
  find_pairs(truth);
  const auto last = first_time + length + 96 * hour;
  truth.impressions.push_back({truth.impressions.size(), ads * 2 + 1, last, last});
  truth.clicks.push_back({truth.clicks.size(), ads * 2 + 2, last, last});
  return truth;
}

void write_ads(const AdsTruth& truth, const std::string& directory, FileSystem& files) {
  std::int64_t end = first_time;
  for (std::size_t i = 0; i + 1 < truth.impressions.size(); ++i) {
    end = std::max(end, truth.impressions[i].arrival);
  }
  for (std::size_t i = 0; i + 1 < truth.clicks.size(); ++i) {
    end = std::max(end, truth.clicks[i].arrival);
  }
  const auto spans = (end - first_time) / file_span + 1;
  write_stream(truth.impressions, spans, directory + "/impressions", files,
               [](const Impression& row) {
                 return "{\"impressionId\":" + std::to_string(row.id) + ",\"adId\":\"ad-" +
                        std::to_string(row.ad) + "\",\"impressionTime\":\"" +
                        format_timestamp(row.time) + "\"}\n";
               });
  write_stream(truth.clicks, spans, directory + "/clicks", files, [](const Click& row) {
    return "{\"clickId\":" + std::to_string(row.id) + ",\"adId\":\"ad-" + std::to_string(row.ad) +
           "\",\"clickTime\":\"" + format_timestamp(row.time) + "\"}\n";
  });
}

}  // namespace libstream::apps
