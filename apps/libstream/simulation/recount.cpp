#include "recount.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <array>

namespace libstream::apps::simulation {
namespace {

std::string line(std::initializer_list<std::int64_t> values) {
  std::string text;
  for (const auto value : values) text += (text.empty() ? "" : " ") + std::to_string(value);
  return text;
}

class Rows final : public Answering {
 public:
  bool take(const Event& event, std::size_t, std::int64_t) override {
    rows_.push_back(line({event.key, event.value, event.id}));
    return true;
  }
  Lines finish(std::int64_t) override { return std::exchange(rows_, {}); }

 private:
  Lines rows_;
};

class Totals final : public Answering {
 public:
  explicit Totals(const Plan& plan) : plan_(plan) {}
  bool take(const Event& event, std::size_t, std::int64_t) override {
    auto& group = groups_[event.key];
    ++group.rows;
    group.ids += event.id;
    group.text = std::max(group.text, text_of(plan_, event));
    changed_.insert(event.key);
    return true;
  }
  Lines finish(std::int64_t) override {
    Lines rows;
    for (const auto key : std::exchange(changed_, {})) {
      const auto& group = groups_.at(key);
      rows.push_back(
          line({key, group.rows, group.ids, static_cast<std::int64_t>(group.text.size())}));
    }
    return rows;
  }
  std::uint64_t state_rows() const override { return groups_.size(); }

 private:
  struct Group {
    std::int64_t rows = 0;
    std::int64_t ids = 0;
    std::string text;
  };
  const Plan& plan_;
  std::map<std::int64_t, Group> groups_;
  std::set<std::int64_t> changed_;
};

class Windows final : public Answering {
 public:
  explicit Windows(bool append) : append_(append) {}
  bool take(const Event& event, std::size_t, std::int64_t late_watermark) override {
    const auto start = *event.time / window_size * window_size;
    if ((start + window_size) / 1000 <= late_watermark) return false;
    auto& group = groups_[{start, event.key}];
    ++group.rows;
    group.ids += event.id;
    changed_.insert({start, event.key});
    return true;
  }
  Lines finish(std::int64_t watermark) override {
    Lines rows;
    const auto emit = [&](const Key& key) {
      const auto& group = groups_.at(key);
      rows.push_back(line({key.second, key.first / second, group.rows, group.ids}));
    };
    for (const auto& key : std::exchange(changed_, {})) {
      if (!append_) emit(key);
    }
    while (!groups_.empty()) {
      const auto key = groups_.begin()->first;
      if ((key.first + window_size) / 1000 > watermark) break;
      if (append_) emit(key);
      groups_.erase(key);
    }
    return rows;
  }
  std::uint64_t state_rows() const override { return groups_.size(); }

 private:
  using Key = std::pair<std::int64_t, std::int64_t>;  // window's start, key
  struct Group {
    std::int64_t rows = 0;
    std::int64_t ids = 0;
  };
  bool append_;
  std::map<Key, Group> groups_;
  std::set<Key> changed_;
};

class Distinct final : public Answering {
 public:
  bool take(const Event& event, std::size_t, std::int64_t) override {
    if (seen_.insert({event.key, event.value}).second) {
      rows_.push_back(line({event.key, event.value}));
    }
    return true;
  }
  Lines finish(std::int64_t) override { return std::exchange(rows_, {}); }
  std::uint64_t state_rows() const override { return seen_.size(); }

 private:
  std::set<std::pair<std::int64_t, std::int64_t>> seen_;
  Lines rows_;
};

class Join final : public Answering {
 public:
  bool take(const Event& event, std::size_t stream, std::int64_t) override {
    for (const auto& other : sides_[1 - stream]) {
      if (other.key != event.key || other.value != event.value) continue;
      const auto& left = stream == 0 ? event : other;
      const auto& right = stream == 0 ? other : event;
      rows_.push_back(line({left.key, left.id, right.id}));
    }
    sides_[stream].push_back(event);
    return true;
  }
  Lines finish(std::int64_t) override { return std::exchange(rows_, {}); }
  std::uint64_t state_rows() const override { return sides_[0].size() + sides_[1].size(); }

