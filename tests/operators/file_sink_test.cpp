#include "failing_file_system.hpp"
#include "temporary_directory.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <sys/stat.h>

using namespace libstream;

namespace {

const Schema& numbers() {
  static const Schema schema = Schema::parse("k bigint");
  return schema;
}

Environment environment_with(std::shared_ptr<FileSystem> files) {
  Environment environment;
  environment.files = std::move(files);
  return environment;
}

std::shared_ptr<Sink> json_sink(const std::string& path, const Environment& environment = {}) {
  SinkSpec spec;
  spec.format = "json";
  spec.path = path;
  const auto sink = make_sink(spec, OutputMode::append, environment);
  sink->set_schema(numbers());
  return sink;
}

StagedHandle stage(Sink& sink, StageContext context, Epoch epoch, const std::vector<Row>& rows) {
  const auto writer = sink.writer(context);
  CHECK(writer->blocking());
  writer->start(epoch);
  if (!rows.empty()) writer->write(batch_of(numbers(), rows));
  return writer->stage();
}

ErrorCode code_of(const std::function<void()>& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (text) *text = error.what();
    return error.code();
  }
  FAIL("no error");
  return {};
}

using Files = std::map<std::string, std::string>;

/// A directory with one staged file of epoch 3, and its handle.
struct Staged {
  TemporaryDirectory files;
  std::shared_ptr<Sink> sink = json_sink(files.path("out"));
  StagedHandle handle;
  std::string staged;
  std::string final = files.path("out/part-3-1.jsonl");

  Staged() {
    sink->open("query");
    handle = stage(*sink, {2, 1}, Epoch{3}, {{7}, {8}});
    for (const auto& entry : files.files("out/_staging")) {
      if (entry.first != "query") staged = files.path("out/_staging/" + entry.first);
    }
  }
  void commit() { sink->commit(Epoch{3}, std::span(&handle, 1)); }
  void check_committed() {
    CHECK(files.files("out") == Files{{"part-3-1.jsonl", "{\"k\":7}\n{\"k\":8}\n"}});
    CHECK(files.files("out/_staging") == Files{{"query", "query"}});
  }
};

}  // namespace

TEST_CASE("Staged rows appear at commit, whole, under their final name") {
  Staged test;
  CHECK(test.handle.rows == 2);
  CHECK(test.files.files("out").empty());
  CHECK(test.files.files("out/_staging").size() == 2);
  test.commit();
  test.check_committed();
  test.commit();  // again, after a crash
  test.check_committed();
}

TEST_CASE("Output files are readable as the umask says, what create makes is the owner's alone") {
  const auto mode = [](const std::string& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
  };
  for (const mode_t mask : {mode_t{022}, mode_t{027}, mode_t{077}}) {
    const auto before = ::umask(mask);
    Staged test;
    test.commit();
    local_file_system()->create(test.files.path("private"))->close();
    ::umask(before);
    CHECK(mode(test.final) == (0666U & ~mask));
    CHECK(mode(test.files.path("private")) == 0600U);
  }
}

TEST_CASE("No rows leave no trace") {
  Staged test;
  test.commit();
  const StagedHandle empty = stage(*test.sink, {2, 1}, Epoch{4}, {});
  CHECK(empty.empty());
  test.sink->commit(Epoch{4}, std::span(&empty, 1));
  test.check_committed();
}

TEST_CASE("A crash between link and unlink is finished: the same inode") {
  Staged test;
  std::filesystem::create_hard_link(test.staged, test.final);
  test.commit();
  test.check_committed();
}

TEST_CASE("A final file of the same bytes counts as committed") {
  Staged test;
  std::filesystem::copy_file(test.staged, test.final);
  test.commit();
  test.check_committed();
}

