#pragma once

#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace libstream::test {

constexpr auto totals_operator = OperatorId{7};
constexpr auto large_operator = OperatorId{9};
constexpr std::uint32_t key_groups = 16;

using Content = std::map<std::string, std::string>;

inline CheckpointMeta simulated_meta(const std::string& query_id = "query-1") {
  return {query_id,
          checkpoint_format,
          key_groups,
          "hash-1",
          {"FileSource json"},
          {{totals_operator, "totals", "sum(a bigint)"}, {large_operator, "large", "last(b)"}}};
}

/// What the world outside sees of one query: the published rows of each epoch. Lives through every
/// crash. A second, different publication of an epoch is remembered as a violation.
class OutsideWorld final {
 public:
  void publish(Epoch epoch, const std::string& sink, const std::string& rows) {
    const auto name = std::to_string(number(epoch)) + "/" + sink;
    const auto [found, added] = published_.emplace(name, rows);
    if (!added && found->second != rows) {
      violations_.push_back("epoch " + name + " was published twice: \"" +
                            found->second.substr(0, 40) + "\" and \"" + rows.substr(0, 40) + "\"");
    }
  }
  std::string rows(std::uint64_t epoch, const std::string& sink) const {
    const auto found = published_.find(std::to_string(epoch) + "/" + sink);
    return found == published_.end() ? std::string() : found->second;
  }
  const Content& published() const { return published_; }
  const std::vector<std::string>& violations() const { return violations_; }
  bool is_newest(std::uint64_t term) {
    newest_term_ = std::max(newest_term_, term);
    return term == newest_term_;
  }
  void violation(const std::string& text) { violations_.push_back(text); }

 private:
  Content published_;
  std::vector<std::string> violations_;
  std::uint64_t newest_term_ = 0;
};

/// The naive model: state after epochs 0..last, given what each was decided to hold.
inline Content expected_state(const std::vector<std::string>& rows_of_epochs) {
  Content state;
  for (std::size_t n = 0; n < rows_of_epochs.size(); ++n) {
    state["e" + std::to_string(n)] = rows_of_epochs[n];
    state["last"] = rows_of_epochs[n];
    if (n >= 3) {
      state.erase("e" + std::to_string(n - 3));
    }
  }
  return state;
}

inline std::string large_value(std::uint64_t epoch) {
  return std::string(Term::inline_limit + 10, static_cast<char>('a' + epoch % 26));
}

inline Content read_state(const Term& term, OperatorId op) {
  Content content;
  term.state(op, 0, key_groups)
      ->for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
        content.emplace(key, value);
      });
  return content;
}

/// A coordinator with its tasks, as plain calls: rows carry the attempt that made them, so a result
/// put together from two attempts is seen.
class SimulatedQuery final {
 public:
  SimulatedQuery(std::shared_ptr<CheckpointRoot> root, OutsideWorld& world, std::string attempt,
                 const TermOptions& options, std::uint64_t seed)
      : world_(world), attempt_(std::move(attempt)) {
    Environment environment;
    environment.random = seeded_random(seed);
    term_ = Term::open(std::move(root), simulated_meta(), environment, options);
    next_ = term_->restored().last ? number(term_->restored().last->epoch) + 1 : 0;
    // A term that was frozen while it opened sees the past: right, but not comparable.
    if (world_.is_newest(term_->number())) {
      check_restored();
    }
    for (const auto& pending : term_->restored().pending) {
      publish(pending.epoch, pending.sinks);
    }
    term_->sweep();
  }

  Term& term() { return *term_; }
  std::uint64_t next_epoch() const { return next_; }

  void run_until(std::uint64_t epochs) {
    while (next_ < epochs) {
      step();
    }
  }

  void step() {
    EpochEntry entry;
    entry.epoch = Epoch{next_};
    const auto rows = std::to_string(next_) + " by " + attempt_;
    entry.source_ends = {std::to_string(next_)};
    entry.watermark_values = {static_cast<std::int64_t>(next_) * 10};
    ChangelogWriter totals;
    totals.put(3, "e" + std::to_string(next_), rows);
    totals.put(5, "last", rows);
    if (next_ >= 3) {
      totals.erase(3, "e" + std::to_string(next_ - 3));
    }
    entry.changes.push_back(term_->store_changes(totals_operator, 0, entry.epoch, totals.take()));
    if (next_ % 2 == 1) {
      ChangelogWriter large;
      large.put(1, "large", large_value(next_));
      entry.changes.push_back(term_->store_changes(large_operator, 1, entry.epoch, large.take()));
    }
    entry.sinks = {{"main", {{rows, 1}, {}}}, {"late", {{rows + " late", 1}}}};
    const auto sinks = entry.sinks;
    const auto epoch = entry.epoch;
    term_->decide(std::move(entry));
    ++next_;
    publish(epoch, sinks);
    term_->maintain();
  }

 private:
  void publish(Epoch epoch, const std::vector<SinkStage>& sinks) {
    for (const auto& stage : sinks) {
      world_.publish(epoch, stage.sink, stage.handles.at(0).bytes);
    }
    term_->committed(epoch);
  }

  /// Everything visible outside must be decided, and the state must be that of the decisions.
  void check_restored() {
    const auto& restored = term_->restored();
    std::vector<std::string> rows(next_);
    for (std::uint64_t n = 0; n < next_; ++n) {
      rows[n] = world_.rows(n, "main");
    }
    for (const auto& pending : restored.pending) {
      const auto& bytes = pending.sinks.at(0).handles.at(0).bytes;
      auto& known = rows.at(number(pending.epoch));
      if (!known.empty() && known != bytes) {
        world_.violation("epoch " + std::to_string(number(pending.epoch)) + " pending as " + bytes +
                         ", published as " + known);
      }
      known = bytes;
    }
    if (read_state(*term_, totals_operator) != expected_state(rows)) {
      world_.violation("state of " + std::to_string(next_) + " epochs is not what was decided");
    }
    const auto large = read_state(*term_, large_operator);
    if (next_ >= 2 && large != Content{{"large", large_value((next_ - 2) / 2 * 2 + 1)}}) {
      world_.violation("large state of " + std::to_string(next_) + " epochs is wrong");
    }
    if (!world_.rows(next_, "main").empty()) {
      world_.violation("epoch " + std::to_string(next_) + " was published and is not decided");
    }
  }

  OutsideWorld& world_;
  std::string attempt_;
  std::unique_ptr<Term> term_;
  std::uint64_t next_ = 0;
};

}  // namespace libstream::test
