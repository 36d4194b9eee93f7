#include "model.hpp"

#include <algorithm>
#include <utility>

namespace libstream::oracle {
namespace {

std::string unlike(const std::string& what, std::int64_t expected, std::int64_t got) {
  return what + ": expected " + std::to_string(expected) + ", got " + std::to_string(got);
}

std::size_t batches_of(const Offset& offset) {
  return offset.empty() ? 0 : std::stoull(offset.substr(offset.find(':') + 1));
}

/// Filters below the first step with state move below the watermark, where they may.
std::vector<Step*> sinking(const std::vector<StepPtr>& steps) {
  std::vector<Step*> list;
  for (const auto& step : steps) {
    if (step->state() || step->drops_late_rows()) break;
    if (step->sinks()) list.push_back(step.get());
  }
  return list;
}

}  // namespace

std::optional<std::string> Model::decide(const EpochEntry& entry, bool unlimited) {
  if (number(entry.epoch) != epochs_.size()) {
    return unlike("number of the epoch", static_cast<std::int64_t>(epochs_.size()),
                  static_cast<std::int64_t>(number(entry.epoch)));
  }
  const auto used = entry.watermark.milliseconds;
  if (used != next_watermark_) return unlike("watermark", next_watermark_, used);
  std::vector<std::vector<Row>> rows(input_.size());
  if (auto problem = read(entry, unlimited, rows)) return problem;
  if (entry.no_data && !(query_.wants_no_data_epochs() && next_watermark_ > watermark_)) {
    return "an epoch without data that nothing asks for";
  }
  Epoch epoch;
  epoch.watermark = used;
  epoch.no_data = entry.no_data;
  try {
    run(std::move(rows), {watermark_, used}, epoch);
  } catch (const RowError&) {
    return "the query must fail at a row of this epoch";
  }
  watermark_ = used;
  next_watermark_ = next_watermark();
  if (entry.next_watermark.milliseconds != next_watermark_) {
    return unlike("watermark that follows", next_watermark_, entry.next_watermark.milliseconds);
  }
  rows_out_ += epoch.any_of.value_or(epoch.rows.size());
  epochs_.push_back(std::move(epoch));
  return check_totals(entry);
}

std::optional<std::string> Model::read(const EpochEntry& entry, bool unlimited,
                                       std::vector<std::vector<Row>>& rows) {
  read_.resize(input_.size());
  if (entry.source_ends.size() != input_.size()) return "a decision without all sources";
  bool any = false;
  for (std::size_t i = 0; i < input_.size(); ++i) {
    const auto end = batches_of(entry.source_ends[i]);
    if (end < read_[i] || end > input_[i].size()) return "an offset that is not there";
    const auto limit = static_cast<std::size_t>(query_.batches_per_epoch);
    if (limit > 0 && !unlimited && end > read_[i] + limit) return "an epoch above the rate limit";
    any = any || end > read_[i];
    for (; read_[i] < end; ++read_[i]) {
      const auto& batch = input_[i][read_[i]];
      rows[i].insert(rows[i].end(), batch.begin(), batch.end());
      rows_in_ += batch.size();
    }
  }
  if (any == entry.no_data) return "an epoch that is wrong about whether it has data";
  return std::nullopt;
}

void Model::run(std::vector<std::vector<Row>> rows, const Times& times, Epoch& epoch) {
  const auto from_trunk = sinking(query_.trunk);
  std::vector<Row> all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& branch = rows[i];
    for (Step* step : sinking(query_.branches[i])) branch = step->epoch(branch, times);
    for (Step* step : from_trunk) branch = step->epoch(branch, times);
    for (const auto& step : query_.branches[i]) {
      if (!step->sinks()) branch = step->epoch(branch, times);
    }
    all.insert(all.end(), branch.begin(), branch.end());
  }
  bool dropping = false;
  for (const auto& step : query_.trunk) {
    if (std::find(from_trunk.begin(), from_trunk.end(), step.get()) == from_trunk.end()) {
      all = step->epoch(all, times);
    }
    late_rows_ += step->late().size();
    if (step->drops_late_rows() && !std::exchange(dropping, true)) epoch.late = step->late();
    if (const auto state = step->state()) epoch.states.insert(epoch.states.begin(), *state);
    epoch.any_of = step->any_of();
  }
  epoch.rows = std::move(all);
}

std::int64_t Model::next_watermark() const {
  std::vector<std::int64_t> values;
  const auto add = [&](const std::vector<StepPtr>& steps) {
    for (const auto& step : steps) {
      const auto* watermark = dynamic_cast<const WatermarkStep*>(step.get());
      if (watermark != nullptr) values.push_back(watermark->value().value_or(0));
    }
  };
  for (const auto& branch : query_.branches) add(branch);
  add(query_.trunk);
  if (values.empty()) return 0;
  const auto joined = query_.max_policy ? *std::max_element(values.begin(), values.end())
                                        : *std::min_element(values.begin(), values.end());
  return std::max(watermark_, joined);
}

std::optional<std::string> Model::check_totals(const EpochEntry& entry) const {
  std::uint64_t held = 0;
  for (const auto& state : epochs_.back().states) held += state.held;
  const std::pair<const char*, std::uint64_t> expected[] = {{"inputRows", rows_in_},
                                                            {"outputRows", rows_out_},
                                                            {"lateRows", late_rows_},
                                                            {"heldRows", held}};
  for (const auto& [name, rows] : expected) {
    const auto found = entry.totals.find(name);
    const auto got = found == entry.totals.end() ? 0 : found->second;
    if (got != rows) {
      return unlike(std::string("total of ") + name, static_cast<std::int64_t>(rows),
                    static_cast<std::int64_t>(got));
    }
  }
  return std::nullopt;
}

std::optional<std::string> Model::unfinished() const {
  for (std::size_t i = 0; i < input_.size(); ++i) {
    const auto done = i < read_.size() ? read_[i] : 0;
    if (done < input_[i].size()) {
      return unlike("batches read of stream " + std::to_string(i),
                    static_cast<std::int64_t>(input_[i].size()), static_cast<std::int64_t>(done));
    }
  }
  if (query_.wants_no_data_epochs() && next_watermark_ > watermark_) {
    return "the watermark rose, yet no epoch without data followed";
  }
  return std::nullopt;
}

bool Model::may_fail() const {
  if (!query_.fails) return false;
  for (std::size_t i = 0; i < input_.size(); ++i) {
    for (auto j = i < read_.size() ? read_[i] : 0; j < input_[i].size(); ++j) {
      if (std::any_of(input_[i][j].begin(), input_[i][j].end(), query_.fails)) return true;
    }
  }
  return false;
}

}  // namespace libstream::oracle
