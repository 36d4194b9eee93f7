// Typical mistakes that show when a query starts or runs: one message, which names the thing and
// the way out.
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>

using namespace libstream;

namespace {

struct Bid {
  std::int64_t auction = 0;
  std::string bidder;
  double price = 0;
};
BOOST_DESCRIBE_STRUCT(Bid, (), (auction, bidder, price))
struct Misspelt {
  std::int64_t acution = 0;
};
BOOST_DESCRIBE_STRUCT(Misspelt, (), (acution))
struct WrongType {
  std::int32_t auction = 0;
};
BOOST_DESCRIBE_STRUCT(WrongType, (), (auction))
struct Count {
  std::int64_t rows = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (rows))

/// The error of a query over one bid of an unknown bidder.
std::string error_of(const std::function<DataStream(const DataStream&)>& build,
                     OutputMode mode = OutputMode::append) {
  Session session({.threads = 1, .partitions = 1});
  MemoryStream input("auction bigint, bidder string, price double, time timestamp");
  input.add({{1, nullptr, 2.5, std::int64_t{0}}});
  MemoryTable output;
  try {
    build(session.read_stream().memory(input))
        .write_stream()
        .output_mode(mode)
        .trigger(Trigger::available_now())
        .memory(output)
        .start()
        .await_termination();
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(std::count(message.begin(), message.end(), '\n') < 10);
    return message;
  }
  return "no error";
}

void check_names(const std::string& message, const std::string& part) {
  CAPTURE(message);
  CHECK(message.find(part) != message.npos);
}

using Rows = std::span<const Bid>;

/// Counts by auction, with what `touch` does to the state.
template <class Touch>
DataStream counted(const DataStream& stream, GroupTimeout timeout, Touch touch) {
  return stream.where("bidder is null")
      .with_column("bidder", lit("ada"))
      .as<Bid>()
      .group_by_key<std::int64_t>("auction")
      .template map_groups_with_state<Count>(
          timeout,
          [touch](std::int64_t, Rows rows, GroupState<Count>& state) {
            touch(state);
            return Count{static_cast<std::int64_t>(rows.size())};
          })
      .to_stream();
}

constexpr auto nothing = [](GroupState<Count>&) {};

}  // namespace

TEST_CASE("A field without a column") {
  check_names(error_of([](const DataStream& s) { return s.as<Misspelt>().to_stream(); }),
              "Misspelt.acution has no column \"acution\"; did you mean auction");
}

TEST_CASE("A field of another type than the column") {
  check_names(
      error_of([](const DataStream& s) { return s.as<WrongType>().to_stream(); }),
      "WrongType.auction is int in C++, but the column is bigint (cast the column or change "
      "the field)");
}

TEST_CASE("A null for a field that is no std::optional") {
  check_names(error_of([](const DataStream& s) {
                return s.as<Bid>().filter([](const Bid&) { return true; }).to_stream();
              }),
              "Bid.bidder: a null came for a field that cannot hold one; make the field a "
              "std::optional or filter the nulls out before");
}

TEST_CASE("A key column that is not there") {
  check_names(error_of(
                  [](const DataStream& s) {
                    return s.drop({"bidder"})
                        .as<Count>()
                        .group_by_key<std::int64_t>("auktion")
                        .map_groups_with_state<Count>(GroupTimeout::none,
                                                      [](std::int64_t, std::span<const Count>,
                                                         GroupState<Count>&) { return Count{}; })
                        .to_stream();
                  },
                  OutputMode::update),
              "\"auktion\"");
}

TEST_CASE("A timeout by event time without a watermark") {
  check_names(
      error_of([](const DataStream& s) { return counted(s, GroupTimeout::event_time, nothing); },
               OutputMode::update),
      "map_groups_with_state with GroupTimeout::event_time needs a watermark");
}

TEST_CASE("A timeout of the other kind") {
  check_names(error_of(
                  [](const DataStream& s) {
                    return counted(s, GroupTimeout::processing_time, [](GroupState<Count>& state) {
                      state.set_timeout_timestamp(GroupTimes::TimePoint());
                    });
                  },
                  OutputMode::update),
              "set_timeout_timestamp");
  check_names(error_of(
                  [](const DataStream& s) {
                    return counted(s, GroupTimeout::none, [](GroupState<Count>& state) {
                      state.set_timeout_duration("1 minute");
                    });
                  },
                  OutputMode::update),
              "set_timeout_duration");
}

TEST_CASE("State that is read without a test whether it exists") {
  check_names(error_of(
                  [](const DataStream& s) {
                    return counted(s, GroupTimeout::none,
                                   [](GroupState<Count>& state) { (void)state.get(); });
                  },
                  OutputMode::update),
              "at key [1]");
}

TEST_CASE("An output mode that the operator on groups does not allow") {
  check_names(error_of([](const DataStream& s) { return counted(s, GroupTimeout::none, nothing); }),
              "map_groups_with_state");
}

TEST_CASE("A function of expression text that nobody registered") {
  check_names(error_of([](const DataStream& s) { return s.select(expr("score(price)")); }),
              "there is no function score");
}

TEST_CASE("A function with arguments that do not fit") {
  const auto score = udf("score", [](std::int64_t auction) { return auction; });
  check_names(
      error_of([&](const DataStream& s) { return s.select(score("bidder")); }),
      "score does not take (string): argument 1 is string where bigint is needed; write a cast");
  check_names(error_of([&](const DataStream& s) { return s.select(score()); }),
              "score takes 1 argument(s), not 0");
}

TEST_CASE("An aggregate of the user's own outside an aggregation") {
  struct Total {
    double zero() const { return 0; }
    void reduce(double& sum, double value) const { sum += value; }
    void merge(double& sum, double other) const { sum += other; }
    double finish(double sum) const { return sum; }
  };
  const auto total = udaf("total", Total{});
  check_names(error_of([&](const DataStream& s) { return s.where(total("price") > 2.0); }),
              "total(price)");
}

TEST_CASE("A name for the state of an operator that keeps none") {
  check_names(error_of([](const DataStream& s) { return s.as<Bid>().to_stream().named("x"); }),
              "keeps no state");
}
