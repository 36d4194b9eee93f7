// Joins of streams as whole queries: how long rows are kept, when rows without a match come out,
// and where late rows go.
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <optional>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t hour = 3'600'000'000;

Row at(const char* ad, double hours) {
  return {Value(ad), Value(static_cast<std::int64_t>(hours * static_cast<double>(hour)))};
}

/// The notes' query: impressions up to 2 h late, clicks up to 3 h late, a click within an hour.
class Ads {
 public:
  Ads(const char* policy, JoinType type, std::uint32_t partitions = 3)
      : session_({.threads = 2, .io_threads = 1, .partitions = partitions}),
        impressions_("ad string, impressionTime timestamp"),
        clicks_("clickAd string, clickTime timestamp") {
    const auto clicks = session_.read_stream().memory(clicks_).with_watermark("clickTime", 3h);
    auto writer =
        session_.read_stream()
            .memory(impressions_)
            .with_watermark("impressionTime", 2h)
            .join(clicks,
                  "clickAd = ad AND clickTime >= impressionTime AND clickTime <= impressionTime + "
                  "INTERVAL 1 HOUR",
                  type)
            .write_stream();
    writer.option("watermarkPolicy", policy).memory(output_).late_rows(memory_sink(late_));
    query_.emplace(writer.start());
  }

  void add(std::vector<Row> impressions, std::vector<Row> clicks) {
    output_.clear();
    late_.clear();
    std::vector<std::pair<MemoryStream, std::vector<Row>>> together;
    if (!impressions.empty()) together.emplace_back(impressions_, std::move(impressions));
    if (!clicks.empty()) together.emplace_back(clicks_, std::move(clicks));
    MemoryStream::add_together(together);
    query_->process_all_available();
  }
  std::uint64_t epoch() const { return number(query_->last_progress()->epoch); }
  std::string rows() const { return output_.text(); }
  std::string rows_of(std::uint64_t epoch) const {
    return std::to_string(output_.rows_of(Epoch{epoch}).size());
  }
  std::string late() const { return late_.text(); }

 private:
  Session session_;
  MemoryStream impressions_;
  MemoryStream clicks_;
  MemoryTable output_;
  MemoryTable late_;
  std::optional<Query> query_;
};

/// Both clocks go on together, a minute behind each full half hour, with rows that match nothing:
/// after how many hours is the row of 10:00 dropped, which is when it comes out padded?
double hours_kept(const char* policy, bool impression) {
  Ads ads(policy, JoinType::full_outer);
  if (impression) {
    ads.add({at("a", 10)}, {});
  } else {
    ads.add({}, {at("a", 10)});
  }
  for (double clock = 10; clock < 16; clock += 0.5) {
    ads.add({at("x", clock + 1.0 / 60)}, {at("y", clock + 1.0 / 60)});
    if (ads.rows().find("a 1970-01-01T10:00:00Z") != std::string::npos) return clock - 10;
  }
  return -1;
}

}  // namespace

TEST_CASE("With equal clocks impressions are kept 4 h and clicks 3 h; by the fastest 3 h and 2 h") {
  CHECK(hours_kept("min", true) == 4);
  CHECK(hours_kept("min", false) == 3);
  CHECK(hours_kept("max", true) == 3);
  CHECK(hours_kept("max", false) == 2);
}

TEST_CASE("By the watermark of the other side alone impressions are kept 4 h and clicks 2 h") {
  CHECK(hours_kept("perSide", true) == 4);
  CHECK(hours_kept("perSide", false) == 2);
}

