#include "static_join_support.hpp"
#include "temporary_directory.hpp"

using namespace libstream;
using namespace libstream::test;

namespace {

const Schema stream_schema = Schema::parse("id bigint, v string");

JoinPlan by_first_column(JoinType type = JoinType::left_outer) {
  JoinPlan join;
  join.type = type;
  join.left.keys = {0};
  join.right.keys = {0};
  return join;
}

/// Names of countries by number, from JSON files of a directory.
struct Countries {
  TemporaryDirectory directory;
  std::shared_ptr<CountingFiles> files = std::make_shared<CountingFiles>();
  std::shared_ptr<SetClock> clock = std::make_shared<SetClock>();

  void write(const std::string& name, const std::string& text, int time) const {
    directory.write("countries/" + name, text);
    directory.touch("countries/" + name, time);
  }
  void remove(const std::string& name) const {
    std::filesystem::remove(directory.path("countries/" + name));
  }
  DataStream read() const {
    return reader(false).schema("id bigint, name string").json(directory.path("countries"));
  }
  StaticJoinTest joined(const DataStream& table, JoinPlan join = by_first_column()) const {
    return StaticJoinTest(join_of(stream_of(stream_schema), resolved(table), std::move(join)), {},
                          2, environment());
  }
  Environment environment() const {
    Environment environment;
    environment.files = files;
    environment.clock = clock;
    return environment;
  }
};

std::string names(StaticJoinTest& test, std::size_t column = 3) {
  std::string text;
  for (const auto& row : test.epoch({{1, "x"}, {2, "x"}, {3, "x"}})) {
    text += (text.empty() ? "" : " ") + (row[column].is_null() ? "-" : row[column].text());
  }
  return text;
}

using Reads = std::map<std::string, int>;

}  // namespace

TEST_CASE("Files that are added, replaced and removed are seen by the next epoch, each read once") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  c.write("b.json", R"({"id":2,"name":"Cuba"})", 100);
  auto test = c.joined(c.read());
  CHECK(names(test) == "Chad Cuba -");
  CHECK(c.files->take_reads() == Reads{{"a.json", 1}, {"b.json", 1}});
  CHECK(names(test) == "Chad Cuba -");
  CHECK(c.files->take_reads() == Reads{});

  c.write("c.json", R"({"id":3,"name":"Fiji"})", 100);
  CHECK(names(test) == "Chad Cuba Fiji");
  CHECK(c.files->take_reads() == Reads{{"c.json", 1}});
  c.write("b.json", R"({"id":2,"name":"Mali"})", 101);  // same size, another time
  CHECK(names(test) == "Chad Mali Fiji");
  CHECK(c.files->take_reads() == Reads{{"b.json", 1}});
  c.write("b.json", R"({"id":2,"name":"Guinea"})", 101);  // same time, another size
  CHECK(names(test) == "Chad Guinea Fiji");
  CHECK(c.files->take_reads() == Reads{{"b.json", 1}});
  c.remove("a.json");
  CHECK(names(test) == "- Guinea Fiji");
  CHECK(c.files->take_reads() == Reads{});
}

TEST_CASE("cache() keeps what the first epoch saw") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  auto test = c.joined(c.read().cache());
  CHECK(names(test) == "Chad - -");
  c.write("b.json", R"({"id":2,"name":"Cuba"})", 100);
  c.remove("a.json");
  c.clock->steady += 3'600'000'000;
  CHECK(names(test) == "Chad - -");
  // Another run looks afresh.
  auto again = c.joined(c.read().cache());
  CHECK(names(again) == "- Cuba -");
}

TEST_CASE("refresh looks when the interval has passed since the last look") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  auto test = c.joined(c.read().refresh("10 seconds"));
  CHECK(names(test) == "Chad - -");
  c.write("b.json", R"({"id":2,"name":"Cuba"})", 100);
  c.clock->steady += 9'999'999;
  CHECK(names(test) == "Chad - -");
  c.clock->steady += 1;
  CHECK(names(test) == "Chad Cuba -");
  c.remove("b.json");
  c.clock->steady += 9'999'999;
  CHECK(names(test) == "Chad Cuba -");
}

TEST_CASE("cache and refresh are refused where they mean nothing") {
  const auto events = reader().schema("a bigint").json("in/");
  CHECK(error_of([&] { events.cache(); }).starts_with("REFRESH_OF_A_STREAM: cache: "));
  CHECK(error_of([&] { events.refresh("1 minute"); }).starts_with("REFRESH_OF_A_STREAM"));
  const auto table = reader(false).schema("a bigint").json("in/");
  CHECK(error_of([&] { table.refresh(std::chrono::milliseconds(0)); }).find("above 0") !=
        std::string::npos);
}

