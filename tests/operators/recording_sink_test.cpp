#include "../checkpoint/temporary_directory.hpp"
#include "failing_file_system.hpp"

#include <libstream/recording.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace libstream;
using libstream::test::TemporaryDirectory;

namespace {

const Schema schema = Schema::parse("v bigint, text string");
constexpr std::uint64_t epochs = 4;
constexpr std::uint32_t partitions = 2;

/// Epoch 1 is too large for the decision, epoch 2 has nothing.
std::int64_t rows_of_epoch(std::uint64_t epoch) {
  return epoch == 1 ? 3000 : epoch == 2 ? 0 : static_cast<std::int64_t>(epoch) + 2;
}

/// What an epoch is decided to be: a log in memory, which no file's failure touches.
struct Decided {
  std::vector<StagedHandle> handles;
  bool committed = false;
};

std::shared_ptr<Sink> make_sink(const std::string& directory, std::shared_ptr<FileSystem> files) {
  Environment environment;
  environment.files = std::move(files);
  RecordingTarget target;
  target.directory = directory;
  target.source = "numbers";
  target.kind = "ListSource";
  auto sink = recording_sink(target, environment);
  sink->set_schema(schema);
  return sink;
}

std::vector<StagedHandle> stage(Sink& sink, std::uint64_t epoch, std::uint64_t term) {
  std::vector<StagedHandle> handles;
  for (std::uint32_t partition = 0; partition < partitions; ++partition) {
    auto writer = sink.writer({term, partition});
    writer->start(Epoch{epoch});
    std::vector<Row> rows;
    for (auto i = static_cast<std::int64_t>(partition); i < rows_of_epoch(epoch); i += partitions) {
      const auto noise = static_cast<std::uint64_t>(i + 1) * 0x9e3779b97f4a7c15ULL;
      rows.push_back({Value(i), Value(std::to_string(noise))});
    }
    if (!rows.empty()) writer->write(batch_of(schema, rows));
    handles.push_back(writer->stage());
  }
  EpochSummary summary;
  summary.epoch = Epoch{epoch};
  summary.inputs.push_back({rows_of_epoch(epoch) == 0, "", std::to_string(epoch)});
  handles.push_back(sink.note(summary));
  return handles;
}

/// One process from its start to its end, in the engine's order of calls, over files that may fail.
void run(const std::string& directory, std::map<std::uint64_t, Decided>& log,
         std::shared_ptr<FileSystem> files, std::uint64_t term) {
  const auto sink = make_sink(directory, std::move(files));
  sink->open("a-query");
  std::vector<StagedHandle> keep;
  for (auto& [epoch, decided] : log) {
    if (decided.committed) continue;
    sink->commit(Epoch{epoch}, decided.handles);
    keep.insert(keep.end(), decided.handles.begin(), decided.handles.end());
    decided.committed = true;
  }
  sink->sweep(term, keep);
  for (auto epoch = static_cast<std::uint64_t>(log.size()); epoch < epochs; ++epoch) {
    auto handles = stage(*sink, epoch, term);
    auto& decided = log[epoch] = {std::move(handles), false};
    sink->commit(Epoch{epoch}, decided.handles);
    decided.committed = true;
  }
}

/// Exactly the epochs of the log that are appended, each whole.
void check_recorded(const std::string& directory, std::uint64_t least, std::uint64_t most) {
  std::optional<Recording> recording;
  try {
    recording = Recording::open(directory);
  } catch (const Error& error) {
    REQUIRE(error.code() == ErrorCode::unreachable);
    CHECK(least == 0);
    return;
  }
  const auto& source = recording->find("numbers");
  CHECK(source.epochs.size() >= least);
  CHECK(source.epochs.size() <= most);
  for (std::uint64_t epoch = 0; epoch < source.epochs.size(); ++epoch) {
    CHECK(number(source.epochs[epoch].epoch) == epoch);
    CHECK(source.epochs[epoch].end == std::to_string(epoch));
    std::int64_t rows = 0;
    std::int64_t sum = 0;
    for (const auto& chunk : source.epochs[epoch].chunks) {
      for (const auto& batch : recording->rows(source, chunk)) {
        for (std::size_t i = 0; i < batch->rows; ++i, ++rows) {
          sum += batch->columns[0]->values<std::int64_t>()[i];
        }
      }
    }
    const auto wanted = rows_of_epoch(epoch);
    CHECK(rows == wanted);
    CHECK(sum == wanted * (wanted - 1) / 2);
  }
}

std::uint64_t committed(const std::map<std::uint64_t, Decided>& log) {
  std::uint64_t count = 0;
  for (const auto& [epoch, decided] : log) count += decided.committed ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a recording equals the decided epochs, whatever call on a file fails") {
  for (const auto when : {FailingFileSystem::When::before, FailingFileSystem::When::after}) {
    int failed = 0;
    for (int at = 1;; ++at) {
      CAPTURE(at);
      const TemporaryDirectory work;
      const auto directory = work.path() + "/recording";
      std::map<std::uint64_t, Decided> log;
      const auto files = std::make_shared<FailingFileSystem>(at, when);
      bool whole = true;
      try {
        run(directory, log, files, 1);
      } catch (const Error&) {
        whole = false;
        ++failed;
      }
      if (whole) {
        REQUIRE(files->calls() < at);
        break;
      }
      check_recorded(directory, committed(log), log.size());
      run(directory, log, local_file_system(), 2);
      check_recorded(directory, epochs, epochs);
      CHECK(local_file_system()->list(directory + "/numbers/_staging").empty());
    }
    CHECK(failed > 30);
  }
}

TEST_CASE("an epoch that is committed again is not there twice") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  std::map<std::uint64_t, Decided> log;
  run(directory, log, local_file_system(), 1);
  for (std::uint64_t term = 2; term < 5; ++term) {
    for (auto& [epoch, decided] : log) decided.committed = epoch < term;
    run(directory, log, local_file_system(), term);
    check_recorded(directory, epochs, epochs);
  }
}

