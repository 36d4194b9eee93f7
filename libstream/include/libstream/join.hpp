#pragma once

#include <libstream/bound_expression.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

enum class JoinType : std::uint8_t {
  inner,
  left_outer,
  right_outer,
  full_outer,
  left_semi,
  left_anti,
};
std::string_view to_string(JoinType type);  ///< "left outer", as messages and explain name it
/// "inner", "cross", "left", "leftouter", "left_outer", "leftsemi", … as Structured Streaming takes
/// them. Throws Error(invalid_argument) that lists the names.
JoinType parse_join_type(std::string_view name);

/// How long one side of a stream-stream join keeps its rows. `We` is the watermark of the barrier.
/// Neither set: for ever.
struct JoinRetention {
  /// Index into the keys of JoinPlan: rows go when this key (a timestamp, or a window's end) ≤ We.
  std::optional<std::uint32_t> key;
  /// Otherwise rows go when this column of the side's input (µs) ≤ We + `bound`.
  std::optional<std::uint32_t> column;
  std::int64_t bound = 0;  ///< µs; an inclusive comparison has its -1 ms in it
  /// Fixed bound (µs) by a constant in the condition (`time > 10`): rows go when column ≤
  /// min(We + bound, fixed).
  std::optional<std::int64_t> fixed;
  std::string why;  ///< for explain: "kept until the watermark passes a + 1 hour, because b <= a …"

  bool bounded() const { return key.has_value() || column.has_value(); }
};

struct JoinSide {
  std::vector<std::uint32_t> keys;  ///< columns of this input, one a key; same types on both sides
  /// Conjuncts over this input alone; a row that fails never matches. Null: none.
  BoundPtr filter;
  /// Column by which rows of this side are late (≤ Wl): a timestamp or a window. None: never late.
  std::optional<std::uint32_t> event_column;
  JoinRetention retention;
};

/// An equality join as the analyser resolved it. Columns are those of the inputs; the pair's
/// columns are the left ones, then the right ones. Null keys never match unless `null_safe`.
struct JoinPlan {
  JoinType type = JoinType::inner;
  JoinSide left;
  JoinSide right;
  std::vector<bool> null_safe;  ///< a key: `<=>`
  BoundPtr condition;           ///< what is left of the condition, over a pair; null: none
  /// Columns of a pair (of the left input for semi and anti) that come out, in order.
  std::vector<std::uint32_t> output;
};

/// Each left row with the latest right row of the same keys that is not later and at most
/// `tolerance` earlier. Null keys and times match nothing.
struct AsOfJoinPlan {
  JoinType type = JoinType::inner;       ///< or left_outer
  std::vector<std::uint32_t> left_keys;  ///< columns of the inputs; same types on both sides
  std::vector<std::uint32_t> right_keys;
  std::uint32_t left_time = 0;  ///< timestamps that carry the event time
  std::uint32_t right_time = 0;
  std::int64_t tolerance = 0;  ///< µs
  /// Columns of a pair that come out, in order.
  std::vector<std::uint32_t> output;
};

}  // namespace libstream
