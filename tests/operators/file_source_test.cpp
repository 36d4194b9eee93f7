#include "temporary_directory.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>

using namespace libstream;

namespace {

/// A source over a directory, with the state that a checkpoint would keep for it.
class Directory {
 public:
  Directory(const TemporaryDirectory& files, std::string format, std::string_view schema,
            std::map<std::string, std::string> options = {}) {
    spec_.format = std::move(format);
    spec_.path = files.path();
    if (!schema.empty()) spec_.schema = Schema::parse(schema);
    for (const auto& [name, value] : options) spec_.options.set(name, value);
    start();
  }

  /// A new process over the last decided epoch.
  void restart() { start(); }

  std::optional<PlannedRange> plan(bool unlimited = false) { return source_->plan(unlimited); }

  void decide(const PlannedRange& range) {
    read_changelog(range.changelog, [&](const Change& change) {
      state_.entries[std::string(change.key)] = std::string(change.value);
    });
    committed_ = range.end;
    source_->release(committed_);
  }
  void rewind() { source_->rewind(committed_); }
  void freeze() { source_->freeze(); }

  std::string read(const PlannedRange& range) {
    auto reader = source_->reader(0, 1);
    reader->open(range.units);
    std::string text;
    while (const BatchPtr batch = reader->next()) {
      CHECK(batch->rows > 0);
      CHECK(batch->rows <= batch_rows);
      if (!text.empty()) text += " | ";
      text += to_text(*batch);
    }
    metrics = reader->metrics();
    return text;
  }
  /// Plans, reads and decides one epoch; "-" when there is nothing.
  std::string epoch(bool unlimited = false) {
    const auto range = plan(unlimited);
    if (!range) return "-";
    const std::string text = read(*range);
    decide(*range);
    return text;
  }

  SourceMetrics metrics;

 private:
  struct State final : StateReader {
    std::map<std::string, std::string> entries;
    void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>&
                      visit) const override {
      for (const auto& [key, value] : entries) visit(0, key, value);
    }
  };

  void start() {
    source_ = make_source(spec_, Environment{});
    source_->restore(committed_, state_);
  }

  SourceSpec spec_;
  std::shared_ptr<Source> source_;
  State state_;
  Offset committed_;
};

std::string error_text(const std::function<void()>& call, ErrorCode code) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("no error");
  return {};
}

}  // namespace

TEST_CASE("A directory of JSON files is read once, file by file, also across a restart") {
  TemporaryDirectory files;
  files.write("a", "{\"k\":1}\n");
  files.write("b", "{\"k\":2}\n{\"k\":3}");
  Directory directory(files, "json", "k bigint",
                      {{"MAXFILESPERTRIGGER", "1"}, {"fileOrder", "name"}});
  const auto first = directory.plan();
  REQUIRE(first);
  CHECK(first->start.empty());
  CHECK(first->end == "{\"files\":1}");
  CHECK(first->latest == "{\"files\":2}");
  CHECK(directory.read(*first) == "1");
  directory.decide(*first);
  directory.restart();
  const auto second = directory.plan();
  REQUIRE(second);
  CHECK(second->start == "{\"files\":1}");
  CHECK(directory.read(*second) == "2 | 3");
  directory.decide(*second);
  CHECK(directory.epoch() == "-");
  files.write("a", "{\"k\":9}\n");  // in place: not read again
  files.write("0", "{\"k\":4}\n");
  CHECK(directory.epoch() == "4");
  directory.restart();
  CHECK(directory.epoch() == "-");
}

TEST_CASE("Undecided ranges are planned afresh after rewind and after a restart") {
  TemporaryDirectory files;
  for (const char* name : {"a", "b", "c"}) files.write(name, name);
  for (const bool frozen : {false, true}) {
    for (const bool restart : {false, true}) {
      CAPTURE(frozen);
      CAPTURE(restart);
      Directory directory(files, "text", "", {{"maxFilesPerTrigger", "1"}, {"fileOrder", "name"}});
      if (frozen) directory.freeze();
      CHECK(directory.epoch() == "a");
      CHECK(directory.plan());
      CHECK(directory.plan());
      CHECK_FALSE(directory.plan());
      if (restart) {
        directory.restart();
        if (frozen) directory.freeze();
      } else {
        directory.rewind();
      }
      CHECK(directory.epoch() == "b");
      CHECK(directory.epoch() == "c");
      CHECK(directory.epoch() == "-");
      directory.rewind();
      CHECK(directory.epoch() == "-");
    }
  }
}

TEST_CASE("A rewind to the beginning gives the first epoch again") {
  TemporaryDirectory files;
  files.write("a", "1\n2");
  Directory directory(files, "text", "");
  CHECK(directory.plan());
  directory.rewind();
  const auto range = directory.plan();
  REQUIRE(range);
  CHECK(range->start.empty());
  CHECK(directory.read(*range) == "1 | 2");
}

