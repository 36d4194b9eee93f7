#include "event_source.hpp"
#include "static_queries.hpp"
#include "supply.hpp"

#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <mutex>

using namespace libstream;
using namespace libstream::apps;

namespace {

constexpr std::uint64_t events = 1'000'000;
using Line = std::array<std::int64_t, 4>;  // auction, bidder, price, time; the value is checked

std::vector<Line> sorted(std::vector<Line> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::int64_t at(const Batch& batch, std::size_t column, std::size_t row) {
  return batch.columns[column]->values<std::int64_t>()[row];
}

/// The bids of the first million events.
std::vector<Line> bids(const Supply& supply) {
  std::vector<Line> lines;
  for (std::uint64_t done = 0, n = 0; done < events; ++n) {
    const auto count = std::min(supply.events_per_batch(), events - done);
    const auto batch = supply.batch(n);
    for (std::size_t i = 0; i < supply.rows(count); ++i) {
      lines.push_back({at(*batch, 0, i), at(*batch, 1, i), at(*batch, 2, i), at(*batch, 5, i)});
    }
    done += count;
  }
  return sorted(std::move(lines));
}

}  // namespace

TEST_CASE("q13 gives each of a million events' bids the value of its auction modulo 10,000") {
  const std::shared_ptr<const Supply> supply = bid_supply({}, false);
  const auto wanted = bids(*supply);
  REQUIRE(wanted.size() == events * 46 / 50);
  for (const std::uint32_t partitions : {1U, 3U}) {
    for (const char* limit : {"1000000", "0"}) {
      CAPTURE(partitions);
      CAPTURE(limit);
      EventSourceOptions options;
      options.events = events;
      options.epoch_events = 300'000;
      options.tasks = partitions;
      const auto source = std::make_shared<EventSource>(supply, std::make_shared<Meter>(), options);
      Session session({.threads = 2, .partitions = partitions});
      std::vector<Line> lines;
      std::uint64_t wrong = 0;
      q13(session.read_stream().source(source))
          .write_stream()
          .option("broadcastLimit", limit)
          .trigger(Trigger::available_now())
          .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema& schema, Epoch) {
            REQUIRE(schema.find("value") == 5U);
            for (const auto& batch : batches) {
              for (std::size_t i = 0; i < batch->rows; ++i) {
                lines.push_back(
                    {at(*batch, 0, i), at(*batch, 1, i), at(*batch, 2, i), at(*batch, 3, i)});
                const auto key = lines.back()[0] % side_rows;
                wrong += batch->columns[5]->string(i) != "side-" + std::to_string(key) ? 1 : 0;
              }
            }
          })
          .start()
          .await_termination();
      CHECK(wrong == 0);
      CHECK(sorted(std::move(lines)) == wanted);
    }
  }
}