TEST_CASE("The version names each file with its size and time; a retry keeps the version") {
  const Countries c;
  c.write("a.json", "{\"id\":1,\"name\":\"Chad\"}\n", 100);
  const auto join = join_of(stream_of(stream_schema), resolved(c.read()), by_first_column());
  const auto planned = plan_static_join(*join, {}, {.partitions = 1}, c.environment());
  const auto version = planned.side->prepare(Epoch{7}, {});
  CHECK(version == "[{\"path\":\"" + c.directory.path("countries") +
                       "\",\"files\":[[\"a.json\",23,100000000000]]}]");
  c.write("a.json", R"({"id":1,"name":"Mali"})", 200);
  CHECK(planned.side->prepare(Epoch{7}, {}) == version);
  CHECK(planned.side->prepare(Epoch{8}, {}) != version);
}

TEST_CASE("The table may be filtered, aggregated and joined itself") {
  const Countries c;
  c.write(
      "a.json",
      "{\"id\":1,\"name\":\"Chad\"}\n{\"id\":1,\"name\":\"Mali\"}\n{\"id\":2,\"name\":\"Cuba\"}\n"
      "{\"id\":2,\"name\":\"Fiji\"}\n{\"id\":2,\"name\":\"Iran\"}\n",
      100);
  auto counted = c.joined(c.read()
                              .where("name <> 'Iran'")
                              .group_by("id")
                              .agg(count().as("n"), min("name").as("first"))
                              .where("n > 1")
                              .select("id", "first"));
  CHECK(names(counted) == "Chad Cuba -");
  c.write("b.json", "{\"id\":3,\"name\":\"Peru\"}\n{\"id\":3,\"name\":\"Oman\"}\n", 100);
  CHECK(names(counted) == "Chad Cuba Oman");

  // Two files by id and name, inside.
  MemoryStream regions("name string, region string");
  regions.add(std::vector<Row>{{"Chad", "Africa"}, {"Fiji", "Oceania"}});
  JoinPlan inner = by_first_column(JoinType::inner);
  inner.left.keys = {1};
  inner.output = {0, 3};
  const auto nested = join_of(resolved(c.read()), resolved(reader(false).memory(regions)), inner);
  StaticJoinTest test(join_of(stream_of(stream_schema), nested, by_first_column()), {}, 2,
                      c.environment());
  CHECK(names(test) == "Africa Oceania -");
  regions.add(std::vector<Row>{{"Peru", "America"}});
  CHECK(names(test) == "Africa Oceania America");
}

TEST_CASE("A table with rand() or current_timestamp() is made anew for each epoch") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  const auto table =
      c.read().select(col("id"), expr("cast(current_timestamp() AS string)").as("t"));
  const auto join = join_of(stream_of(stream_schema), resolved(table), by_first_column());
  const auto planned = plan_static_join(*join, {}, {.partitions = 1}, c.environment());
  const auto task = planned.factory({0, 1, 128});
  struct Port final : Output {
    void emit(BatchPtr batch, std::size_t) override { out = std::move(batch); }
    bool full() const override { return false; }
    bool connected(std::size_t) const override { return true; }
    BatchPtr out;
  } port;
  for (const std::int64_t second : {10, 20}) {
    const EpochContext context{second * 1000, 1};
    const Epoch epoch{static_cast<std::uint64_t>(second)};
    planned.side->prepare(epoch, context);
    task->start({epoch, context});
    task->process(batch_of(stream_schema, {{1, "x"}}), 0, port);
    CHECK(rows_of(*port.out)[0][3].text() == "1970-01-01 00:00:" + std::to_string(second));
  }
  CHECK(c.files->take_reads() == Reads{{"a.json", 1}});
}

TEST_CASE("An empty directory is an empty table; one that is not there is an error") {
  const Countries c;
  std::filesystem::create_directories(c.directory.path("countries"));
  auto test = c.joined(c.read());
  CHECK(names(test) == "- - -");
  std::filesystem::remove_all(c.directory.path("countries"));
  CHECK(error_of([&] { test.start(); }).find("countries does not exist; create it") !=
        std::string::npos);
  // It is back: what failed is asked again.
  c.write("a.json", R"({"id":2,"name":"Cuba"})", 100);
  CHECK(names(test) == "- Cuba -");
}

TEST_CASE("Malformed rows of a static file go by the source's mode") {
  const Countries c;
  c.write("a.json", "{\"id\":1,\"name\":\"Chad\"}\n{\"id\":\n", 100);
  auto dropped = c.joined(reader(false)
                              .schema("id bigint, name string")
                              .option("mode", "DROPMALFORMED")
                              .json(c.directory.path("countries")));
  CHECK(names(dropped) == "Chad - -");
  auto strict = c.joined(reader(false)
                             .schema("id bigint, name string")
                             .option("mode", "FAILFAST")
                             .json(c.directory.path("countries")));
  CHECK(error_of([&] { strict.start(); }).find("a.json") != std::string::npos);
  c.write("a.json", R"({"id":1,"name":"Mali"})", 200);
  CHECK(names(strict) == "Mali - -");
}

