#include "recording_support.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace libstream;
using namespace libstream::test;
namespace fs = std::filesystem;

TEST_CASE("every byte counts: one that is changed is found, and the file named") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  record(directory);
  const auto path = directory + "/clicks/000000.segment";
  const auto bytes = read_file(path);
  CHECK_NOTHROW(read_all(directory));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CAPTURE(at);
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    write_file(path, changed);
    const auto error = failure([&] { read_all(directory); });
    CHECK(error.code() == ErrorCode::corrupt);
    CHECK(std::string(error.what()).find(path) != std::string::npos);
  }
}

TEST_CASE("a tail that is being written is left out, wherever it ends") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  record(directory);
  const auto path = directory + "/clicks/000000.segment";
  const auto bytes = read_file(path);
  const auto whole = Recording::open(directory).find("clicks").epochs;
  std::size_t most = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    write_file(path, bytes.substr(0, size));
    // The description is there before the file has its name.
    if (size < 32) continue;
    const auto begun = failure([&] { Recording::open(directory); });
    if (begun.code() == ErrorCode::corrupt) {
      CHECK(most == 0);
      continue;
    }
    const auto epochs = Recording::open(directory).find("clicks").epochs;
    CHECK(epochs.size() >= most);
    most = epochs.size();
    CHECK_NOTHROW(read_all(directory));
  }
  CHECK(most == whole.size());
}

TEST_CASE("after a tail that was cut off, the next run goes on in a new segment") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto path = directory + "/clicks/000000.segment";
  const auto root = memory_root();
  MemoryStream input(schema);
  const auto run = [&](const std::vector<std::vector<Row>>& epochs) {
    Session session({.threads = 2, .partitions = 2});
    auto query = sums(session.read_stream().memory(input).named("clicks"))
                     .write_stream()
                     .record_to(directory)
                     .checkpoint(root)
                     .none()
                     .start();
    for (const auto& rows : epochs) feed(input, query, rows);
    query.stop();
  };
  const auto all = epochs();
  run({all[0], all[1]});
  const auto before = Recording::open(directory).find("clicks").epochs.size();
  {
    std::ofstream file(path, std::ios::binary | std::ios::app);
    file << read_file(path).substr(0, 40);  // a frame's head and a bit
  }
  CHECK(Recording::open(directory).find("clicks").epochs.size() == before);
  run({all[2], all[3]});
  const auto recording = Recording::open(directory);
  const auto& source = recording.find("clicks");
  CHECK(source.segments == 2);
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < source.epochs.size(); ++i) {
    CHECK(number(source.epochs[i].epoch) == i);
    rows += source.epochs[i].rows();
  }
  CHECK(rows == 9);
  CHECK_NOTHROW(read_all(directory));
  // A segment that lacks what the next one says it has, or is gone, is damage.
  const auto bytes = read_file(path);
  write_file(path, bytes.substr(0, bytes.size() - 41));
  CHECK(std::string(failure([&] { read_all(directory); }).what()).find(path) != std::string::npos);
  fs::remove(path);
  CHECK(failure([&] { read_all(directory); }).code() == ErrorCode::corrupt);
}

TEST_CASE("a recording names no machine and no path, and is little-endian") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  {
    fs::create_directories(work.path() + "/in/words");
    write_file(work.path() + "/in/words/a.txt", "ada\nbob\n");
    Session session({.threads = 1, .partitions = 1});
    session.read_stream()
        .text(work.path() + "/in/words/")
        .write_stream()
        .trigger(Trigger::available_now())
        .record_to(directory)
        .none()
        .checkpoint(work.path() + "/checkpoint")
        .start()
        .await_termination();
  }
  const auto bytes = read_file(directory + "/words/000000.segment");
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  for (const auto& name :
       {work.path(), std::string("/in"), std::string("a.txt"), std::string(host)}) {
    CAPTURE(name);
    CHECK(bytes.find(name) == std::string::npos);
  }
  const auto number_at = [&](std::size_t at) {
    return static_cast<unsigned char>(bytes.at(at)) | static_cast<unsigned char>(bytes.at(at + 1))
                                                          << 8;
  };
  CHECK(bytes.substr(0, 4) == "LSRC");
  CHECK(number_at(4) == 1);
  CHECK(number_at(6) == 1);
  const auto second = static_cast<std::size_t>(32 + number_at(8));
  CHECK(bytes.substr(second, 4) == "LSRC");
  CHECK(number_at(second + 6) == 2);
  const auto recording = Recording::open(directory);
  const auto& source = recording.find("words");
  CHECK(source.kind == "FileSource text");
  CHECK(source.epochs.at(0).end == "{\"files\":1}");
  CHECK(to_text(*recording.rows(source, source.epochs[0].chunks.at(0)).at(0)) == "ada | bob");
}

TEST_CASE("what a recording refuses") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto says = [](const Error& error, ErrorCode code, const std::string& text) {
    CHECK(error.code() == code);
    CHECK_MESSAGE(std::string(error.what()).find(text) != std::string::npos, error.what());
  };
  says(failure([&] { Recording::open(directory); }), ErrorCode::unreachable, directory);
  fs::create_directories(directory);
  says(failure([&] { Recording::open(directory); }), ErrorCode::unreachable, "no epoch");
  record(directory);
  says(failure([&] { record(directory); }), ErrorCode::incompatible, "belongs to query");
  const auto recording = Recording::open(directory);
  says(failure([&] { recording.find("views"); }), ErrorCode::invalid_argument,
       "no source \"views\"; it has: clicks");
  says(failure([&] { recording.source("clicks", {.pace = -1}); }), ErrorCode::invalid_argument,
       "pace");
  Session session({.threads = 1, .partitions = 1});
  MemoryStream other("v bigint");
  says(failure([&] {
         session.read_stream()
             .memory(other)
             .named("clicks")
             .write_stream()
             .replay(directory)
             .none()
             .start();
       }),
       ErrorCode::incompatible, "rows of");
  says(failure([&] {
         const auto source = recording.source("clicks");
         source->restore("{\"files\":3}", empty_state());
       }),
       ErrorCode::incompatible, "is none of the recording's");
}

TEST_CASE("rows of every type come back") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto wide = Schema::parse(
      "b boolean, s smallint, i int, d double, n decimal(10,2), w decimal(38,5), t string, "
      "x binary, y date, a array<string>, o struct<p: bigint, q: array<bigint>>");
  const std::vector<Row> rows{
      {Value(true), Value(std::int64_t{3}), Value(std::int64_t{-4}), Value(0.5),
       Value(int128{1234}), Value(int128{1} << 100), Value("a text that is longer than a view"),
       Value("x"), Value(std::int64_t{15000}), Value(ValueList{Value("p"), Value()}),
       Value(ValueList{Value(std::int64_t{7}), Value(ValueList{})})},
      Row(11)};
  MemoryTable output;
  {
    Session session({.threads = 1, .partitions = 1});
    MemoryStream input(wide);
    input.add(rows);
    session.read_stream()
        .memory(input)
        .write_stream()
        .record_to(directory)
        .trigger(Trigger::available_now())
        .memory(output)
        .start()
        .await_termination();
  }
  const auto recording = Recording::open(directory);
  const auto& source = recording.find("memory");
  CHECK(source.schema == wide);
  CHECK(to_text(*recording.rows(source, source.epochs.at(0).chunks.at(0)).at(0)) ==
        to_text(*batch_of(wide, rows)));
}