TEST_CASE("A final file of other bytes is a conflict and stays") {
  for (const char* text : {"{\"k\":7}\n{\"k\":9}\n", "{\"k\":7}\n", ""}) {
    Staged test;
    test.files.write("out/part-3-1.jsonl", text);
    std::string message;
    CHECK(code_of([&] { test.commit(); }, &message) == ErrorCode::conflict);
    CHECK(message.find(test.final) != std::string::npos);
    CHECK(test.files.read("out/part-3-1.jsonl") == text);
    CHECK(std::filesystem::exists(test.staged));
  }
}

TEST_CASE("A staged and a final file that are both gone are reported by name") {
  Staged test;
  std::filesystem::remove(test.staged);
  std::string message;
  CHECK(code_of([&] { test.commit(); }, &message) == ErrorCode::corrupt);
  CHECK(message.find(test.final) != std::string::npos);
}

TEST_CASE("A staged file that was cut is corrupt") {
  Staged test;
  std::filesystem::resize_file(test.staged, 3);
  CHECK(code_of([&] { test.commit(); }) == ErrorCode::corrupt);
  CHECK(test.files.files("out").empty());
}

TEST_CASE("Malformed handles are refused") {
  Staged test;
  for (std::size_t size = 0; size + 1 < test.handle.bytes.size(); size += 5) {
    const StagedHandle cut{test.handle.bytes.substr(0, size), 2};
    CHECK(code_of([&] { test.sink->commit(Epoch{3}, std::span(&cut, 1)); }) == ErrorCode::corrupt);
  }
  StagedHandle outside = test.handle;
  outside.bytes.replace(outside.bytes.find("part-"), 5, "../x-");
  CHECK(code_of([&] { test.sink->commit(Epoch{3}, std::span(&outside, 1)); }) ==
        ErrorCode::corrupt);
}

TEST_CASE("Sweeping removes what older terms staged, but for what is kept") {
  Staged test;
  const StagedHandle other = stage(*test.sink, {2, 0}, Epoch{3}, {{1}});
  const StagedHandle current = stage(*test.sink, {5, 0}, Epoch{4}, {{2}});
  test.files.write("out/_staging/query.1234", "unfinished marker");
  test.files.write("out/_staging/note.txt", "not ours");
  CHECK(test.files.files("out/_staging").size() == 6);
  test.sink->sweep(5, std::span(&test.handle, 1));
  CHECK(test.files.files("out/_staging").size() == 4);
  CHECK(std::filesystem::exists(test.staged));
  test.commit();
  test.sink->commit(Epoch{4}, std::span(&current, 1));
  CHECK(test.files.files("out").size() == 2);
  CHECK(code_of([&] { test.sink->commit(Epoch{3}, std::span(&other, 1)); }) == ErrorCode::corrupt);
}

TEST_CASE("A directory of another query is refused, naming both") {
  Staged test;
  json_sink(test.files.path("out/"))->open("query");  // the same one again
  std::string message;
  CHECK(code_of([&] { json_sink(test.files.path("out"))->open("stranger"); }, &message) ==
        ErrorCode::incompatible);
  CHECK(message.find("query query") != std::string::npos);
  CHECK(message.find("stranger") != std::string::npos);
}

TEST_CASE("A directory that cannot be made is unreachable") {
  TemporaryDirectory files;
  files.write("file", "x");
  std::string message;
  CHECK(code_of([&] { json_sink(files.path("file/out"))->open("query"); }, &message) ==
        ErrorCode::unreachable);
  CHECK(message.find(files.path("file/out")) != std::string::npos);
}

TEST_CASE("File sinks take append mode, or any mode when told so") {
  SinkSpec spec;
  spec.format = "json";
  spec.path = "/nowhere";
  for (const OutputMode mode : {OutputMode::update, OutputMode::complete}) {
    try {
      make_sink(spec, mode, Environment{});
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::analysis);
      CHECK(error.error_class() == "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE");
    }
  }
  spec.options.set("outputModes", "some");
  CHECK(code_of([&] { make_sink(spec, OutputMode::append, Environment{}); }) ==
        ErrorCode::invalid_argument);
  spec.options.set("outputModes", "any");
  CHECK(make_sink(spec, OutputMode::update, Environment{})->describe() ==
        "FileSink[json /nowhere]");
  spec.options.set("outputMode", "any");
  CHECK(code_of([&] { make_sink(spec, OutputMode::append, Environment{}); }) ==
        ErrorCode::invalid_argument);
}

