// Random commands against a plain loop over epochs and keys.
#include "transform_script.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

struct Cell {
  std::int64_t n;
  std::int64_t expiry;
  std::int64_t epoch;
};
struct Key {
  std::optional<Cell> value;
  std::vector<Cell> list;
  std::map<std::int64_t, Cell> map;
  std::set<std::int64_t> timers;
  bool empty() const { return !value && list.empty() && map.empty() && timers.empty(); }
};

/// What a Script does, by the words of the rules.
class Model {
 public:
  Model(TimeMode mode, std::optional<std::int64_t> ttl) : mode_(mode), ttl_(ttl) {}

  std::vector<Row> epoch(std::int64_t now, std::int64_t late, std::int64_t watermark,
                         const std::vector<Row>& rows) {
    now_ = now;
    ++epoch_;
    answers_.clear();
    std::map<std::string, std::vector<const Row*>> by_user;
    for (const Row& row : rows) {
      if (mode_ == TimeMode::event_time && row[4].integer() <= late * 1000) continue;
      by_user[row[0].text()].push_back(&row);
    }
    for (const auto& [user, list] : by_user) {
      for (const Row* row : list) run(user, *row);
    }
    if (mode_ != TimeMode::none) {
      fire(mode_ == TimeMode::processing_time ? now : watermark);
    }
    for (auto& [user, key] : keys_) expire(key);
    std::erase_if(keys_, [](const auto& entry) { return entry.second.empty(); });
    return answers_;
  }

  std::uint64_t entries() const {
    std::uint64_t sum = 0;
    for (const auto& [user, key] : keys_) {
      std::set<std::int64_t> runs;
      for (const Cell& cell : key.list) runs.insert(cell.epoch);
      sum += (key.value ? 1 : 0) + runs.size() + key.map.size() + key.timers.size();
    }
    return sum;
  }
  std::int64_t next() const {
    std::int64_t time = GroupTimes::never;
    for (const auto& [user, key] : keys_) {
      if (key.value) time = std::min(time, key.value->expiry);
      for (const Cell& cell : key.list) time = std::min(time, cell.expiry);
      for (const auto& [name, cell] : key.map) time = std::min(time, cell.expiry);
      if (!key.timers.empty()) time = std::min(time, *key.timers.begin());
    }
    return time;
  }

 private:
  Cell made(std::int64_t n) const { return {n, ttl_ ? now_ + *ttl_ : GroupTimes::never, epoch_}; }
  bool seen(const Cell& cell) const { return now_ < cell.expiry; }
  void expire(Key& key) const {
    if (key.value && !seen(*key.value)) key.value.reset();
    std::erase_if(key.list, [this](const Cell& cell) { return !seen(cell); });
    std::erase_if(key.map, [this](const auto& entry) { return !seen(entry.second); });
  }
  void answer(const std::string& user, std::string text) {
    answers_.push_back({user, std::move(text)});
  }
  static std::string times(const std::set<std::int64_t>& timers) {
    std::string text;
    for (const auto time : timers) text += " " + std::to_string(time);
    return text;
  }

  void run(const std::string& user, const Row& row) {
    Key& key = keys_[user];
    const auto& op = row[1].text();
    const auto n = row[3].integer();
    expire(key);
    if (op == "v=") key.value = made(n);
    if (op == "v!") key.value.reset();
    if (op == "v?") answer(user, "v" + (key.value ? " " + std::to_string(key.value->n) : ""));
    if (op == "l+") key.list.push_back(made(n));
    if (op == "lput") key.list = {made(n), made(n + 1)};
    if (op == "l!") key.list.clear();
    if (op == "m=") key.map.insert_or_assign(row[2].integer(), made(n));
    if (op == "m-") key.map.erase(row[2].integer());
    if (op == "m!") key.map.clear();
    if (op == "t+") key.timers.insert(n);
    if (op == "t-") key.timers.erase(n);
    if (op == "t?") answer(user, "t" + times(key.timers));
    std::string text;
    if (op == "l?") {
      for (const Cell& cell : key.list) text += " " + std::to_string(cell.n);
      answer(user, "l" + text);
    }
    if (op == "m?") {
      for (const auto& [name, cell] : key.map) {
        text += " " + std::to_string(name) + ":" + std::to_string(cell.n);
      }
      answer(user, "m" + text);
    }
  }

