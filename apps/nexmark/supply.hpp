#pragma once

#include "generator.hpp"
#include "words.hpp"

#include <libstream/batch.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace libstream::apps {

/// Input batches by number, each of the same run of events; safe to call from any thread.
class Supply {
 public:
  virtual ~Supply() = default;
  virtual Schema schema() const = 0;
  virtual std::uint64_t events_per_batch() const = 0;
  /// Rows that the first `events` events of a batch have.
  virtual std::uint64_t rows(std::uint64_t events) const = 0;
  virtual BatchPtr batch(std::uint64_t number) const = 0;
  /// Batches of the bare loops: [0, samples()), the same columns without the shift in time.
  virtual std::uint64_t samples() const = 0;
  virtual BatchPtr sample(std::uint64_t number) const = 0;
};

/// The streams of a query by their names: "persons", "auctions", "bids", "words".
using Supplies = std::map<std::string, std::shared_ptr<const Supply>>;

/// What is handed on again and again when the generator is not in the loop, at least, unless a
/// number of events is asked for.
inline constexpr std::size_t pool_bytes = std::size_t{64} << 20;

/// Persons, auctions or bids. `generate`: made when asked for; else made once, and cycled with
/// their event time shifted on. `distinct`: events that are made before any comes again, whole
/// batches of them; 0: as many as fill the pool. Streams of one query have the same.
std::unique_ptr<Supply> event_supply(EventKind kind, GeneratorOptions options, bool generate,
                                     std::uint64_t distinct = 0);
std::unique_ptr<Supply> bid_supply(GeneratorOptions options, bool generate,
                                   std::uint64_t distinct = 0);
std::unique_ptr<Supply> word_supply(std::uint64_t seed, std::size_t vocabulary, bool generate);

}  // namespace libstream::apps
