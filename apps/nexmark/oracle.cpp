#include "oracle.hpp"

#include "join_oracle.hpp"
#include "oracle_lines.hpp"

#include <libstream/column.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

// Plain loops over rows, with the standard library's containers alone: slow, and easy to believe.
namespace libstream::apps {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86'400 * second;
constexpr std::int64_t watermark_delay = 4 * second;

struct Bid {
  std::int64_t auction, bidder, price;
  std::string channel;
  std::int64_t time;
  std::string line;  ///< all columns, where asked for
};

std::vector<Bid> bids_of(const Supply& supply, std::uint64_t events, bool with_lines) {
  std::vector<Bid> bids;
  const auto whole = supply.events_per_batch();
  for (std::uint64_t first = 0; first < events; first += whole) {
    const BatchPtr batch = supply.batch(first / whole);
    const auto rows = supply.rows(std::min(whole, events - first));
    for (std::size_t row = 0; row < rows; ++row) {
      const auto number = [&](std::size_t c) {
        return batch->columns[c]->values<std::int64_t>()[row];
      };
      bids.push_back({number(0), number(1), number(2), std::string(batch->columns[3]->string(row)),
                      number(5), with_lines ? line_of(*batch, row) : ""});
    }
  }
  return bids;
}

/// What the watermark is at the end, µs.
std::int64_t watermark_of(const std::vector<Bid>& bids) {
  std::int64_t latest = 0;
  for (const Bid& bid : bids) latest = std::max(latest, bid.time);
  return latest / 1000 * 1000 - watermark_delay;
}

Lines hot_items(const std::vector<Bid>& bids) {
  std::map<std::int64_t, std::map<std::int64_t, std::int64_t>> counts;  // by start, by auction
  for (const Bid& bid : bids) {
    const auto last = bid.time / (2 * second) * (2 * second);
    for (auto start = last; start > bid.time - 10 * second; start -= 2 * second) {
      ++counts[start][bid.auction];
    }
  }
  Lines lines;
  for (const auto& [start, of_auctions] : counts) {
    const auto end = start + 10 * second;
    if (end > watermark_of(bids)) break;
    std::int64_t most = 0;
    for (const auto& [auction, count] : of_auctions) most = std::max(most, count);
    for (const auto& [auction, count] : of_auctions) {
      if (count == most) lines.push_back(join(auction, count, start, end));
    }
  }
  return lines;
}

Lines highest_bids(const std::vector<Bid>& bids, const Supply& supply, std::uint64_t events) {
  std::map<std::int64_t, std::int64_t> highest;  // by start
  for (const Bid& bid : bids) {
    auto& price = highest[bid.time / (10 * second)];
    price = std::max(price, bid.price);
  }
  Lines lines;
  const auto watermark = watermark_of(bids);
  std::size_t at = 0;
  for (std::uint64_t first = 0; first < events; first += supply.events_per_batch()) {
    const BatchPtr batch = supply.batch(first / supply.events_per_batch());
    const auto rows = supply.rows(std::min(supply.events_per_batch(), events - first));
    for (std::size_t row = 0; row < rows; ++row) {
      const Bid& bid = bids[at++];
      const auto window = bid.time / (10 * second);
      if ((window + 1) * 10 * second > watermark) continue;
      if (bid.price != highest[window]) continue;
      lines.push_back(join(bid.auction, bid.price, bid.bidder, bid.time,
                           std::string(batch->columns[6]->string(row))));
    }
  }
  return lines;
}

Lines sessions(const std::vector<Bid>& bids) {
  std::map<std::int64_t, std::vector<std::int64_t>> times;
  for (const Bid& bid : bids) times[bid.bidder].push_back(bid.time);
  const auto watermark = watermark_of(bids);
  Lines lines;
  for (auto& [bidder, list] : times) {
    std::sort(list.begin(), list.end());
    for (std::size_t begin = 0; begin < list.size();) {
      std::size_t end = begin + 1;
      while (end < list.size() && list[end] <= list[end - 1] + 10 * second) ++end;
      const auto closes = list[end - 1] + 10 * second;
      if (closes <= watermark) {
        lines.push_back(join(bidder, end - begin, list[begin], closes));
      }
      begin = end;
    }
  }
  return lines;
}

struct Ranks {
  std::array<std::int64_t, 4> bids{};  ///< all, then by price
  std::array<std::set<std::int64_t>, 4> bidders;
  std::array<std::set<std::int64_t>, 4> auctions;
  std::int64_t minute = 0;