  void fire(std::int64_t limit) {
    std::set<std::pair<std::int64_t, std::string>> due;
    for (const auto& [user, key] : keys_) {
      for (const auto time : key.timers) {
        if (time <= limit) due.insert({time, user});
      }
    }
    std::set<std::pair<std::int64_t, std::string>> registered;
    for (const auto& one : due) {
      const auto& [time, user] = one;
      Key& key = keys_[user];
      if (!key.timers.contains(time) || registered.contains(one)) continue;
      answer(user, "fired " + std::to_string(time) + " of" + times(key.timers));
      if (time % 10 == 4) {
        key.timers.insert(time + 3);
        registered.insert({time + 3, user});
      }
      if (time % 10 == 5) key = Key{{}, {}, {}, key.timers};
      if (time % 10 == 7 && key.timers.insert(time - 1).second) registered.insert({time - 1, user});
      if (time % 10 == 8) key.timers.erase(time + 1);
      if (time % 10 == 9) key.value = made(time);
      key.timers.erase(time);
    }
  }

  TimeMode mode_;
  std::optional<std::int64_t> ttl_;
  std::int64_t now_ = 0;
  std::int64_t epoch_ = 0;
  std::map<std::string, Key> keys_;
  std::vector<Row> answers_;
};

class Case {
 public:
  explicit Case(std::uint64_t seed) : random_(seed) {}

  void run() {
    const TimeMode mode = modes[below(3)];
    mode_none_ = mode == TimeMode::none;
    std::optional<std::int64_t> ttl;
    if (mode == TimeMode::processing_time && below(3) > 0) ttl = 1 + below(25);
    const auto partitions = static_cast<std::uint32_t>(1 + below(4));
    TransformTest test(
        mode, Script{ttl ? std::optional(std::chrono::milliseconds(*ttl)) : std::nullopt},
        {.partitions = partitions, .restart_always = below(5) == 0, .refuse = below(2) == 0});
    Model model(mode, ttl);
    std::int64_t watermark = 0;
    const auto epochs = 2 + below(9);
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      CAPTURE(epoch);
      const std::int64_t late = watermark;
      now_ += below(12);
      if (below(2) == 0) watermark += below(20);
      const auto rows = commands(mode == TimeMode::event_time ? watermark : now_);
      const auto expected = model.epoch(now_, late, watermark, rows);
      REQUIRE(test.epoch(now_, rows, watermark) == text(test.plan().schema, expected));
      REQUIRE(test.test->metrics().state_rows == model.entries());
      if (mode == TimeMode::processing_time) {
        REQUIRE(test.test->metrics().next_epoch_milliseconds.value_or(GroupTimes::never) ==
                model.next());
      }
      if (below(4) == 0) test.test->restart(static_cast<std::uint32_t>(1 + below(4)));
    }
  }

 private:
  static constexpr TimeMode modes[] = {TimeMode::none, TimeMode::processing_time,
                                       TimeMode::event_time};
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }
  std::vector<Row> commands(std::int64_t time) {
    static const std::vector<std::string> ops{"v=", "v!", "v?", "l+", "l+", "lput", "l!", "l?",
                                              "m=", "m=", "m-", "m!", "m?", "t+",   "t+", "t-"};
    std::vector<Row> rows;
    const auto count = below(3) == 0 ? 0 : below(14);
    for (std::int64_t i = 0; i < count; ++i) {
      auto op = ops[static_cast<std::size_t>(below(static_cast<std::int64_t>(ops.size())))];
      const bool timer = op[0] == 't';
      if (timer && mode_none_) op = "v?";
      const auto n = timer ? std::max<std::int64_t>(0, time - 5 + below(25)) : below(100);
      rows.push_back(command(std::string(1, static_cast<char>('a' + below(5))), op, n, below(4),
                             time - 3 + below(9)));
    }
    return rows;
  }

  std::mt19937_64 random_;
  std::int64_t now_ = 0;
  bool mode_none_ = false;  ///< timers are refused then
};

}  // namespace

TEST_CASE("random commands do what a plain loop does, with restarts and partitions") {
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    CAPTURE(seed);
    Case(seed).run();
  }
}
