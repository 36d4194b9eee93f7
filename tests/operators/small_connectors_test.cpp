#include "console_sink.hpp"
#include "rate_source.hpp"
#include "temporary_directory.hpp"

#include <libstream/error.hpp>
#include <libstream/memory.hpp>
#include <libstream/operators/connectors.hpp>

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <chrono>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace libstream;

namespace {

class ManualClock final : public Clock {
 public:
  std::int64_t milliseconds = 1'000'000;
  std::int64_t now_milliseconds() override { return milliseconds; }
  std::int64_t steady_microseconds() override { return milliseconds * 1000; }
};

std::vector<Row> read(Source& source, const PlannedRange& range, std::uint64_t* rows = nullptr) {
  const auto reader = source.reader(0, 1);
  reader->open(range.units);
  std::vector<Row> found;
  while (const BatchPtr batch = reader->next()) {
    CHECK(batch->rows > 0);
    CHECK(batch->rows <= batch_rows);
    for (Row& row : rows_of(*batch)) found.push_back(std::move(row));
  }
  if (rows) *rows = reader->metrics().rows;
  CHECK(reader->metrics().rows == found.size());
  return found;
}

/// The state that the changelogs of a source leave.
struct State final : StateReader {
  std::map<std::string, std::string> entries;
  void apply(const PlannedRange& range) {
    read_changelog(range.changelog, [&](const Change& change) {
      entries[std::string(change.key)] = std::string(change.value);
    });
  }
  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    for (const auto& [key, value] : entries) visit(0, key, value);
  }
};

SourceSpec source_spec(const std::string& format,
                       const std::vector<std::pair<std::string, std::string>>& options) {
  SourceSpec spec;
  spec.format = format;
  for (const auto& [name, value] : options) spec.options.set(name, value);
  return spec;
}

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("no error");
  return {};
}

/// Stages rows by partition and commits them.
std::vector<StagedHandle> stage(Sink& sink, Epoch epoch, const Schema& schema,
                                const std::vector<std::vector<Row>>& partitions) {
  std::vector<StagedHandle> handles;
  for (std::uint32_t i = 0; i < partitions.size(); ++i) {
    const auto writer = sink.writer({1, i});
    CHECK_FALSE(writer->blocking());
    writer->start(epoch);
    if (!partitions[i].empty()) writer->write(batch_of(schema, partitions[i]));
    handles.push_back(writer->stage());
    CHECK(handles.back().rows == partitions[i].size());
  }
  return handles;
}