 private:
  std::array<std::vector<Event>, 2> sides_;
  Lines rows_;
};

std::string differs(const std::string& what, std::int64_t expected, std::int64_t got) {
  return what + ": expected " + std::to_string(expected) + ", got " + std::to_string(got);
}

}  // namespace

std::unique_ptr<Answering> answering(const Plan& plan) {
  switch (plan.kind) {
    case QueryKind::rows:
      return std::make_unique<Rows>();
    case QueryKind::totals:
      return std::make_unique<Totals>(plan);
    case QueryKind::windows:
      return std::make_unique<Windows>(plan.append);
    case QueryKind::distinct:
      return std::make_unique<Distinct>();
    case QueryKind::join:
      return std::make_unique<Join>();
  }
  LIBSTREAM_ASSERT(false, "all kinds of queries are there");
}

Recount::Recount(const Plan& plan, const std::vector<Feed>& feeds)
    : plan_(plan), feeds_(feeds), query_(answering(plan)), read_(feeds.size(), 0) {}

std::optional<std::string> Recount::decide(const EpochEntry& entry) {
  if (number(entry.epoch) != answers_.size()) {
    return differs("epoch decided", static_cast<std::int64_t>(answers_.size()),
                   static_cast<std::int64_t>(number(entry.epoch)));
  }
  Answer answer;
  if (auto problem = take_range(entry, answer)) return problem;
  answer.rows = query_->finish(entry.watermark.milliseconds);
  std::sort(answer.rows.begin(), answer.rows.end());
  std::sort(answer.late.begin(), answer.late.end());
  totals_["outputRows"] += answer.rows.size();
  totals_["lateRows"] += answer.late.size();
  totals_["stateRows"] = query_->state_rows();
  answers_.push_back(std::move(answer));
  if (auto problem = check_watermarks(entry)) return problem;
  return check_totals(entry);
}

std::optional<std::string> Recount::take_range(const EpochEntry& entry, Answer& answer) {
  if (entry.source_ends.size() != feeds_.size()) return "a decision without an end for each source";
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    const auto& end = entry.source_ends[i];
    const std::size_t to = end.empty() ? 0 : std::stoull(end);
    if (to < read_[i] || to > feeds_[i].batches.size()) {
      return differs("end of source " + std::to_string(i), static_cast<std::int64_t>(read_[i]),
                     static_cast<std::int64_t>(to));
    }
    for (; read_[i] < to; ++read_[i]) {
      for (const auto& event : feeds_[i].batches[read_[i]]) {
        ++totals_["inputRows"];
        const bool timed = plan_.kind == QueryKind::windows;
        if (event.value == unwanted_value || (timed && !event.time)) continue;
        if (timed) max_time_ = std::max(max_time_.value_or(*event.time), *event.time);
        // What is late is told by the watermark of the epoch before.
        if (!query_->take(event, i, watermark_)) answer.late.push_back(std::to_string(event.id));
      }
    }
  }
  return std::nullopt;
}

/// I5: a watermark never falls, and goes by the rows decided so far.
std::optional<std::string> Recount::check_watermarks(const EpochEntry& entry) {
  const auto used = entry.watermark.milliseconds;
  if (used != next_watermark_) return differs("watermark", next_watermark_, used);
  watermark_ = used;
  if (max_time_) {
    next_watermark_ = std::max(watermark_, (*max_time_ - watermark_delay) / 1000);
  }
  const auto next = entry.next_watermark.milliseconds;
  if (next != next_watermark_) return differs("next watermark", next_watermark_, next);
  return std::nullopt;
}

/// I4: what came in is what went out, was late, was filtered or is held.
std::optional<std::string> Recount::check_totals(const EpochEntry& entry) const {
  for (const auto& [name, expected] : totals_) {
    const auto found = entry.totals.find(name);
    const auto got = found == entry.totals.end() ? 0 : found->second;
    if (got != expected) {
      return differs(name, static_cast<std::int64_t>(expected), static_cast<std::int64_t>(got));
    }
  }
  return std::nullopt;
}

}  // namespace libstream::apps::simulation
