#include "join_oracle.hpp"

#include <libstream/column.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

// Every row in a map of the standard library.
namespace libstream::apps {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t window = 10 * second;
constexpr std::int64_t watermark_delay = 4 * second;

/// Calls `visit` with each row of a stream's first events.
template <class Visit>
void each_row(const Supplies& supplies, const std::string& stream, std::uint64_t events,
              Visit&& visit) {
  const Supply& supply = *supplies.at(stream);
  const auto whole = supply.events_per_batch();
  for (std::uint64_t first = 0; first < events; first += whole) {
    const auto rows = supply.rows(std::min(whole, events - first));
    if (rows == 0) continue;
    const BatchPtr batch = supply.batch(first / whole);
    for (std::size_t row = 0; row < rows; ++row) visit(*batch, row);
  }
}

std::int64_t number(const Batch& batch, std::size_t column, std::size_t row) {
  return batch.columns[column]->values<std::int64_t>()[row];
}

std::string text(const Batch& batch, std::size_t column, std::size_t row) {
  return std::string(batch.columns[column]->string(row));
}

Lines local_items(const Supplies& supplies, std::uint64_t events) {
  std::unordered_map<std::int64_t, std::string> persons;
  each_row(supplies, "persons", events, [&](const Batch& batch, std::size_t row) {
    const auto state = text(batch, 5, row);
    if (state != "OR" && state != "ID" && state != "CA") return;
    persons[number(batch, 0, row)] = join(text(batch, 1, row), text(batch, 4, row), state);
  });
  Lines lines;
  each_row(supplies, "auctions", events, [&](const Batch& batch, std::size_t row) {
    const auto found = persons.find(number(batch, 7, row));
    if (number(batch, 8, row) != 10 || found == persons.end()) return;
    lines.push_back(found->second + join(number(batch, 0, row)));
  });
  return lines;
}

Lines new_sellers(const Supplies& supplies, std::uint64_t events) {
  std::set<std::pair<std::int64_t, std::int64_t>> sellers;  // with the window
  each_row(supplies, "auctions", events, [&](const Batch& batch, std::size_t row) {
    sellers.emplace(number(batch, 7, row), number(batch, 5, row) / window);
  });
  std::set<std::string> lines;
  each_row(supplies, "persons", events, [&](const Batch& batch, std::size_t row) {
    const auto id = number(batch, 0, row);
    const auto opened = number(batch, 6, row) / window;
    if (sellers.count({id, opened}) == 0) return;
    lines.insert(join(id, text(batch, 1, row), opened * window));
  });
  return {lines.begin(), lines.end()};
}

Lines bids_with_auctions(const Supplies& supplies, std::uint64_t events) {
  std::unordered_map<std::int64_t, std::string> auctions;
  each_row(supplies, "auctions", events, [&](const Batch& batch, std::size_t row) {
    if (number(batch, 8, row) == 10) auctions[number(batch, 0, row)] = line_of(batch, row, 1);
  });
  Lines lines;
  each_row(supplies, "bids", events, [&](const Batch& batch, std::size_t row) {
    const auto found = auctions.find(number(batch, 0, row));
    if (found != auctions.end()) lines.push_back(line_of(batch, row) + found->second);
  });
  return lines;
}

struct Bid {
  std::int64_t price, time;
  std::string line;  ///< as q9 puts it out
};
struct Auction {
  std::int64_t begin, end;
  std::string line;
  std::vector<Bid> bids;
};

}  // namespace

std::optional<Lines> joined_lines(const std::string& query, const Supplies& supplies,
                                  std::uint64_t events) {
  if (query == "q3") return local_items(supplies, events);
  if (query == "q8") return new_sellers(supplies, events);
  if (query == "q20") return bids_with_auctions(supplies, events);
  return std::nullopt;
}

std::string winning_bids(const Supplies& supplies, std::uint64_t events,
                         const CollectedRows& rows) {
  std::map<std::int64_t, Auction> auctions;
  std::int64_t last_end = 0;
  each_row(supplies, "auctions", events, [&](const Batch& batch, std::size_t row) {
    const auto end = number(batch, 6, row);
    auctions[number(batch, 0, row)] = {number(batch, 5, row), end, line_of(batch, row), {}};
    last_end = std::max(last_end, end);
  });
  std::int64_t last_bid = 0;
  each_row(supplies, "bids", events, [&](const Batch& batch, std::size_t row) {
    const auto time = number(batch, 5, row);
    last_bid = std::max(last_bid, time);
    const auto found = auctions.find(number(batch, 0, row));
    if (found == auctions.end()) return;
    Auction& auction = found->second;
    if (time < auction.begin || time > auction.end) return;
    auction.bids.push_back(
        {number(batch, 2, row), time,
         auction.line + line_of(batch, row, 0, 3) + join(time, text(batch, 6, row))});
  });
  const auto watermark = std::min(last_end, last_bid) / 1000 * 1000 - watermark_delay;
  Lines expected;
  std::unordered_map<std::string, std::string> winner_of;  // by line: what counts of it
  for (auto& [id, auction] : auctions) {
    if (auction.end > watermark || auction.bids.empty()) continue;
    const auto rank = [](const Bid& bid) { return std::pair(-bid.price, bid.time); };
    const auto best =
        rank(*std::min_element(auction.bids.begin(), auction.bids.end(),
                               [&](const Bid& a, const Bid& b) { return rank(a) < rank(b); }));
    const auto winner = join(id, -best.first, best.second);
    expected.push_back(winner);
    for (const Bid& bid : auction.bids) {
      winner_of[bid.line] = rank(bid) == best ? winner : "a bid that does not win: " + bid.line;
    }
  }
  Lines got;
  for (const BatchPtr& batch : rows.batches()) {
    for (std::size_t row = 0; row < batch->rows; ++row) {
      const auto found = winner_of.find(line_of(*batch, row));
      got.push_back(found != winner_of.end() ? found->second
                                             : "no bid of its auction: " + line_of(*batch, row));
    }
  }
  return compare(expected, got);
}

}  // namespace libstream::apps
