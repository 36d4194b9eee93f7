// Sliding windows through the whole engine: in panes and expanded they give the same rows, and
// aggregates that follow the order of rows are expanded by themselves. Numbers are seconds.
#include "query_support.hpp"

#include <random>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::string_view schema = "k string, v bigint, ts timestamp";

/// A query that one can stop and start again, with its choice of how windows are worked out.
class Sliding {
 public:
  Sliding(Build build, OutputMode mode, std::string choice)
      : build_(std::move(build)), mode_(mode), choice_(std::move(choice)), input_(schema) {}

  void start(std::uint32_t partitions) {
    query_.reset();
    session_.reset();
    session_.emplace(SessionOptions{.threads = 2, .io_threads = 1, .partitions = partitions});
    auto writer = build_(session_->read_stream().memory(input_)).write_stream();
    query_.emplace(writer.output_mode(mode_)
                       .option("slidingWindows", choice_)
                       .checkpoint(root_)
                       .memory(output_)
                       .start());
  }
  void stop() { query_->stop(); }
  std::string epoch(const std::vector<Row>& rows) {
    output_.clear();
    std::vector<std::pair<MemoryStream, std::vector<Row>>> added;
    for (const Row& row : rows) added.emplace_back(input_, std::vector<Row>{row});
    MemoryStream::add_together(added);
    query_->process_all_available();
    return std::to_string(number(query_->last_progress()->epoch)) + ": " + output_.text();
  }

 private:
  Build build_;
  OutputMode mode_;
  std::string choice_;
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  MemoryStream input_;
  MemoryTable output_;
  std::optional<Session> session_;
  std::optional<Query> query_;
};

std::string refusal(std::string choice, bool strict) {
  Session session{{.strict = strict}};
  MemoryStream input(schema);
  MemoryTable output;
  try {
    session.read_stream()
        .memory(input)
        .group_by(window("ts", "4 seconds", "2 seconds"))
        .count()
        .write_stream()
        .output_mode(OutputMode::update)
        .option("slidingWindows", choice)
        .memory(output)
        .start();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("sliding windows in panes and expanded give the same rows in the same epochs") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::int64_t limit) {
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
    };
    static constexpr OutputMode modes[] = {OutputMode::append, OutputMode::update,
                                           OutputMode::complete};
    const OutputMode mode = modes[below(3)];
    const bool chained = mode == OutputMode::append && below(2) == 0;
    const std::int64_t slide = 1 + below(6);
    const std::int64_t size = slide + 1 + below(below(3) == 0 ? 60 : 12);
    const std::int64_t delay = below(8);
    const Build build = [=](const DataStream& stream) {
      auto counts =
          stream.with_watermark("ts", std::chrono::seconds(delay))
              .group_by(
                  window("ts", std::chrono::seconds(size), std::chrono::seconds(slide)).as("w"),
                  "k")
              .agg(count().as("n"), sum("v").as("s"), expr("max(v) AS m"), expr("median(v) AS d"));
      if (!chained) return counts;
      return counts
          .group_by(window("w", std::chrono::seconds(3 * size), std::chrono::seconds(size)).as("w"))
          .agg(count().as("windows"), sum("n").as("n"));
    };
    Sliding panes(build, mode, "panes");
    Sliding expanded(build, mode, "expanded");
    std::int64_t now = 10;
    for (int start = 0; start < 3; ++start) {
      static constexpr std::uint32_t counts[] = {1, 3, 8};
      const auto partitions = counts[below(3)];
      panes.start(partitions);
      expanded.start(partitions);
      for (int epoch = 0; epoch < 3; ++epoch) {
        std::vector<Row> rows;
        for (std::int64_t i = below(8); i >= 0; --i) {
          const Value time = below(12) == 0 ? Value() : Value((now + below(20) - 14) * second);
          rows.push_back({std::string(1, static_cast<char>('a' + below(3))), below(100), time});
        }
        now += below(size + 4);
        REQUIRE(panes.epoch(rows) == expanded.epoch(rows));
      }
      panes.stop();
      expanded.stop();
    }
  }
}

TEST_CASE("aggregates that follow the order of rows do so over sliding windows") {
  const auto text = QueryTest(
                        schema,
                        [](const DataStream& stream) {
                          return stream.group_by(window("ts", "4 seconds", "2 seconds").as("w"))
                              .agg(expr("first(v) AS f"), expr("last(v) AS l"),
                                   expr("collect_list(v) AS list"), expr("max_by(k, 1) AS by"))
                              .select(expr("unix_micros(w.start) / 1000000 AS s"), col("f"),
                                      col("l"), col("list"), col("by"));
                        },
                        OutputMode::complete)
                        .epoch({{"a", 1, 5 * second},
                                {"b", 2, 3 * second},
                                {"c", 3, 4 * second},
                                {"d", 4, 2 * second}});
  // In the order of arrival, whatever the times.
  CHECK(text == "0.0 2 4 [2, 4] d | 2.0 1 4 [1, 2, 3, 4] d | 4.0 1 3 [1, 3] c");
}

TEST_CASE("the option of sliding windows names its values") {
  CHECK(refusal("Panes", false) == "accepted");
  CHECK(refusal("expanded", true) == "accepted");
  CHECK(refusal("both", false).find("slidingWindows is \"both\", but can be panes or expanded") !=
        std::string::npos);
  CHECK(refusal("panes", true).find("strict mode: option slidingWindows") != std::string::npos);
}
