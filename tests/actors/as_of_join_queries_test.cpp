// As-of joins as whole queries: trades with the quote that stood at their time.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

Value at(std::int64_t seconds) { return Value(seconds * 1'000'000); }

}  // namespace

TEST_CASE("Trades get the latest quote before them, also over a restart with other partitions") {
  MemoryStream trades("symbol string, time timestamp, size bigint");
  MemoryStream quotes("symbol string, asked timestamp, bid bigint");
  MemoryTable output;
  MemoryTable late;
  const auto root = memory_root();
  const auto run = [&](std::uint32_t partitions, std::vector<Row> new_trades,
                       std::vector<Row> new_quotes) {
    output.clear();
    late.clear();
    trades.add(std::move(new_trades));
    quotes.add(std::move(new_quotes));
    Session session({.threads = 2, .io_threads = 1, .partitions = partitions});
    const auto right = session.read_stream().memory(quotes).with_watermark("asked", 5s);
    session.read_stream()
        .memory(trades)
        .with_watermark("time", 5s)
        .as_of_join(right, {"symbol"}, "time", "asked", "1 minute")
        .select("symbol", "size", "bid")
        .write_stream()
        .trigger(Trigger::available_now())
        .checkpoint(root)
        .memory(output)
        .late_rows(memory_sink(late))
        .start()
        .await_termination();
    return output.text();
  };
  CHECK(run(1, {{"a", at(100), 1}, {"b", at(100), 2}, {"a", at(110), 3}},
            {{"a", at(90), 10}, {"b", at(101), 20}, {"a", at(104), 11}}) == "");
  // The watermark stood at 99 s and comes to 125 s: the quote of 100 s is in time.
  CHECK(run(3, {{"a", at(130), 4}}, {{"a", at(130), 12}, {"b", at(100), 21}}) ==
        "a 1 10 | a 3 11 | b 2 21");
  // a@130 has its own; b@200 has none within a minute; the quote of 100 s is late.
  CHECK(run(8, {{"a", at(300), 5}, {"b", at(200), 6}}, {{"a", at(300), 13}, {"b", at(100), 22}}) ==
        "a 4 12 | b 6 null");
  CHECK(late.text() == "null null null b 1970-01-01T00:01:40Z 22");
}
