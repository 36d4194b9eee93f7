#include "query_loops.hpp"

#include "ids.hpp"

#include <libstream/column.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <vector>

namespace libstream::apps {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::size_t auction_column = 0, bidder_column = 1, price_column = 2, channel_column = 3,
                      time_column = 5;

const std::int64_t* numbers(const Batch& batch, std::size_t column) {
  return batch.columns[column]->values<std::int64_t>();
}

/// q5: a counter a pane of 2 s, and the largest sum of five whenever a pane ends.
class HotItems final {
 public:
  void operator()(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, auction_column), batch.rows);
    const auto* times = numbers(batch, time_column);
    for (auto& pane : panes_) pane.resize(auctions_.count());
    for (std::size_t i = 0; i < batch.rows; ++i) {
      if (times[i] < begin_ || times[i] >= begin_ + 2 * second) move_to(times[i]);
      ++panes_[current_][ids[i]];
    }
    clobber();
  }

 private:
  void move_to(std::int64_t time) {
    for (std::size_t i = 0; i < panes_[0].size(); ++i) {
      std::uint32_t sum = 0;
      for (const auto& pane : panes_) sum += pane[i];
      most_ = std::max(most_, sum);
    }
    begin_ = time / (2 * second) * (2 * second);
    current_ = (current_ + 1) % panes_.size();
    std::fill(panes_[current_].begin(), panes_[current_].end(), 0);
  }

  Ids auctions_;
  std::array<std::vector<std::uint32_t>, 5> panes_;
  std::size_t current_ = 0;
  std::int64_t begin_ = 0;
  std::uint32_t most_ = 0;
};

/// q7: the largest price of a batch, where it lies in one window as a whole.
class HighestBids final {
 public:
  void operator()(const Batch& batch) {
    const auto* times = numbers(batch, time_column);
    const auto* prices = numbers(batch, price_column);
    std::int64_t first = times[0];
    std::int64_t last = times[0];
    std::int64_t most = 0;
    for (std::size_t i = 0; i < batch.rows; ++i) {
      first = std::min(first, times[i]);
      last = std::max(last, times[i]);
      most = std::max(most, prices[i]);
    }
    if (first < begin_ || last >= begin_ + 10 * second) {
      begin_ = first / (10 * second) * (10 * second);
      highest_ = 0;
    }
    highest_ = std::max(highest_, most);
    clobber();
  }

 private:
  std::int64_t begin_ = 0;
  std::int64_t highest_ = 0;
};

/// q11: the last time and the count of each bidder's session. q12: the count alone.
class Bidders final {
 public:
  explicit Bidders(bool sessions) : sessions_(sessions) {}
  void operator()(const Batch& batch) {
    const auto& ids = bidders_.find(numbers(batch, bidder_column), batch.rows);
    const auto* times = numbers(batch, time_column);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      Session& session = at(list_, ids[i]);
      if (sessions_ && times[i] > session.last + 10 * second) session.count = 0;
      session.last = times[i];
      ++session.count;
    }
    clobber();
  }

 private:
  struct Session {
    std::int64_t last = 0;
    std::int64_t count = 0;
  };
  bool sessions_;
  Ids bidders_;
  std::vector<Session> list_;
};