TEST_CASE(
    "By watermarkPolicy perSide a side is late by its own watermark, and drops by the other's") {
  Ads ads("perSide", JoinType::full_outer);
  // Impressions are at 20:00, their watermark at 18:00; clicks are at 10:00, theirs at 7:00.
  ads.add({at("a", 20)}, {at("b", 10)});
  CHECK(ads.rows() == "null null b 1970-01-01T10:00:00Z");  // No impression before 18:00 comes.
  ads.add({at("old", 18), at("new", 18.5)}, {at("late", 7), at("c", 7.5), at("d", 18.2)});
  CHECK(ads.late() == "null null late 1970-01-01T07:00:00Z | old 1970-01-01T18:00:00Z null null");
  // The click of 7:30 had come too late for any impression, but not for its own clock.
  CHECK(ads.rows() == "null null c 1970-01-01T07:30:00Z");
  // The clicks' watermark at 20:30 passes the impression of 18:30 and an hour, not the one of
  // 20:00.
  ads.add({}, {at("z", 23.5)});
  CHECK(ads.rows() == "new 1970-01-01T18:30:00Z null null");
}

TEST_CASE("explain() says whose watermark it is where the policy is perSide") {
  Session session({.threads = 1, .io_threads = 1, .partitions = 1});
  const MemoryStream left("a string, at timestamp");
  const MemoryStream right("b string, bt timestamp");
  const auto joined = session.read_stream().memory(left).with_watermark("at", 2h).join(
      session.read_stream().memory(right).with_watermark("bt", 3h),
      "a = b AND bt BETWEEN at AND at + INTERVAL 1 HOUR");
  auto writer = joined.write_stream();
  writer.option("watermarkPolicy", "perSide").none();
  const auto text = writer.explain();
  CAPTURE(text);
  CHECK(text.find("it is the watermark of the right side; late by at and the watermark of the left "
                  "side") != std::string::npos);
  CHECK(text.find("it is the watermark of the left side; late by bt and the watermark of the right "
                  "side") != std::string::npos);
}

TEST_CASE("watermarkPolicy perSide is refused where it has no meaning") {
  const auto message = [](SessionOptions options, const auto& set) {
    Session session(options);
    auto writer = session.read_stream()
                      .memory(MemoryStream("a string, at timestamp"))
                      .with_watermark("at", 2h)
                      .write_stream();
    writer.option("watermarkPolicy", "perSide").none();
    set(writer);
    try {
      writer.start().stop();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const SessionOptions one{.threads = 1, .io_threads = 1, .partitions = 1};
  auto strict = one;
  strict.strict = true;
  const auto nothing = [](DataStreamWriter&) {};
  CHECK(message(strict, nothing).find("watermarkPolicy perSide is an extension") !=
        std::string::npos);
  CHECK(message(one, [](auto& w) {
          w.option("idleTimeout", "1 minute");
        }).find("cannot be with watermarkPolicy perSide") != std::string::npos);
  CHECK(
      message(one, [](auto& w) {
        w.event_time(EventTimeRule::per_source_partition);
      }).find("watermarkPolicy perSide goes by the watermark of each stream") != std::string::npos);
  CHECK(message(one, nothing) == "");
}

TEST_CASE(
    "An impression without a click comes out in the empty epoch behind the watermark's rise") {
  for (const auto* policy : {"min", "max"}) {
    CAPTURE(policy);
    Ads ads(policy, JoinType::left_outer);
    ads.add({at("a", 10), at("b", 10)}, {at("a", 10.5)});
    CHECK(ads.rows_of(0) == "1");
    const auto due = policy == std::string("min") ? 4.0 : 3.0;
    // At the bound itself a click of 11:00 may still come.
    ads.add({at("c", 10 + due)}, {at("z", 10 + due)});
    CHECK(ads.rows() == "");
    ads.add({at("d", 10 + due + 0.01)}, {at("y", 10 + due + 0.01)});
    const auto last = ads.epoch();
    CHECK(ads.rows_of(last - 1) == "0");
    CHECK(ads.rows_of(last) == "1");
    CHECK(ads.rows() == "b 1970-01-01T10:00:00Z null null");
  }
}

TEST_CASE("Late rows of either side go to the late output, with nulls for the other side") {
  Ads ads("max", JoinType::full_outer);
  ads.add({at("a", 20)}, {at("b", 20)});
  ads.add({at("old", 1)}, {at("older", 2)});
  CHECK(ads.late() == "null null older 1970-01-01T02:00:00Z | old 1970-01-01T01:00:00Z null null");
  CHECK(ads.rows() == "");
}
