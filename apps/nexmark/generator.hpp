#pragma once

#include "random.hpp"

#include <libstream/batch.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace libstream::apps {

struct GeneratorOptions {
  std::uint64_t seed = 1;
  double events_per_second = 1e6;  ///< of event time
  std::int64_t base_milliseconds = 1'700'000'000'000;
  /// Above 0: bids are on auctions drawn evenly from so many, instead of on those in flight.
  std::uint64_t even_auctions = 0;
};

enum class EventKind : std::uint8_t { person, auction, bid };

/// Persons, auctions and bids of a run of events; nullptr where there are none.
struct Events {
  BatchPtr persons;
  BatchPtr auctions;
  BatchPtr bids;
};

/// The events of the Nexmark benchmark: an online auction. Of 50 events 1 is a person, 3 are
/// auctions and 46 bids; ids, ratios, times and sizes follow the rules of nexmark/nexmark. Every
/// event depends on the seed and its number alone.
class Generator final {
 public:
  static constexpr std::uint64_t group = 50;
  static constexpr std::uint64_t bids_per_group = 46;

  explicit Generator(GeneratorOptions options);

  static Schema person_schema();
  static Schema auction_schema();
  static Schema bid_schema();
  static Schema schema(EventKind kind);

  /// Events [first, first + count), first = 0 being event id 2 as in the original.
  Events generate(std::uint64_t first, std::uint64_t count) const;
  /// Those of one kind alone.
  BatchPtr generate(std::uint64_t first, std::uint64_t count, EventKind kind) const;
  /// How many there are of a kind among them.
  static std::uint64_t rows(EventKind kind, std::uint64_t first, std::uint64_t count);
  static std::uint64_t bids(std::uint64_t first, std::uint64_t count) {
    return rows(EventKind::bid, first, count);
  }
  /// µs of event time that `events` events take.
  std::int64_t span_microseconds(std::uint64_t events) const;

 private:
  struct Columns;
  static EventKind kind_of(std::uint64_t id);
  void add(std::uint64_t id, EventKind kind, Columns& columns) const;
  Events finish(Columns& columns) const;
  std::int64_t milliseconds(std::uint64_t id) const;
  void add_person(std::uint64_t id, Columns& columns) const;
  void add_auction(std::uint64_t id, Columns& columns) const;
  void add_bid(std::uint64_t id, Columns& columns) const;
  std::string_view letters(std::uint64_t length, SeededDraws& draws) const;
  void make_channels();

  GeneratorOptions options_;
  std::vector<StringView> channels_;  ///< 4 hot ones, then 10,000
  std::vector<StringView> urls_;      ///< one a channel
  BufferPtr texts_;                   ///< what both point into
  std::shared_ptr<Buffer> letters_;   ///< random a-z, from which "extra" columns are cut
};

}  // namespace libstream::apps