TEST_CASE("Files go by modification time, then name, unless name order is asked for") {
  TemporaryDirectory files;
  for (const char* name : {"a", "b", "c"}) files.write(name, name);
  files.touch("a", 300);
  files.touch("b", 100);
  files.touch("c", 100);
  CHECK(Directory(files, "text", "").epoch() == "b | c | a");
  CHECK(Directory(files, "text", "", {{"fileOrder", "NAME"}}).epoch() == "a | b | c");
}

TEST_CASE("A frozen source plans nothing that came later") {
  TemporaryDirectory files;
  files.write("a", "1");
  Directory directory(files, "text", "", {{"maxFilesPerTrigger", "1"}});
  directory.freeze();
  files.write("b", "2");
  CHECK(directory.epoch() == "1");
  CHECK(directory.epoch() == "-");
}

TEST_CASE("Limits: files, bytes with one file at least, and none for unlimited") {
  TemporaryDirectory files;
  files.write("a", std::string(100, 'a'));
  files.write("b", "b");
  files.write("c", "c");
  files.write("d", std::string(9, 'd'));
  const auto count = [](const std::optional<PlannedRange>& range) {
    return range ? range->units.size() : 0;
  };
  Directory bytes(files, "text", "", {{"maxBytesPerTrigger", "10"}, {"fileOrder", "name"}});
  CHECK(count(bytes.plan()) == 1);
  CHECK(count(bytes.plan()) == 2);
  CHECK(count(bytes.plan()) == 1);
  Directory limited(files, "text", "", {{"maxFilesPerTrigger", "3"}});
  CHECK(count(limited.plan()) == 3);
  CHECK(count(limited.plan()) == 1);
  Directory unlimited(files, "text", "", {{"maxFilesPerTrigger", "3"}});
  CHECK(count(unlimited.plan(true)) == 4);
  CHECK(count(unlimited.plan(true)) == 0);
}

TEST_CASE("Hidden names, directories and names outside the glob are not data") {
  TemporaryDirectory files;
  files.write("data.json", "{\"k\":1}");
  files.write("data.tmp", "{\"k\":2}");
  files.write(".hidden.json", "{\"k\":3}");
  files.write("_SUCCESS.json", "{\"k\":4}");
  files.write("below.json/x.json", "{\"k\":5}");
  CHECK(Directory(files, "json", "k bigint", {{"pathGlobFilter", "*.json"}}).epoch() == "1");
  CHECK(Directory(files, "json", "k bigint", {{"fileOrder", "name"}}).epoch() == "1 | 2");
}

TEST_CASE("Missing and unreadable inputs are named") {
  TemporaryDirectory files;
  const TemporaryDirectory empty;
  SourceSpec spec;
  spec.format = "text";
  spec.path = files.path("nowhere");
  const auto source = make_source(spec, Environment{});
  CHECK(error_text([&] { source->restore("", empty_state()); }, ErrorCode::unreachable)
            .find(files.path("nowhere")) != std::string::npos);

  files.write("a", "x");
  Directory directory(files, "text", "");
  const auto range = directory.plan();
  REQUIRE(range);
  std::filesystem::remove(files.path("a"));
  CHECK(error_text([&] { directory.read(*range); }, ErrorCode::unreachable).find(files.path("a")) !=
        std::string::npos);
}

TEST_CASE("State that does not fit the position is refused") {
  TemporaryDirectory files;
  SourceSpec spec;
  spec.format = "text";
  spec.path = files.path();
  const auto source = make_source(spec, Environment{});
  CHECK_THROWS_AS(source->restore("{\"files\":2}", empty_state()), Error);
  CHECK_THROWS_AS(source->restore("{\"files\":", empty_state()), Error);
  CHECK_THROWS_AS(source->restore("{\"lines\":0}", empty_state()), Error);
}

TEST_CASE("Options are checked by name and value") {
  TemporaryDirectory files;
  const auto refused = [&](const std::string& format, const std::string& name,
                           const std::string& value) {
    return error_text(
        [&] {
          Directory(files, format, format == "text" ? "" : "k bigint", {{name, value}});
        },
        ErrorCode::invalid_argument);
  };
  CHECK(refused("json", "maxFilePerTrigger", "1").find("maxFilesPerTrigger") != std::string::npos);
  CHECK(refused("json", "header", "true").find("header") != std::string::npos);
  refused("json", "mode", "LENIENT");
  refused("json", "maxFilesPerTrigger", "0");
  refused("json", "maxFilesPerTrigger", "many");
  refused("json", "fileOrder", "size");
  refused("csv", "sep", "");
  refused("csv", "sep", "ab");
  refused("csv", "quote", ",");
  error_text(
      [&] {
        Directory(files, "text", "", {{"maxFilesPerTrigger", "1"}, {"maxBytesPerTrigger", "1"}});
      },
      ErrorCode::invalid_argument);
  error_text([&] { Directory(files, "json", ""); }, ErrorCode::analysis);
  error_text([&] { Directory(files, "csv", "a array<int>"); }, ErrorCode::analysis);
  error_text([&] { Directory(files, "text", "line string"); }, ErrorCode::analysis);
  CHECK(error_text([&] { Directory(files, "jsonl", ""); }, ErrorCode::invalid_argument)
            .find("\"json\"") != std::string::npos);
}

