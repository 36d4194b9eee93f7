#pragma once

#include "random_query.hpp"

#include <libstream/checkpoint/term.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace libstream::oracle {

/// Batches of rows, by stream.
using Batches = std::vector<std::vector<std::vector<Row>>>;

/// What a query must have answered in each epoch that was decided, recounted from the rows that the
/// decision covers. The engine is free in which rows make an epoch, in nothing else.
class Model {
 public:
  struct Epoch {
    std::vector<Row> rows;
    std::optional<std::uint64_t> any_of;  ///< so many of the rows
    std::vector<Row> late;                ///< of the first step that drops them
    std::vector<StateCount> states;       ///< the sink's end first
    std::int64_t watermark = 0;
    bool no_data = false;
  };

  Model(RandomQuery& query, const Batches& input) : query_(query), input_(input) {}

  /// The next decision; the first thing that is wrong with it.
  std::optional<std::string> decide(const EpochEntry& entry, bool unlimited);
  /// What is still to do after the last decision.
  std::optional<std::string> unfinished() const;
  /// True where the query may fail in its next epoch.
  bool may_fail() const;

  const std::vector<Epoch>& epochs() const { return epochs_; }

 private:
  std::optional<std::string> read(const EpochEntry& entry, bool unlimited,
                                  std::vector<std::vector<Row>>& rows);
  void run(std::vector<std::vector<Row>> rows, const Times& times, Epoch& epoch);
  std::int64_t next_watermark() const;
  std::optional<std::string> check_totals(const EpochEntry& entry) const;

  RandomQuery& query_;
  const Batches& input_;
  std::vector<Epoch> epochs_;
  std::vector<std::size_t> read_;
  std::int64_t watermark_ = 0;       ///< of the last epoch
  std::int64_t next_watermark_ = 0;  ///< of the next one
  std::uint64_t rows_in_ = 0;
  std::uint64_t rows_out_ = 0;
  std::uint64_t late_rows_ = 0;
};

}  // namespace libstream::oracle