  static std::size_t rank(std::int64_t price) {
    return price < 10'000 ? 1 : price < 1'000'000 ? 2 : 3;
  }
  void add(const Bid& bid) {
    for (const std::size_t i : {std::size_t{0}, rank(bid.price)}) {
      ++bids[i];
      bidders[i].insert(bid.bidder);
      auctions[i].insert(bid.auction);
    }
    minute = std::max(minute, bid.time % day / (60 * second));
  }
  std::string text() const {
    return join(bids[0], bids[1], bids[2], bids[3], bidders[0].size(), bidders[1].size(),
                bidders[2].size(), bidders[3].size(), auctions[0].size(), auctions[1].size(),
                auctions[2].size(), auctions[3].size());
  }
};

Lines daily(const std::vector<Bid>& bids) {
  std::map<std::int64_t, Ranks> days;
  for (const Bid& bid : bids) days[bid.time / day].add(bid);
  Lines lines;
  for (const auto& [number, ranks] : days) lines.push_back(join(number) + ranks.text());
  return lines;
}

Lines daily_by_channel(const std::vector<Bid>& bids) {
  std::map<std::pair<std::string, std::int64_t>, Ranks> groups;
  for (const Bid& bid : bids) groups[{bid.channel, bid.time / day}].add(bid);
  Lines lines;
  for (const auto& [key, ranks] : groups) {
    char minute[16];
    std::snprintf(minute, sizeof minute, "%02d:%02d", static_cast<int>(ranks.minute / 60),
                  static_cast<int>(ranks.minute % 60));
    lines.push_back(join(key.first, key.second) + ranks.text() + minute + "|");
  }
  return lines;
}

Lines prices(const std::vector<Bid>& bids) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>> groups;
  for (const Bid& bid : bids) groups[{bid.auction, bid.time / day}].push_back(bid.price);
  Lines lines;
  for (const auto& [key, list] : groups) {
    std::array<std::int64_t, 4> counts{};
    std::int64_t sum = 0;
    for (const auto price : list) {
      ++counts[0];
      ++counts[Ranks::rank(price)];
      sum += price;
    }
    char average[32];
    std::snprintf(average, sizeof average, "%.17g",
                  static_cast<double>(sum) / static_cast<double>(list.size()));
    lines.push_back(join(key.first, key.second, counts[0], counts[1], counts[2], counts[3],
                         *std::min_element(list.begin(), list.end()),
                         *std::max_element(list.begin(), list.end()), std::string(average), sum));
  }
  return lines;
}

/// All rows; of an update query (`keys` > 0) the last one of each combination of its first columns.
Lines lines_of(const CollectedRows& rows, std::size_t keys) {
  std::unordered_map<std::string, std::string> latest;
  Lines lines;
  for (const BatchPtr& batch : rows.batches()) {
    for (std::size_t row = 0; row < batch->rows; ++row) {
      auto line = line_of(*batch, row);
      if (keys == 0) {
        lines.push_back(std::move(line));
      } else {
        latest[line_of(*batch, row, 0, keys)] = std::move(line);
      }
    }
  }
  for (auto& [key, line] : latest) lines.push_back(std::move(line));
  return lines;
}