TEST_CASE("Malformed rows: kept as null rows, dropped, or an error with file and line") {
  TemporaryDirectory files;
  files.write("a", "{\"k\":1}\nrubbish\n\n{\"k\":\"x\"}\n{\"k\":2}\n");
  Directory permissive(files, "json", "k bigint, _corrupt_record string");
  CHECK(permissive.epoch() == "1 null | null rubbish | null {\"k\":\"x\"} | 2 null");
  CHECK(permissive.metrics.rows == 4);
  CHECK(permissive.metrics.malformed_rows == 2);
  CHECK(permissive.metrics.dropped_rows == 0);
  CHECK(Directory(files, "json", "bad string, k bigint", {{"columnNameOfCorruptRecord", "bad"}})
            .epoch() == "null 1 | rubbish null | {\"k\":\"x\"} null | null 2");
  CHECK(Directory(files, "json", "k bigint").epoch() == "1 | null | null | 2");

  Directory drop(files, "json", "k bigint", {{"mode", "dropmalformed"}});
  CHECK(drop.epoch() == "1 | 2");
  CHECK(drop.metrics.malformed_rows == 2);
  CHECK(drop.metrics.dropped_rows == 2);

  Directory fail_fast(files, "json", "k bigint", {{"mode", "FAILFAST"}});
  const std::string text = error_text([&] { fail_fast.epoch(); }, ErrorCode::data);
  CHECK(text.find(files.path("a") + " line 2") != std::string::npos);
}

TEST_CASE("Text: line ends, empty lines, byte order mark, NUL, no last newline, invalid UTF-8") {
  TemporaryDirectory files;
  const auto read = [&](const std::string& bytes) {
    files.write("a", bytes);
    return Directory(files, "text", "").epoch();
  };
  CHECK(read("") == "");
  CHECK(read("\n") == "");
  CHECK(read("a\r\nb\n\nc") == "a | b |  | c");
  CHECK(read("\xEF\xBB\xBFx\n") == "x");
  CHECK(read(std::string("a\0b\n", 4)) == std::string("a\0b", 3));
  CHECK(read("ok\n\xff\xc3\xa4\xe2\x82\n") == "ok | \xEF\xBF\xBD\xc3\xa4\xEF\xBF\xBD");
}

TEST_CASE(
    "Records cut at chunk ends and longer than a chunk are read whole; endless ones are not") {
  TemporaryDirectory files;
  const std::string large(9'000'000, 'x');
  const std::string endless(40'000'000, 'y');
  files.write("a", "first\n" + large + "\n" + endless + "\nlast\n" + endless);
  Directory directory(files, "text", "");
  const auto range = directory.plan();
  REQUIRE(range);
  CHECK(directory.read(*range) == "first | " + large + " | null | last | null");
  CHECK(directory.metrics.malformed_rows == 2);
}

TEST_CASE("A large file comes in batches of bounded size, all rows once") {
  TemporaryDirectory files;
  std::string text;
  constexpr int rows = 300'000;
  for (int i = 0; i < rows; ++i) {
    text += "{\"n\": " + std::to_string(i) + ", \"s\": \"" +
            std::string(static_cast<std::size_t>(i % 40), 'a') + "\"}\n";
  }
  files.write("a", text);
  SourceSpec spec;
  spec.format = "json";
  spec.path = files.path();
  spec.schema = Schema::parse("n int, s string");
  const auto source = make_source(spec, Environment{});
  source->restore("", empty_state());
  const auto range = source->plan(false);
  REQUIRE(range);
  const auto reader = source->reader(0, 1);
  reader->open(range->units);
  int next = 0;
  bool all_right = true;
  while (const BatchPtr batch = reader->next()) {
    all_right = all_right && batch->rows <= batch_rows;
    for (std::size_t row = 0; row < batch->rows; ++row, ++next) {
      all_right = all_right && batch->columns[0]->values<std::int32_t>()[row] == next &&
                  batch->columns[1]->string(row).size() == static_cast<std::size_t>(next % 40);
    }
  }
  CHECK(all_right);
  CHECK(next == rows);
}