TEST_CASE("a staged file that has changed is not appended") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  std::map<std::uint64_t, Decided> log;
  // Fails while epoch 1, which has files, is appended.
  int at = 1;
  for (; log.size() < 2 || committed(log) != 1; ++at) {
    log.clear();
    std::filesystem::remove_all(directory);
    try {
      run(directory, log, std::make_shared<FailingFileSystem>(at, FailingFileSystem::When::before),
          1);
    } catch (const Error&) {
    }
  }
  const auto files = local_file_system()->list(directory + "/numbers/_staging");
  REQUIRE(!files.empty());
  {
    auto bytes = local_file_system()->read(files[0].path);
    bytes[100] = static_cast<char>(bytes[100] ^ 1);
    local_file_system()->remove(files[0].path);
    const auto file = local_file_system()->create(files[0].path);
    file->append(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  try {
    run(directory, log, local_file_system(), 2);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::corrupt);
    CHECK(std::string(error.what()).find(files[0].path) != std::string::npos);
  }
}

TEST_CASE("a process that has lost its term writes where nobody looks") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto open = [&] {
    auto sink = make_sink(directory, local_file_system());
    sink->open("a-query");
    return sink;
  };
  const auto old = open();
  old->commit(Epoch{0}, stage(*old, 0, 1));
  const auto both = stage(*old, 1, 1);
  const auto newer = open();
  newer->commit(Epoch{1}, both);
  // The one that lost was about to append the same, and a bit more.
  old->commit(Epoch{1}, stage(*old, 1, 1));
  check_recorded(directory, 2, 2);
  CHECK(Recording::open(directory).find("numbers").segments == 2);
  newer->commit(Epoch{2}, stage(*newer, 2, 2));
  newer->commit(Epoch{3}, stage(*newer, 3, 2));
  check_recorded(directory, epochs, epochs);
}

TEST_CASE("two processes that begin a recording at once: one of them is refused") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto first = make_sink(directory, local_file_system());
  const auto second = make_sink(directory, local_file_system());
  first->open("a-query");
  second->open("another-query");
  first->commit(Epoch{0}, stage(*first, 0, 1));
  try {
    second->commit(Epoch{0}, stage(*second, 0, 1));
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::conflict);
  }
  check_recorded(directory, 1, 1);
}