/// A server on a free port of this machine that sends what it is told to whoever connects.
class Server {
 public:
  Server() {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Server() {
    hang_up();
    ::close(listener_);
  }
  std::string port() const { return std::to_string(port_); }
  void accept() { connection_ = ::accept(listener_, nullptr, nullptr); }
  void send(const std::string& text) const {
    REQUIRE(::send(connection_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }

 private:
  int listener_ = -1;
  int connection_ = -1;
  int port_ = 0;
};

PlannedRange wait_for_plan(Source& source) {
  for (int i = 0; i < 2000; ++i) {
    if (auto range = source.plan(false)) return *range;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  FAIL("nothing came");
  return {};
}

std::size_t entries(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += entry.exists() ? 1U : 0U;
  }
  return count;
}

}  // namespace

TEST_CASE("A memory stream is read by offsets, again after a rewind or restart") {
  MemoryStream stream("k bigint");
  SourceSpec spec = source_spec("memory", {});
  spec.memory = stream.shared();
  const auto source = make_source(spec, Environment{});
  source->restore("", empty_state());
  CHECK_FALSE(source->plan(false));
  stream.add(std::vector<Row>{{1}, {2}});
  stream.add(std::vector<Row>{});
  stream.add(std::vector<Row>{{3}});
  auto range = source->plan(false);
  REQUIRE(range);
  CHECK(range->start.empty());
  CHECK(range->end == "{\"batches\":3}");
  CHECK(read(*source, *range) == std::vector<Row>{{1}, {2}, {3}});
  const Offset decided = range->end;
  stream.add(std::vector<Row>{{4}});
  CHECK(source->plan(false));
  source->rewind(decided);
  range = source->plan(false);
  REQUIRE(range);
  CHECK(range->start == decided);
  CHECK(read(*source, *range) == std::vector<Row>{{4}});

  const auto restarted = make_source(spec, Environment{});
  restarted->restore(decided, empty_state());
  range = restarted->plan(false);
  REQUIRE(range);
  CHECK(read(*restarted, *range) == std::vector<Row>{{4}});
  restarted->freeze();
  stream.add(std::vector<Row>{{5}});
  CHECK_FALSE(restarted->plan(false));
  CHECK(code_of([&] { restarted->restore("{\"batches\":9}", empty_state()); }) ==
        ErrorCode::incompatible);
}

TEST_CASE("A memory stream gives large batches in parts and obeys its limit") {
  MemoryStream stream("k bigint");
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 10'000; ++i) rows.push_back({i});
  stream.add(rows);
  stream.add(rows);
  SourceSpec spec = source_spec("memory", {{"maxBatchesPerTrigger", "1"}});
  spec.memory = stream.shared();
  const auto source = make_source(spec, Environment{});
  source->restore("", empty_state());
  const auto range = source->plan(false);
  REQUIRE(range);
  CHECK(range->latest == "{\"batches\":2}");
  CHECK(read(*source, *range) == rows);
  CHECK(source->plan(false)->units.size() == 1);
  CHECK_FALSE(source->plan(false));
}

TEST_CASE("The rate rises as Structured Streaming's does") {
  const RateSchedule schedule{10, 4};
  const std::vector<std::int64_t> golden{0, 2, 6, 12, 20, 30, 40};
  for (std::size_t s = 0; s < golden.size(); ++s) {
    CHECK(schedule.rows_until(static_cast<std::int64_t>(s)) == golden[s]);
  }
  for (std::int64_t row = 0; row < 60; ++row) {
    const std::int64_t second = schedule.second_of(row);
    CHECK(schedule.rows_until(second - 1) <= row);
    CHECK(schedule.rows_until(second) > row);
  }
  // A ramp so slow that its first seconds have no rows.
  const RateSchedule slow{3, 10};
  CHECK(slow.rows_until(10) == 0);
  CHECK(slow.second_of(0) == 11);
}

TEST_CASE("A rate source makes the same rows again after a restart, whatever its epochs") {
  Environment environment;
  const auto clock = std::make_shared<ManualClock>();
  environment.clock = clock;
  const SourceSpec spec = source_spec("rate", {{"rowsPerSecond", "5"}, {"numPartitions", "3"}});
  const auto source = make_source(spec, environment);
  CHECK(source->max_parallelism() == 3);
  source->restore("", empty_state());
  CHECK_FALSE(source->plan(false));
  clock->milliseconds += 1999;
  const auto first = source->plan(false);
  REQUIRE(first);
  CHECK(first->start.empty());
  CHECK(first->end == "{\"seconds\":1,\"rows\":5}");
  CHECK(first->units.size() == 3);
  State state;
  state.apply(*first);
  const std::vector<Row> rows = read(*source, *first);
  REQUIRE(rows.size() == 5);
  CHECK(rows[0] == Row{std::int64_t{1'000'000'000}, 0});
  CHECK(rows[4] == Row{std::int64_t{1'000'800'000}, 4});

  clock->milliseconds += 1;
  const auto restarted = make_source(spec, environment);
  restarted->restore(first->end, state);
  const auto second = restarted->plan(false);
  REQUIRE(second);
  CHECK(second->start == first->end);
  CHECK(second->changelog.empty());
  CHECK(read(*restarted, *second)[0] == Row{std::int64_t{1'001'000'000}, 5});
  clock->milliseconds -= 5000;  // the wall clock jumps back
  CHECK_FALSE(restarted->plan(false));
  restarted->rewind("");
  const auto all = restarted->plan(false);
  REQUIRE(all);
  CHECK_FALSE(all->changelog.empty());
  CHECK(read(*restarted, *all).size() == 10);
  CHECK(code_of([&] { make_source(spec, environment)->restore(first->end, empty_state()); }) ==
        ErrorCode::corrupt);
}

TEST_CASE("A rate source takes at most so many rows a trigger") {
  Environment environment;
  const auto clock = std::make_shared<ManualClock>();
  environment.clock = clock;
  const auto source = make_source(
      source_spec("rate", {{"rowsPerSecond", "10000"}, {"rowsPerTrigger", "15000"}}), environment);
  source->restore("", empty_state());
  clock->milliseconds += 2000;
  std::vector<Row> rows;
  for (const std::size_t count : {15'000U, 5'000U}) {
    const auto range = source->plan(false);
    REQUIRE(range);
    const auto more = read(*source, *range);
    CHECK(more.size() == count);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == Row{std::int64_t{1'000'000'000} + static_cast<std::int64_t>(i) * 100,
                       static_cast<std::int64_t>(i)}) {
      continue;
    }
    FAIL("row " << i);
  }
  source->freeze();
  clock->milliseconds += 5000;
  CHECK_FALSE(source->plan(false));
  for (const char* name : {"rowsPerSecond", "numPartitions", "rowsPerTrigger"}) {
    CHECK(code_of([&] {
            make_source(source_spec("rate", {{name, "0"}}), environment);
          }) == ErrorCode::invalid_argument);
  }
  CHECK(code_of([&] {
          make_source(source_spec("rate", {{"rampUpTime", "x"}}), environment);
        }) == ErrorCode::invalid_argument);
}

TEST_CASE("A socket's lines survive a restart in the journal and go when they are decided") {
  TemporaryDirectory files;
  const std::string journal = files.path("journal");
  Server server;
  const SourceSpec spec = source_spec("socket", {{"host", "127.0.0.1"}, {"port", server.port()}});
  auto source = make_source(spec, Environment{});
  source->set_journal_directory(journal);
  source->restore("", empty_state());
  server.accept();
  server.send("a\r\nb\npart");
  const PlannedRange first = wait_for_plan(*source);
  CHECK(first.end == "{\"lines\":2}");
  CHECK(read(*source, first) == std::vector<Row>{{"a"}, {"b"}});
  server.send("ial\n");
  const PlannedRange second = wait_for_plan(*source);
  CHECK(second.start == first.end);
  CHECK(read(*source, second) == std::vector<Row>{{"partial"}});
  source->release(first.end);
  CHECK(entries(journal) == 1);

  source.reset();
  server.hang_up();
  files.write("journal/1234.part", "torn");
  source = make_source(spec, Environment{});
  source->set_journal_directory(journal);
  source->restore(first.end, empty_state());
  server.accept();
  const auto again = source->plan(false);
  REQUIRE(again);
  CHECK(again->start == first.end);
  CHECK(again->end == second.end);
  CHECK(read(*source, *again) == std::vector<Row>{{"partial"}});
  server.send("last");
  server.hang_up();
  const PlannedRange last = wait_for_plan(*source);
  CHECK(read(*source, last) == std::vector<Row>{{"last"}});
  source->rewind(first.end);
  const auto both = source->plan(false);
  REQUIRE(both);
  CHECK(read(*source, *both) == std::vector<Row>{{"partial"}, {"last"}});
  source->release(last.end);
  CHECK(entries(journal) == 0);
}

TEST_CASE("A journal with a hole or a damaged file is refused by name") {
  TemporaryDirectory files;
  const std::string journal = files.path("journal");
  Server server;
  const SourceSpec spec = source_spec("socket", {{"host", "127.0.0.1"}, {"port", server.port()}});
  auto source = make_source(spec, Environment{});
  source->set_journal_directory(journal);
  source->restore("", empty_state());
  server.accept();
  server.send("a\n");
  const PlannedRange range = wait_for_plan(*source);
  std::string bytes = files.read("journal/0-1.lines");
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  files.write("journal/0-1.lines", bytes);
  CHECK(code_of([&] { read(*source, range); }) == ErrorCode::corrupt);
  source.reset();
  std::filesystem::rename(journal + "/0-1.lines", journal + "/1-2.lines");
  source = make_source(spec, Environment{});
  source->set_journal_directory(journal);
  CHECK(code_of([&] { source->restore("", empty_state()); }) == ErrorCode::corrupt);
}

TEST_CASE("A socket with time of arrival, and one that nobody listens to") {
  TemporaryDirectory files;
  std::string port;
  {
    Server server;
    port = server.port();
    const auto source = make_source(
        source_spec("socket",
                    {{"host", "127.0.0.1"}, {"port", port}, {"includeTimestamp", "true"}}),
        Environment{});
    CHECK(source->schema() == Schema::parse("value string, timestamp timestamp"));
    CHECK(code_of([&] { source->restore("", empty_state()); }) == ErrorCode::invalid_argument);
    source->set_journal_directory(files.path("journal"));
    source->restore("", empty_state());
    server.accept();
    server.send("x\n");
    const PlannedRange range = wait_for_plan(*source);
    CHECK(read(*source, range)[0][1].integer() > 1'600'000'000'000'000);
  }
  const auto source =
      make_source(source_spec("socket", {{"host", "127.0.0.1"}, {"port", port}}), Environment{});
  source->set_journal_directory(files.path("other"));
  CHECK(code_of([&] { source->restore("", empty_state()); }) == ErrorCode::unreachable);
  CHECK(code_of([&] {
          make_source(source_spec("socket", {{"host", "x"}}), Environment{});
        }) == ErrorCode::invalid_argument);
}

TEST_CASE("A memory table takes an epoch once; complete mode shows the newest") {
  const Schema schema = Schema::parse("k string, n bigint");
  for (const bool complete : {false, true}) {
    MemoryTable table;
    SinkSpec spec;
    spec.format = "memory";
    spec.memory = table.shared();
    const auto sink =
        make_sink(spec, complete ? OutputMode::complete : OutputMode::append, Environment{});
    sink->set_schema(schema);
    sink->open("query");
    const auto first = stage(*sink, Epoch{0}, schema, {{{"b", 1}}, {}, {{"a", 2}}});
    CHECK(table.rows().empty());
    sink->commit(Epoch{0}, first);
    sink->commit(Epoch{0}, first);
    CHECK(table.text() == "a 2 | b 1");
    sink->commit(Epoch{1}, stage(*sink, Epoch{1}, schema, {{{"c", 3}}}));
    CHECK(table.text() == (complete ? "c 3" : "a 2 | b 1 | c 3"));
    CHECK(table.rows_of(Epoch{1}) == std::vector<Row>{{"c", 3}});
    sink->commit(Epoch{2}, {});
    CHECK(table.text() == (complete ? "" : "a 2 | b 1 | c 3"));
  }
}

TEST_CASE("foreach_batch is called for every epoch; what it throws is the user's") {
  const Schema schema = Schema::parse("k bigint");
  std::string calls;
  bool fail = false;
  SinkSpec spec;
  spec.format = "foreach_batch";
  CHECK(code_of([&] { make_sink(spec, OutputMode::append, Environment{}); }) ==
        ErrorCode::invalid_argument);
  spec.foreach_batch = [&](const std::vector<BatchPtr>& batches, const Schema& given, Epoch epoch) {
    if (fail) throw std::runtime_error("no luck");
    CHECK(given == schema);
    calls += std::to_string(number(epoch)) + ":";
    for (const BatchPtr& batch : batches) calls += to_text(*batch) + ";";
  };
  const auto sink = make_sink(spec, OutputMode::update, Environment{});
  sink->set_schema(schema);
  sink->open("query");
  sink->commit(Epoch{0}, stage(*sink, Epoch{0}, schema, {{{1}, {2}}, {}, {{3}}}));
  sink->commit(Epoch{1}, stage(*sink, Epoch{1}, schema, {{}, {}}));
  CHECK(calls == "0:1 | 2;3;1:");
  fail = true;
  try {
    sink->commit(Epoch{2}, {});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::user_function);
    CHECK(std::string(error.what()).find("no luck") != std::string::npos);
  }
}

TEST_CASE("The console prints tables as Structured Streaming does") {
  const Schema schema = Schema::parse("word string, n bigint");
  const auto print = [&](const std::vector<std::pair<std::string, std::string>>& options,
                         const std::vector<std::vector<Row>>& partitions) {
    SinkSpec spec;
    spec.format = "console";
    for (const auto& [name, value] : options) spec.options.set(name, value);
    std::string text;
    const auto sink = console_sink(spec, [&](std::string_view part) { text += part; });
    sink->set_schema(schema);
    sink->commit(Epoch{4}, stage(*sink, Epoch{4}, schema, partitions));
    return text;
  };
  const std::string rule(43, '-');
  CHECK(print({}, {{{"a", 1}}, {{"twenty-one characters", nullptr}}}) ==
        rule + "\nBatch: 4\n" + rule +
            "\n"
            "+--------------------+----+\n"
            "|                word|   n|\n"
            "+--------------------+----+\n"
            "|                   a|   1|\n"
            "|twenty-one charac...|null|\n"
            "+--------------------+----+\n\n");
  CHECK(print({{"truncate", "false"}, {"numRows", "1"}},
              {{{"\xc3\xa4 and more than twenty", 1}, {"b", 2}}}) ==
        rule + "\nBatch: 4\n" + rule +
            "\n"
            "+----------------------+---+\n"
            "|word                  |n  |\n"
            "+----------------------+---+\n"
            "|\xc3\xa4 and more than twenty|1  |\n"
            "+----------------------+---+\n"
            "only showing top 1 rows\n\n");
  CHECK(print({{"truncate", "3"}}, {{{"abcdef", 1}}}).find("| abc|  1|") != std::string::npos);
  CHECK(code_of([&] { print({{"rows", "3"}}, {}); }) == ErrorCode::invalid_argument);
}

TEST_CASE("The none sink counts rows and stages nothing") {
  const Schema schema = Schema::parse("k bigint");
  SinkSpec spec;
  spec.format = "none";
  const auto sink = make_sink(spec, OutputMode::complete, Environment{});
  sink->set_schema(schema);
  const auto handles = stage(*sink, Epoch{0}, schema, {{{1}, {2}}, {}});
  CHECK(handles[0].bytes.empty());
  CHECK(handles[1].empty());
  sink->commit(Epoch{0}, handles);
  spec.format = "nowhere";
  CHECK(code_of([&] { make_sink(spec, OutputMode::append, Environment{}); }) ==
        ErrorCode::invalid_argument);
}
