#pragma once

#include <libstream/group_state.hpp>
#include <libstream/typed_stream.hpp>
#include <libstream/value.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

// Arbitrary state by key, as a loop over epochs and keys. It shares the user's function with the
// queries under test, and nothing else.
namespace libstream::test {

using Instant = std::chrono::sys_time<std::chrono::milliseconds>;

/// A row of input.
struct Reading {
  std::optional<std::int64_t> key;
  std::int64_t value = 0;
  std::optional<Instant> time;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (key, value, time))

struct Kept {
  std::int64_t sum = 0;
  std::string note;
  std::optional<std::int64_t> last;
  bool operator==(const Kept&) const = default;
};
BOOST_DESCRIBE_STRUCT(Kept, (), (sum, note, last))

/// A row of output.
struct Told {
  std::optional<std::int64_t> key;
  std::int64_t sum = 0;
  std::string note;
  std::int64_t call = 0;  ///< digest of what the call saw
};
BOOST_DESCRIBE_STRUCT(Told, (), (key, sum, note, call))

inline std::uint64_t stir(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

/// What a user's function sees and wants, without GroupState.
struct GroupCall {
  std::optional<std::int64_t> key;
  std::span<const Reading> rows;
  std::optional<Kept> state;
  bool timed_out = false;
  std::int64_t now = 0;                   ///< the epoch's timestamp, ms
  std::optional<std::int64_t> watermark;  ///< ms, where the input has one
};
struct GroupAnswer {
  enum class State { as_it_was, updated, removed };
  State state = State::as_it_was;
  Kept kept;
  std::optional<std::int64_t> timeout;  ///< ms since 1970
  std::vector<Told> rows;
};

/// Any function that `salt` says: it looks at everything and does everything that it may, whatever
/// order its rows come in.
inline GroupAnswer any_function(std::uint64_t salt, GroupTimeout timeout, bool one_row,
                                const GroupCall& call) {
  std::uint64_t seen = stir(salt ^ static_cast<std::uint64_t>(call.key.value_or(-9)));
  std::int64_t sum = call.state ? call.state->sum : 0;
  for (const Reading& row : call.rows) {
    sum += row.value;
    seen += stir(static_cast<std::uint64_t>(row.value) * 31 +
                 static_cast<std::uint64_t>(row.time ? row.time->time_since_epoch().count() : 7));
  }
  seen = stir(seen + (call.timed_out ? 1 : 0) + call.rows.size() * 2);
  if (call.state) {
    seen = stir(seen ^ static_cast<std::uint64_t>(call.state->sum) ^ call.state->note.size());
    seen = stir(seen + static_cast<std::uint64_t>(call.state->last.value_or(-3)));
  }
  if (timeout == GroupTimeout::processing_time) seen ^= static_cast<std::uint64_t>(call.now);
  if (call.watermark) seen = stir(seen + static_cast<std::uint64_t>(*call.watermark));

  GroupAnswer answer;
  const auto choice = stir(seen + 1) % 8;
  if (choice < 5) {
    answer.state = GroupAnswer::State::updated;
    answer.kept = {sum, std::string(stir(seen + 2) % 30, 'n'), std::nullopt};
    if (stir(seen + 3) % 2 == 0) answer.kept.last = static_cast<std::int64_t>(call.rows.size());
  } else if (choice < 7) {
    answer.state = GroupAnswer::State::removed;
  }
  const auto after = static_cast<std::int64_t>(1 + stir(seen + 4) % 4000);
  if (timeout != GroupTimeout::none && stir(seen + 5) % 3 != 0) {
    answer.timeout =
        after + (timeout == GroupTimeout::processing_time ? call.now : call.watermark.value());
  }
  const auto rows = one_row ? 1 : stir(seen + 6) % 4;
  for (std::uint64_t i = 0; i < rows; ++i) {
    answer.rows.push_back({call.key, sum, std::string(stir(seen + 7 + i) % 20, 't'),
                           static_cast<std::int64_t>(stir(seen + i) >> 1U)});
  }
  return answer;
}

/// The same as the function that a query gets.
struct UserFunction {
  std::uint64_t salt = 0;
  GroupTimeout timeout = GroupTimeout::none;
  bool watermarked = false;

  GroupAnswer answer(const std::optional<std::int64_t>& key, std::span<const Reading> rows,
                     GroupState<Kept>& state, bool one_row) const {
    GroupCall call{key,
                   rows,
                   state.option(),
                   state.has_timed_out(),
                   state.current_processing_time().time_since_epoch().count(),
                   std::nullopt};
    if (watermarked) call.watermark = state.current_watermark().time_since_epoch().count();
    auto answer = any_function(salt, timeout, one_row, call);
    if (answer.state == GroupAnswer::State::updated) state.update(answer.kept);
    if (answer.state == GroupAnswer::State::removed) state.remove();
    if (answer.timeout && timeout == GroupTimeout::processing_time) {
      state.set_timeout_duration(std::chrono::milliseconds(*answer.timeout - call.now));
    } else if (answer.timeout) {
      state.set_timeout_timestamp(Instant(std::chrono::milliseconds(*answer.timeout)));
    }
    return answer;
  }
  std::vector<Told> operator()(const std::optional<std::int64_t>& key,
                               std::span<const Reading> rows, GroupState<Kept>& state) const {
    return answer(key, rows, state, false).rows;
  }
};
struct OneRowFunction : UserFunction {
  Told operator()(const std::optional<std::int64_t>& key, std::span<const Reading> rows,
                  GroupState<Kept>& state) const {
    return answer(key, rows, state, true).rows.front();
  }
};

/// The loop.
class GroupsModel {
 public:
  struct Epoch {
    std::vector<Reading> rows;
    std::int64_t timestamp = 0;
    std::int64_t watermark = 0;  ///< of the epoch, ms
  };
  struct Counts {
    std::size_t total = 0;
    std::size_t updated = 0;
    std::size_t removed = 0;
    std::size_t late = 0;
    bool operator==(const Counts&) const = default;
  };
  struct Group {
    std::optional<Kept> state;
    std::optional<std::int64_t> timeout;
  };

  UserFunction function;
  bool one_row = false;

  void set_initial(std::optional<std::int64_t> key, const Kept& state) {
    groups_[key] = {state, std::nullopt};
    initial_.push_back(key);
  }

  std::vector<Row> run(const Epoch& epoch) {
    counts_ = {};
    output_.clear();
    std::map<std::optional<std::int64_t>, std::vector<Reading>> by_key;
    for (const auto& key : initial_) by_key[key];
    initial_.clear();
    for (const Reading& row : epoch.rows) {
      const bool late = function.timeout == GroupTimeout::event_time && row.time &&
                        row.time->time_since_epoch().count() <= late_before_;
      if (late) {
        ++counts_.late;
      } else {
        by_key[row.key].push_back(row);
      }
    }
    for (const auto& [key, rows] : by_key) call(epoch, key, rows, false);
    std::vector<std::optional<std::int64_t>> due;
    const auto limit =
        function.timeout == GroupTimeout::event_time ? epoch.watermark : epoch.timestamp;
    for (const auto& [key, group] : groups_) {
      if (!by_key.contains(key) && group.timeout && *group.timeout < limit) due.push_back(key);
    }
    for (const auto& key : due) call(epoch, key, {}, true);
    late_before_ = epoch.watermark;
    counts_.total = groups_.size();
    return output_;
  }
  const Counts& counts() const { return counts_; }  ///< of the epoch run last
  std::optional<std::int64_t> earliest_timeout() const {
    std::optional<std::int64_t> earliest;
    for (const auto& [key, group] : groups_) {
      if (group.timeout) earliest = std::min(earliest.value_or(*group.timeout), *group.timeout);
    }
    return earliest;
  }

 private:
  void call(const Epoch& epoch, const std::optional<std::int64_t>& key,
            std::span<const Reading> rows, bool timed_out) {
    const auto known = groups_.find(key);
    const Group before = known == groups_.end() ? Group{} : known->second;
    GroupCall call{key, rows, before.state, timed_out, epoch.timestamp, std::nullopt};
    if (function.watermarked) call.watermark = epoch.watermark;
    const auto answer = any_function(function.salt, function.timeout, one_row, call);
    for (const Told& row : answer.rows) {
      output_.push_back({row.key ? Value(*row.key) : Value(), row.sum, Value(row.note), row.call});
    }
    if (answer.state == GroupAnswer::State::removed && !answer.timeout) {
      ++counts_.removed;
      groups_.erase(key);
      return;
    }
    if (answer.state == GroupAnswer::State::as_it_was && answer.timeout == before.timeout) return;
    ++counts_.updated;
    Group& group = groups_[key];
    group.timeout = answer.timeout;
    if (answer.state == GroupAnswer::State::updated) group.state = answer.kept;
    if (answer.state == GroupAnswer::State::removed) group.state.reset();
  }

  std::map<std::optional<std::int64_t>, Group> groups_;
  std::vector<std::optional<std::int64_t>> initial_;
  std::int64_t late_before_ = 0;
  Counts counts_;
  std::vector<Row> output_;
};

}  // namespace libstream::test