std::size_t rank_of(std::int64_t price) {
  return 1U + (price >= 10'000 ? 1U : 0U) + (price >= 1'000'000 ? 1U : 0U);
}

/// q15 and q16: for each group and number, in which ranks it has been seen.
class DistinctCounts final {
 public:
  explicit DistinctCounts(bool by_channel) : by_channel_(by_channel) {}

  void operator()(const Batch& batch) {
    const auto* prices = numbers(batch, price_column);
    groups_.assign(batch.rows, 0);
    if (by_channel_) {
      keys_.resize(batch.rows);
      for (std::size_t i = 0; i < batch.rows; ++i) {
        keys_[i] = hash_bytes(batch.columns[channel_column]->string(i));
      }
      const auto& ids = channels_.find(keys_.data(), batch.rows);
      std::copy_n(ids.begin(), batch.rows, groups_.begin());
    }
    for (std::size_t i = 0; i < batch.rows; ++i) {
      auto& group = at(counts_, groups_[i]);
      ++group.bids[0];
      ++group.bids[rank_of(prices[i])];
    }
    count(numbers(batch, bidder_column), prices, batch.rows, bidders_, seen_bidders_, 0);
    count(numbers(batch, auction_column), prices, batch.rows, auctions_, seen_auctions_, 1);
    clobber();
  }

 private:
  struct Counts {
    std::array<std::int64_t, 4> bids{};
    std::array<std::array<std::int64_t, 4>, 2> distinct{};
  };

  void count(const std::int64_t* values, const std::int64_t* prices, std::size_t rows, Ids& ids,
             std::vector<std::uint8_t>& seen, std::size_t which) {
    keys_.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      keys_[i] = static_cast<std::uint64_t>(values[i]) | std::uint64_t{groups_[i]} << 40;
    }
    const auto& found = ids.find(keys_.data(), rows);
    for (std::size_t i = 0; i < rows; ++i) {
      std::uint8_t& ranks = at(seen, found[i]);
      auto& distinct = counts_[groups_[i]].distinct[which];
      const std::size_t rank = rank_of(prices[i]);
      distinct[0] += ranks == 0 ? 1 : 0;
      distinct[rank] += (ranks >> rank & 1) == 0 ? 1 : 0;
      ranks = static_cast<std::uint8_t>(ranks | 1U << rank);
    }
  }

  bool by_channel_;
  Ids channels_, bidders_, auctions_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> groups_;
  std::vector<Counts> counts_;
  std::vector<std::uint8_t> seen_bidders_, seen_auctions_;
};

/// q17: one record an auction.
class Prices final {
 public:
  void operator()(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, auction_column), batch.rows);
    const auto* prices = numbers(batch, price_column);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      Record& record = at(list_, ids[i]);
      ++record.counts[0];
      ++record.counts[rank_of(prices[i])];
      record.least = std::min(record.least, prices[i]);
      record.most = std::max(record.most, prices[i]);
      record.sum += prices[i];
    }
    clobber();
  }

 private:
  struct Record {
    std::array<std::int64_t, 4> counts{};
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::int64_t most = 0;
    std::int64_t sum = 0;
  };
  Ids auctions_;
  std::vector<Record> list_;
};

/// q18: the last row of each bidder and auction, as a place in its batch, which the pool keeps.
class LastBids final {
 public:
  void operator()(const Batch& batch) {
    const auto* auctions = numbers(batch, auction_column);
    const auto* bidders = numbers(batch, bidder_column);
    const auto* times = numbers(batch, time_column);
    keys_.resize(batch.rows);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      keys_[i] =
          static_cast<std::uint64_t>(bidders[i]) << 32 ^ static_cast<std::uint64_t>(auctions[i]);
    }
    const auto& ids = pairs_.find(keys_.data(), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      Last& last = at(list_, ids[i]);
      if (times[i] > last.time) last = {times[i], &batch, i};
    }
    clobber();
  }

 private:
  struct Last {
    std::int64_t time = 0;
    const Batch* batch = nullptr;
    std::uint32_t row = 0;
  };
  std::vector<std::uint64_t> keys_;
  Ids pairs_;
  std::vector<Last> list_;
};

/// q19: the ten highest prices of each auction, sorted, with the places of their rows.
class TenHighest final {
 public:
  void operator()(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, auction_column), batch.rows);
    const auto* prices = numbers(batch, price_column);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      Best& best = at(list_, ids[i]);
      if (best.count == best.rows.size() && prices[i] <= best.rows[best.count - 1].price) continue;
      std::size_t place = best.count < best.rows.size() ? best.count++ : best.count - 1;
      for (; place > 0 && best.rows[place - 1].price < prices[i]; --place) {
        best.rows[place] = best.rows[place - 1];
      }
      best.rows[place] = {prices[i], &batch, i};
    }
    clobber();
  }

 private:
  struct Place {
    std::int64_t price = 0;
    const Batch* batch = nullptr;
    std::uint32_t row = 0;
  };
  struct Best {
    std::array<Place, 10> rows{};
    std::size_t count = 0;
  };
  Ids auctions_;
  std::vector<Best> list_;
};

}  // namespace

Loop stateful_loop(std::string_view query) {
  if (query == "q5") return HotItems{};
  if (query == "q7") return HighestBids{};
  if (query == "q11") return Bidders{true};
  if (query == "q12") return Bidders{false};
  if (query == "q15") return DistinctCounts{false};
  if (query == "q16") return DistinctCounts{true};
  if (query == "q17") return Prices{};
  if (query == "q18") return LastBids{};
  if (query == "q19") return TenHighest{};
  return {};
}

}  // namespace libstream::apps
