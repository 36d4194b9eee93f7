#include "queries.hpp"

#include "join_queries.hpp"
#include "static_queries.hpp"

#include <libstream/error.hpp>

#include <functional>
#include <map>

// What each query asks: the SQL of nexmark/nexmark in the fluent API. Windows come out as their
// start and end.
namespace libstream::apps {
namespace {

using Streams = std::vector<DataStream>;

struct Known {
  std::vector<std::string> streams;
  std::function<NexmarkQuery(const Streams&)> make;
};

/// The delay of the original's watermark.
DataStream with_event_time(const DataStream& bids) {
  return bids.with_watermark("dateTime", "4 seconds");
}

Expression start_of_window() { return col("window.start").as("starttime"); }
Expression end_of_window() { return col("window.end").as("endtime"); }

NexmarkQuery q0(const DataStream& bids) {
  return {bids.select("auction", "bidder", "price", "dateTime", "extra")};
}

NexmarkQuery q1(const DataStream& bids) {
  return {
      bids.select("auction", "bidder", (col("price") * 0.908).as("price"), "dateTime", "extra")};
}

NexmarkQuery q2(const DataStream& bids) {
  return {bids.where(col("auction") % 123 == 0).select("auction", "price")};
}

/// Hot items: the auctions with the most bids of the last 10 s, every 2 s.
NexmarkQuery q5(const DataStream& bids) {
  return {with_event_time(bids)
              .group_by(window("dateTime", "10 seconds", "2 seconds"), "auction")
              .agg(count().as("num"))
              .top_n(1, {col("num").desc()}, {"window"}, Ties::keep)
              .select(col("auction"), col("num"), start_of_window(), end_of_window())};
}

/// The highest bids of each 10 s.
NexmarkQuery q7(const DataStream& bids) {
  return {with_event_time(bids)
              .top_n(1, {col("price").desc()}, {window("dateTime", "10 seconds")}, Ties::keep)
              .select("auction", "price", "bidder", "dateTime", "extra")};
}

/// Bids of each bidder's sessions.
NexmarkQuery q11(const DataStream& bids) {
  return {with_event_time(bids)
              .group_by(session_window("dateTime", "10 seconds").as("window"), "bidder")
              .agg(count().as("bid_count"))
              .select(col("bidder"), col("bid_count"), start_of_window(), end_of_window())};
}

/// Bids of each bidder in 10 s of processing time.
NexmarkQuery q12(const DataStream& bids) {
  return {bids.group_by(window(expr("current_timestamp()"), "10 seconds"), "bidder")
              .agg(count().as("bid_count"))
              .select(col("bidder"), col("bid_count"), start_of_window(), end_of_window()),
          OutputMode::update};
}

Expression rank_1() { return col("price") < 10'000; }
Expression rank_2() { return col("price") >= 10'000 && col("price") < 1'000'000; }
Expression rank_3() { return col("price") >= 1'000'000; }

std::vector<Expression> counts_by_rank() {
  return {count().as("total_bids"), count().filter(rank_1()).as("rank1_bids"),
          count().filter(rank_2()).as("rank2_bids"), count().filter(rank_3()).as("rank3_bids")};
}

/// Bids, bidders and auctions, all and by price.
std::vector<Expression> distinct_counts() {
  auto list = counts_by_rank();
  for (const std::string name : {"bidder", "auction"}) {
    const auto distinct = expr("count(DISTINCT " + name + ")");
    list.push_back(distinct.as("total_" + name + "s"));
    list.push_back(distinct.filter(rank_1()).as("rank1_" + name + "s"));
    list.push_back(distinct.filter(rank_2()).as("rank2_" + name + "s"));
    list.push_back(distinct.filter(rank_3()).as("rank3_" + name + "s"));
  }
  return list;
}

DataStream by_day(const DataStream& bids) {
  return bids.with_column("day", col("dateTime").cast("date"));
}

/// Bids with the row of a static table.
NexmarkQuery side_input(const DataStream& bids) { return {q13(bids)}; }

NexmarkQuery q15(const DataStream& bids) {
  return {by_day(bids).group_by("day").agg(distinct_counts()), OutputMode::update};
}

/// The same for each channel, and the minute of its last bid.
NexmarkQuery q16(const DataStream& bids) {
  auto aggregates = distinct_counts();
  // As text the latest minute is the largest too; it is made once a group, not once a bid.
  const auto latest = [](const std::string& per) {
    return "max(hour(dateTime) * 60 + minute(dateTime)) " + per;
  };
  aggregates.push_back(expr("concat(lpad(cast(" + latest("div 60") + " AS string), 2, '0'), ':', " +
                            "lpad(cast(" + latest("% 60") + " AS string), 2, '0'))")
                           .as("minute"));
  return {by_day(bids).group_by("channel", "day").agg(std::move(aggregates)), OutputMode::update};
}

/// Prices of each auction and day.
NexmarkQuery q17(const DataStream& bids) {
  auto aggregates = counts_by_rank();
  aggregates.push_back(min("price").as("min_price"));
  aggregates.push_back(max("price").as("max_price"));
  aggregates.push_back(avg("price").as("avg_price"));
  aggregates.push_back(sum("price").as("sum_price"));
  return {by_day(bids).group_by("auction", "day").agg(std::move(aggregates)), OutputMode::update};
}

/// The last bid of each bidder on each auction.
NexmarkQuery q18(const DataStream& bids) {
  return {bids.top_n(1, {col("dateTime").desc()}, {"bidder", "auction"}), OutputMode::update};
}

/// The ten highest bids of each auction.
NexmarkQuery q19(const DataStream& bids) {
  return {bids.top_n(10, {col("price").desc()}, {"auction"}), OutputMode::update};
}

NexmarkQuery word_count(const DataStream& words) {
  return {words.group_by("word").count(), OutputMode::update};
}

Known over(const std::string& stream, NexmarkQuery (*make)(const DataStream&)) {
  return {{stream}, [make](const Streams& streams) { return make(streams[0]); }};
}

Known joined(const std::string& left, const std::string& right,
             DataStream (*make)(const DataStream&, const DataStream&)) {
  return {{left, right},
          [make](const Streams& streams) { return NexmarkQuery{make(streams[0], streams[1])}; }};
}

const std::map<std::string, Known>& queries() {
  static const std::map<std::string, Known> map = {
      {"q0", over("bids", q0)},
      {"q1", over("bids", q1)},
      {"q2", over("bids", q2)},
      {"q3", joined("auctions", "persons", q3)},
      {"q5", over("bids", q5)},
      {"q7", over("bids", q7)},
      {"q8", joined("persons", "auctions", q8)},
      {"q9", joined("auctions", "bids", q9)},
      {"q11", over("bids", q11)},
      {"q12", over("bids", q12)},
      {"q13", over("bids", side_input)},
      {"q15", over("bids", q15)},
      {"q16", over("bids", q16)},
      {"q17", over("bids", q17)},
      {"q18", over("bids", q18)},
      {"q19", over("bids", q19)},
      {"q20", joined("bids", "auctions", q20)},
      {"wordcount", over("words", word_count)},
  };
  return map;
}

const Known& known(const std::string& name) {
  const auto found = queries().find(name);
  LIBSTREAM_ASSERT(found != queries().end(), "a query that is named is known: " + name);
  return found->second;
}

}  // namespace

const std::vector<std::string>& query_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& [name, query] : queries()) list.push_back(name);
    return list;
  }();
  return names;
}

const std::vector<std::string>& streams_of(const std::string& name) { return known(name).streams; }

NexmarkQuery query_of(const std::string& name,
                      const std::function<DataStream(const std::string&)>& read) {
  Streams streams;
  for (const auto& stream : known(name).streams) streams.push_back(read(stream));
  return known(name).make(streams);
}

bool needs_distinct_events(const std::string& name) {
  return name == "q3" || name == "q9" || name == "q18" || name == "q19" || name == "q20";
}

}  // namespace libstream::apps
