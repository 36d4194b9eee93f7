// Restarts over one checkpoint with another watermarkPolicy. Times are seconds.
#include "query_support.hpp"

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

std::vector<Row> at(const std::vector<std::int64_t>& times) {
  std::vector<Row> rows;
  for (const auto time : times) rows.push_back({"x", time * 1'000'000});
  return rows;
}

std::string seconds_of(const MemoryTable& late) {
  std::string text;
  for (const Row& row : late.rows()) {
    text += (text.empty() ? "" : " ") + std::to_string(row[1].integer() / 1'000'000);
  }
  return text;
}

/// Counts per window of 10 s over two united streams, each with a watermark of its own.
class United {
 public:
  void start(const char* policy) {
    if (query_) query_->stop();
    session_.emplace(SessionOptions{.threads = 2, .io_threads = 1, .partitions = 2});
    const auto side = [&](const MemoryStream& input) {
      return session_->read_stream().memory(input).with_watermark("ts", 0s);
    };
    auto writer = side(left_)
                      .union_all(side(right_))
                      .group_by(window("ts", 10s).as("w"))
                      .agg(count().as("n"))
                      .select(expr("unix_micros(w.start) / 1000000").as("s"), col("n"))
                      .write_stream();
    writer.option("watermarkPolicy", policy)
        .memory(output_)
        .late_rows(memory_sink(late_))
        .checkpoint(checkpoint_);
    query_.emplace(writer.start());
  }
  /// What comes out.
  std::string add(const std::vector<std::int64_t>& left, const std::vector<std::int64_t>& right) {
    output_.clear();
    late_.clear();
    std::vector<std::pair<MemoryStream, std::vector<Row>>> rows;
    if (!left.empty()) rows.emplace_back(left_, at(left));
    if (!right.empty()) rows.emplace_back(right_, at(right));
    MemoryStream::add_together(rows);
    query_->process_all_available();
    return output_.text();
  }
  std::string late() const { return seconds_of(late_); }

 private:
  MemoryStream left_{"k string, ts timestamp"};
  MemoryStream right_{"k string, ts timestamp"};
  MemoryTable output_;
  MemoryTable late_;
  std::shared_ptr<CheckpointRoot> checkpoint_ = memory_root();
  std::optional<Session> session_;
  std::optional<Query> query_;
};

}  // namespace

TEST_CASE("A restart with another watermarkPolicy goes by the new one; the watermark never falls") {
  United query;
  query.start("min");
  CHECK(query.add({100}, {20}) == "");

  query.start("max");
  // The first epoch uses the watermark that the last decision gives, 20; what follows it is 100.
  CHECK(query.add({}, {50}) == "20.0 1 | 50.0 1");
  CHECK(query.late() == "");
  CHECK(query.add({}, {60}) == "");
  CHECK(query.late() == "60");

  query.start("min");
  // The least is 95 now, but rows at or before 100 stay late.
  CHECK(query.add({105}, {95}) == "");
  CHECK(query.late() == "95");
  CHECK(query.add({}, {130}) == "");
  CHECK(query.add({115}, {}) == "100.0 2");
}

TEST_CASE("A restart with watermarkPolicy perSide begins with the joint watermark on each side") {
  United query;
  query.start("max");
  CHECK(query.add({100}, {20}) == "20.0 1");

  query.start("perSide");
  // Right rows up to 100 were late by the policy before, and are not taken again.
  CHECK(query.add({150}, {60}) == "");
  CHECK(query.late() == "60");
  CHECK(query.add({}, {130}) == "100.0 1");
  // Windows over both go by the least of the sides.
  CHECK(query.add({}, {170}) == "130.0 1");

  query.start("min");
  CHECK(query.add({160}, {}) == "150.0 1");
}

TEST_CASE("A join of streams does not start by watermarkPolicy perSide over the state of another") {
  const auto checkpoint = memory_root();
  const MemoryStream left("a string, at timestamp");
  const MemoryStream right("b string, bt timestamp");
  const auto start = [&](const char* policy) {
    Session session({.threads = 1, .io_threads = 1, .partitions = 1});
    auto writer = session.read_stream()
                      .memory(left)
                      .with_watermark("at", 2h)
                      .join(session.read_stream().memory(right).with_watermark("bt", 3h),
                            "a = b AND bt BETWEEN at AND at + INTERVAL 1 HOUR")
                      .write_stream();
    writer.option("watermarkPolicy", policy).none().checkpoint(checkpoint);
    writer.start().stop();
  };
  start("min");
  start("max");
  try {
    start("perSide");
    FAIL("the state of the join lacks other rows by perSide");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::incompatible);
  }
  start("min");
}