/// Bids of each bidder, however they are spread over windows of processing time: those depend on
/// when the query ran.
std::string processing_time_windows(const std::vector<Bid>& bids, const CollectedRows& rows) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> latest;  // bidder, start
  for (const BatchPtr& batch : rows.batches()) {
    for (std::size_t row = 0; row < batch->rows; ++row) {
      const auto number = [&](std::size_t c) {
        return batch->columns[c]->values<std::int64_t>()[row];
      };
      if (number(2) % (10 * second) != 0 || number(3) != number(2) + 10 * second) {
        return "a window is no whole 10 seconds: " + line_of(*batch, row);
      }
      latest[{number(0), number(2)}] = number(1);
    }
  }
  std::map<std::int64_t, std::int64_t> counted;
  for (const auto& [key, count] : latest) counted[key.first] += count;
  std::map<std::int64_t, std::int64_t> expected;
  for (const Bid& bid : bids) ++expected[bid.bidder];
  const auto text = [](const auto& map) {
    Lines lines;
    for (const auto& [bidder, count] : map) lines.push_back(join(bidder, count));
    return lines;
  };
  return compare(text(expected), text(counted));
}

/// The best rows of each key by the order's value: which of equal ones stay is open, but each is a
/// bid. `rank`: larger is better.
std::string best_of(const std::vector<Bid>& bids, const CollectedRows& rows, std::size_t count,
                    const std::function<std::string(const Bid&)>& key,
                    const std::function<std::int64_t(const Bid&)>& rank) {
  std::unordered_map<std::string, const Bid*> by_line;
  std::unordered_map<std::string, std::vector<std::int64_t>> expected;
  for (const Bid& bid : bids) {
    by_line[bid.line] = &bid;
    expected[key(bid)].push_back(rank(bid));
  }
  std::unordered_map<std::string, std::vector<std::int64_t>> got;
  for (const BatchPtr& batch : rows.batches()) {
    for (std::size_t row = 0; row < batch->rows; ++row) {
      const auto line = line_of(*batch, row);
      const auto found = by_line.find(line);
      if (found == by_line.end()) return "a row that is no bid: " + line;
      got[key(*found->second)].push_back(rank(*found->second));
    }
  }
  const auto text = [&](auto& map) {
    Lines lines;
    for (auto& [name, ranks] : map) {
      std::sort(ranks.rbegin(), ranks.rend());
      ranks.resize(std::min(ranks.size(), count));
      for (const auto value : ranks) lines.push_back(name + join(value));
    }
    return lines;
  };
  return compare(text(expected), text(got));
}

}  // namespace

void CollectedRows::add(const std::vector<BatchPtr>& batches) {
  batches_.insert(batches_.end(), batches.begin(), batches.end());
}

std::string difference(const std::string& query, const Supplies& supplies, std::uint64_t events,
                       const CollectedRows& rows) {
  if (const auto lines = joined_lines(query, supplies, events)) {
    return compare(*lines, lines_of(rows, 0));
  }
  if (query == "q9") return winning_bids(supplies, events, rows);
  const Supply& supply = *supplies.at("bids");
  const auto bids = bids_of(supply, events, query == "q18" || query == "q19");
  if (query == "q5") return compare(hot_items(bids), lines_of(rows, 0));
  if (query == "q7") return compare(highest_bids(bids, supply, events), lines_of(rows, 0));
  if (query == "q11") return compare(sessions(bids), lines_of(rows, 0));
  if (query == "q12") return processing_time_windows(bids, rows);
  if (query == "q15") return compare(daily(bids), lines_of(rows, 1));
  if (query == "q16") return compare(daily_by_channel(bids), lines_of(rows, 2));
  if (query == "q17") return compare(prices(bids), lines_of(rows, 2));
  if (query == "q18") {
    return best_of(
        bids, rows, 1, [](const Bid& bid) { return join(bid.bidder, bid.auction); },
        [](const Bid& bid) { return bid.time; });
  }
  if (query == "q19") {
    return best_of(
        bids, rows, 10, [](const Bid& bid) { return join(bid.auction); },
        [](const Bid& bid) { return bid.price; });
  }
  throw Error(ErrorCode::invalid_argument,
              "--check: there is no oracle for " + query + "; leave it out");
}

}  // namespace libstream::apps
