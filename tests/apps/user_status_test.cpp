// The example of users' statuses with a clock that stands still: both kinds of timeout.
#include "user_status/user_status.hpp"

#include "../actors/manual_clock.hpp"

#include <doctest/doctest.h>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t minute = 60'000;

struct Statuses {
  explicit Statuses(GroupTimeout timeout) {
    SessionOptions options;
    options.threads = 1;
    options.environment.clock = clock;
    session = std::make_unique<Session>(options);
    const auto rows =
        session->read_stream().memory(actions).with_watermark("time", std::chrono::minutes(10));
    query = user_status::latest_statuses(rows, timeout)
                .select("user", "actions", "active")
                .write_stream()
                .output_mode(OutputMode::update)
                .memory(output)
                .start();
  }
  ~Statuses() { query->stop(); }
  std::string at(std::int64_t now_minutes) {
    output.clear();
    clock->set(now_minutes * minute);
    query->process_all_available();
    return output.text();
  }
  void act(const std::string& user, const std::string& action, std::int64_t minutes) {
    actions.add({{user, action, minutes * minute * 1000}});
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(1000 * minute);
  MemoryStream actions{"user string, action string, time timestamp"};
  MemoryTable output;
  std::unique_ptr<Session> session;
  std::optional<Query> query;
};

}  // namespace

TEST_CASE("a user without actions becomes inactive after half an hour of the clock") {
  Statuses statuses(GroupTimeout::processing_time);
  MemoryStream::add_together({{statuses.actions, {{"ada", "look", std::int64_t{0}}}},
                              {statuses.actions, {{"bob", "login", std::int64_t{0}}}}});
  CHECK(statuses.at(1000) == "ada 1 true | bob 1 true");
  statuses.act("ada", "buy", 1);
  CHECK(statuses.at(1020) == "ada 2 true");
  CHECK(statuses.at(1030) == "");  // bob's time is reached, not over
  CHECK(statuses.at(1031) == "bob 1 false");
  statuses.act("bob", "login", 1);
  CHECK(statuses.at(1032) == "bob 1 true");  // anew
  CHECK(statuses.at(1051) == "ada 2 false");
}

TEST_CASE("a user without actions becomes inactive once the watermark is half an hour further") {
  Statuses statuses(GroupTimeout::event_time);
  statuses.act("ada", "look", 100);
  CHECK(statuses.at(1000) == "ada 1 true");  // the watermark: 90
  statuses.act("ada", "old", 95);
  CHECK(statuses.at(5000) == "ada 2 true");  // the clock counts for nothing
  statuses.act("ada", "late", 89);
  CHECK(statuses.at(5001) == "");
  statuses.act("bob", "login", 140);  // the watermark: 130, ada's time is reached
  CHECK(statuses.at(5002) == "bob 1 true");
  statuses.act("bob", "buy", 141);
  CHECK(statuses.at(5003) == "ada 2 false | bob 2 true");
}
