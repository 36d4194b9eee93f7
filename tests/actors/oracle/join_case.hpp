#pragma once

#include "../../operators/join_model.hpp"
#include "random_case.hpp"

#include <libstream/data_stream.hpp>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace libstream::oracle {

/// Columns of a side as the model has them; the last is the end of the row's window, which the
/// query works out itself.
enum JoinColumn : std::uint32_t { join_k, join_s, join_t, join_v, join_id, join_w, join_columns };

/// A random join of two streams, its input and its runs, all from a seed.
struct JoinCase {
  /// right time >= left time + offset, or <=; `strict` without the equality.
  struct Bound {
    std::int64_t seconds = 0;
    bool strict = false;
    bool turned = false;  ///< written with the arithmetic on the other side
  };
  std::uint64_t seed = 0;
  JoinType type = JoinType::inner;
  bool null_safe = false;
  bool two_keys = false;
  bool windows = false;  ///< equal windows of 5 s
  std::optional<Bound> lower;
  std::optional<Bound> upper;
  bool compared = false;           ///< left v <= right v
  std::array<bool, 2> filtered{};  ///< v <> 4
  std::array<bool, 2> marked{true, true};
  std::array<std::int64_t, 2> delay{};  ///< s
  std::string policy = "min";
  bool no_data_epochs = true;
  std::vector<Addition> input;
  std::vector<Run> runs;

  std::string condition() const;
  DataStream build(const DataStream& left, const DataStream& right) const;
  test::JoinModel model() const;
  /// By the query's condition, keys and all.
  bool matches(const Row& left, const Row& right) const;
  bool bounded(std::size_t side) const;
  std::string words() const;
};

JoinCase random_join_case(std::uint64_t seed);

/// Runs it on simulated actors and holds each decision, each epoch's rows and the size of its state
/// against a model that looks at every pair: the first difference, nullopt where they agree.
std::optional<std::string> run_join_case(const JoinCase& plan);

}  // namespace libstream::oracle