TEST_CASE("Rows of many batches go to one file, with size and checksum as staged") {
  TemporaryDirectory files;
  const auto sink = json_sink(files.path("out"));
  sink->open("query");
  const auto writer = sink->writer({1, 0});
  std::string expected;
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    writer->start(Epoch{epoch});
    expected.clear();
    for (std::int64_t i = 0; i < 300; ++i) {
      std::vector<Row> rows(1000, Row{i * 1'000'000'007});
      writer->write(batch_of(numbers(), rows));
      for (int n = 0; n < 1000; ++n) {
        expected += "{\"k\":" + std::to_string(i * 1'000'000'007) + "}\n";
      }
    }
    const StagedHandle handle = writer->stage();
    CHECK(handle.rows == 300'000);
    // A copy in the final place passes only if size and checksum are right.
    for (const auto& entry : files.files("out/_staging")) {
      if (entry.first == "query") continue;
      std::filesystem::copy_file(files.path("out/_staging/" + entry.first),
                                 files.path("out/part-" + std::to_string(epoch) + "-0.jsonl"));
    }
    sink->commit(Epoch{epoch}, std::span(&handle, 1));
    CHECK(files.read("out/part-" + std::to_string(epoch) + "-0.jsonl") == expected);
  }
}

namespace {

/// What an engine remembers of one epoch over restarts.
struct Engine {
  std::string path;
  std::uint64_t term = 0;
  std::optional<std::vector<StagedHandle>> decision;
  bool committed = false;

  /// One process: opens, commits what was decided or runs the epoch anew. Throws where a file
  /// fails.
  void run(const std::shared_ptr<FileSystem>& files) {
    ++term;
    const auto sink = json_sink(path, environment_with(files));
    sink->open("query");
    sink->sweep(term, decision ? std::span<const StagedHandle>(*decision)
                               : std::span<const StagedHandle>());
    if (!decision) {
      std::vector<StagedHandle> handles;
      handles.push_back(stage(*sink, {term, 0}, Epoch{0}, {{1}, {2}}));
      handles.push_back(stage(*sink, {term, 1}, Epoch{0}, {}));
      handles.push_back(stage(*sink, {term, 2}, Epoch{0}, {{3}}));
      decision = handles;
    }
    sink->commit(Epoch{0}, *decision);
    committed = true;
  }
};

}  // namespace

TEST_CASE("Whatever file call fails, and fails again in the next run, rows are written once") {
  const auto fail_or_end = [](Engine& engine, int at, FailingFileSystem::When when) {
    const auto files = std::make_shared<FailingFileSystem>(at, when);
    try {
      engine.run(files);
    } catch (const Error&) {
    }
    return files->calls() >= at;  // the call to fail was reached
  };
  using When = FailingFileSystem::When;
  int runs = 0;
  for (const When when : {When::before, When::after}) {
    bool first_reached = true;
    for (int first = 1; first_reached; ++first) {
      bool second_reached = true;
      for (int second = 1; second_reached; second += 3) {
        CAPTURE(first);
        CAPTURE(second);
        TemporaryDirectory files;
        Engine engine;
        engine.path = files.path("out");
        first_reached = fail_or_end(engine, first, when);
        second_reached = fail_or_end(engine, second, when);
        engine.run(std::make_shared<FailingFileSystem>(0, when));
        ++runs;
        CHECK(engine.committed);
        CHECK(files.files("out") == Files{{"part-0-0.jsonl", "{\"k\":1}\n{\"k\":2}\n"},
                                          {"part-0-2.jsonl", "{\"k\":3}\n"}});
        CHECK(files.files("out/_staging") == Files{{"query", "query"}});
      }
    }
  }
  CHECK(runs > 300);
}