TEST_CASE("A file that changes while it is read is read again; one that never holds still fails") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  int changes = 1;
  c.files->before_read = [&](const std::string&) {
    if (changes-- > 0) c.write("a.json", R"({"id":1,"name":"Mali"})", 200 + changes);
  };
  auto test = c.joined(c.read());
  CHECK(names(test) == "Mali - -");
  CHECK(c.files->take_reads() == Reads{{"a.json", 2}});
  changes = 100;
  c.write("a.json", R"({"id":1,"name":"Peru"})", 500);
  CHECK(error_of([&] { test.start(); }).find("changed each of the 5 times") != std::string::npos);
  changes = 0;
  CHECK(names(test) == "Mali - -");
}

TEST_CASE("A file that goes between its listing and its reading is a change like any other") {
  const Countries c;
  c.write("a.json", R"({"id":1,"name":"Chad"})", 100);
  c.write("b.json", R"({"id":2,"name":"Cuba"})", 100);
  c.files->before_read = [&](const std::string& path) {
    if (path.ends_with("b.json")) c.remove("b.json");
  };
  auto test = c.joined(c.read());
  CHECK(names(test) == "Chad - -");
}

TEST_CASE("A row with very many matches comes out in bounded batches, also into a full output") {
  MemoryStream table("id bigint, n bigint");
  std::vector<Row> rows;
  for (int i = 0; i < 50'000; ++i) rows.push_back({i % 2, i});
  table.add(rows);
  for (const char* condition : {"", "n % 2 = 0", "n < 0"}) {
    CAPTURE(condition);
    auto join = by_first_column();
    if (*condition) {
      join.condition =
          bind(expr(condition), Schema::parse("id bigint, v string, i bigint, n bigint"));
    }
    StaticJoinTest test(
        join_of(stream_of(stream_schema), resolved(reader(false).memory(table)), std::move(join)),
        {}, 1, {}, true);
    const auto out = test.epoch({{0, "a"}, {7, "b"}, {0, "c"}, {1, "d"}});
    CHECK(out.size() == (*condition == 0                     ? 75'001U
                         : std::string(condition) == "n < 0" ? 4U
                                                             : 50'002U));
    CHECK(test.refusals() > 10);
    // Padded rows come on top of a batch of pairs.
    CHECK(test.largest_batch() <= batch_rows + 4);
  }
}

TEST_CASE("Columns of the stream pass by reference where every row comes out once") {
  MemoryStream table("id bigint, name string");
  table.add(std::vector<Row>{{1, "one"}, {2, "two, with a name that is too long to be inline"}});
  for (const auto type : {JoinType::inner, JoinType::left_outer, JoinType::left_semi}) {
    StaticJoinTest test(join_of(stream_of(stream_schema), resolved(reader(false).memory(table)),
                                by_first_column(type)),
                        {}, 1, {});
    test.start();
    const auto batch = batch_of(stream_schema, {{2, "x"}, {1, "y"}, {2, "z"}});
    test.feed(0, batch);
    CHECK(test.last_batch()->columns[0] == batch->columns[0]);
    CHECK(test.last_batch()->columns[1] == batch->columns[1]);
  }
}

TEST_CASE("A table larger than the limit is not shared; without a key it always is") {
  MemoryStream table("id bigint, name string");
  table.add(std::vector<Row>{{1, "one"}});
  const auto bounded = resolved(reader(false).memory(table));
  const auto partitioned = [&](const char* limit, JoinPlan join) {
    QuerySpec spec;
    if (*limit) spec.options.set("broadcastLimit", limit);
    const auto plan = join_of(stream_of(stream_schema), bounded, std::move(join));
    return plan_static_join(*plan, spec, {.partitions = 4}, {}).partitioned;
  };
  CHECK_FALSE(partitioned("", by_first_column()));
  CHECK(partitioned("0", by_first_column()));
  CHECK(partitioned("10", by_first_column()));
  CHECK_FALSE(partitioned("100000", by_first_column()));
  CHECK_FALSE(partitioned("0", JoinPlan()));
  CHECK(error_of([&] { partitioned("-1", by_first_column()); }).find("negative") !=
        std::string::npos);
}

TEST_CASE("Sides that would have to come out unmatched are refused") {
  MemoryStream table("id bigint, name string");
  const auto bounded = resolved(reader(false).memory(table));
  const auto refusal = [&](JoinType type, bool stream_left) {
    auto stream = stream_of(stream_schema);
    const auto plan = stream_left ? join_of(stream, bounded, by_first_column(type))
                                  : join_of(bounded, stream, by_first_column(type));
    return error_of([&] { plan_static_join(*plan, {}, {.partitions = 1}, {}); });
  };
  for (const auto type : {JoinType::right_outer, JoinType::full_outer}) {
    CHECK(refusal(type, true).starts_with("UNSUPPORTED_STREAM_STATIC_JOIN"));
  }
  for (const auto type :
       {JoinType::left_outer, JoinType::full_outer, JoinType::left_semi, JoinType::left_anti}) {
    CHECK(refusal(type, false).find("stream on the right") != std::string::npos);
  }
  CHECK(refusal(JoinType::inner, false).empty());
  CHECK(refusal(JoinType::right_outer, false).empty());
}
