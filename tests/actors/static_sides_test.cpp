// Streams joined with files that are added, replaced and removed while the query runs.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <utility>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

/// Files of one test, gone with it.
class Files {
 public:
  Files()
      : path_((std::filesystem::temp_directory_path() / ("static-" + system_random()->uuid()))
                  .string()) {
    std::filesystem::create_directories(path("table"));
  }
  ~Files() { std::filesystem::remove_all(path_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  /// As a careful program does it: written elsewhere, then renamed. Times of the file system may
  /// stand still for some milliseconds: each file is a second younger than the one before.
  void write(const std::string& name, std::int64_t id, const std::string& value) const {
    std::ofstream(path("next")) << "{\"id\":" << id << ",\"name\":\"" << value << "\"}\n";
    std::filesystem::last_write_time(path("next"), began_ + std::chrono::seconds(++written_));
    std::filesystem::rename(path("next"), path("table/" + name));
  }
  void remove(const std::string& name) const { std::filesystem::remove(path("table/" + name)); }

 private:
  std::string path_;
  std::filesystem::file_time_type began_ = std::filesystem::file_time_type::clock::now();
  mutable int written_ = 0;
};

enum class Look { each_epoch, cached, every_hour };

DataStream table(Session& session, const Files& files, Look look) {
  const auto read = session.read().schema("id bigint, name string").json(files.path("table"));
  if (look == Look::cached) return read.cache();
  return look == Look::every_hour ? read.refresh("1 hour") : read;
}

/// One session with one query: numbers ⟕ names by id.
struct Joined {
  Session session;
  MemoryTable output;
  Query query;

  Joined(MemoryStream& input, const Files& files, Look look, std::uint32_t partitions = 2)
      : session({.threads = 2, .partitions = partitions}),
        query(session.read_stream()
                  .memory(input)
                  .join(table(session, files, look), {"id"}, JoinType::left_outer)
                  .write_stream()
                  .option("broadcastLimit", partitions == 2 ? "1000000" : "0")
                  .checkpoint(files.path("checkpoint"))
                  .memory(output)
                  .start()) {}

  std::string epoch(MemoryStream& input) {
    output.clear();
    input.add({{1}, {2}, {3}});
    query.process_all_available();
    return output.text();
  }
};

/// Fails to stage the rows of one epoch, once; then passes rows on to a table.
class FailingOnce final : public Sink {
 public:
  explicit FailingOnce(std::uint64_t epoch) : epoch_(epoch) {}
  std::string describe() const override { return "FailingOnce"; }
  void set_schema(const Schema&) override {}
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return std::make_unique<Writer>(*this);
  }
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    auto& text = epochs_[epoch];  // comes again after a restart
    text.clear();
    for (const auto& handle : handles) text += handle.bytes;
  }
  std::string text() const {
    std::string all;
    for (const auto& [epoch, text] : epochs_) all += text;
    return all;
  }
  std::function<void()> before_failure;

 private:
  class Writer final : public SinkWriter {
   public:
    explicit Writer(FailingOnce& sink) : sink_(sink) {}
    bool blocking() const override { return true; }
    void start(Epoch epoch) override { epoch_ = epoch; }
    void write(const BatchPtr& batch) override {
      rows_ += batch->rows;
      text_ += to_text(*batch) + "; ";
    }
    StagedHandle stage() override {
      if (number(epoch_) == sink_.epoch_ && !sink_.failed_.exchange(true)) {
        if (sink_.before_failure) sink_.before_failure();
        throw Error(ErrorCode::io, "no room, for once");
      }
      return {std::exchange(text_, {}), std::exchange(rows_, 0)};
    }

   private:
    FailingOnce& sink_;
    Epoch epoch_{};
    std::string text_;
    std::uint64_t rows_ = 0;
  };
  const std::uint64_t epoch_;
  std::map<Epoch, std::string> epochs_;
  std::atomic<bool> failed_{false};
};

}  // namespace

TEST_CASE("By default each epoch sees the files as they are at its start, also after a restart") {
  for (const std::uint32_t partitions : {2U, 3U}) {
    const Files files;
    MemoryStream input("id bigint");
    files.write("a.json", 1, "ada");
    {
      Joined joined(input, files, Look::each_epoch, partitions);
      CHECK(joined.epoch(input) == "1 ada | 2 null | 3 null");
      files.write("b.json", 2, "bob");
      CHECK(joined.epoch(input) == "1 ada | 2 bob | 3 null");
      files.write("b.json", 2, "bea");
      CHECK(joined.epoch(input) == "1 ada | 2 bea | 3 null");
      files.remove("a.json");
      CHECK(joined.epoch(input) == "1 null | 2 bea | 3 null");
      joined.query.stop();
    }
    files.write("c.json", 3, "cy");
    Joined again(input, files, Look::each_epoch, partitions);
    CHECK(again.epoch(input) == "1 null | 2 bea | 3 cy");
  }
}

TEST_CASE(
    "cache() and a long interval keep what the run's first epoch saw; a restart looks again") {
  for (const auto look : {Look::cached, Look::every_hour}) {
    const Files files;
    MemoryStream input("id bigint");
    files.write("a.json", 1, "ada");
    {
      Joined joined(input, files, look);
      CHECK(joined.epoch(input) == "1 ada | 2 null | 3 null");
      files.write("b.json", 2, "bob");
      files.remove("a.json");
      CHECK(joined.epoch(input) == "1 ada | 2 null | 3 null");
      joined.query.stop();
    }
    Joined again(input, files, look);
    CHECK(again.epoch(input) == "1 null | 2 bob | 3 null");
  }
}

TEST_CASE("An epoch that is tried again sees the table that it saw before") {
  const Files files;
  MemoryStream input("id bigint");
  files.write("a.json", 1, "ada");
  Session session({.threads = 2, .partitions = 1});
  const auto sink = std::make_shared<FailingOnce>(1);
  sink->before_failure = [&] {
    files.write("a.json", 1, "ann");
    files.write("b.json", 2, "bob");
  };
  auto query = session.read_stream()
                   .memory(input)
                   .join(table(session, files, Look::each_epoch), {"id"}, JoinType::left_outer)
                   .write_stream()
                   .option("restarts", 1)
                   .sink(sink)
                   .checkpoint(files.path("checkpoint"))
                   .start();
  for (int epoch = 0; epoch < 3; ++epoch) {
    input.add({{1}, {2}});
    query.process_all_available();
  }
  query.stop();
  CHECK(sink->text() == "1 ada | 2 null; 1 ada | 2 null; 1 ann | 2 bob; ");
}

TEST_CASE(
    "A query started again after a fault takes the files as they are: nothing was published") {
  const Files files;
  MemoryStream input("id bigint");
  files.write("a.json", 1, "ada");
  const auto sink = std::make_shared<FailingOnce>(1);
  for (int start = 0; start < 2; ++start) {
    Session session({.threads = 2, .partitions = 1});
    auto query = session.read_stream()
                     .memory(input)
                     .join(table(session, files, Look::each_epoch), {"id"}, JoinType::left_outer)
                     .write_stream()
                     .sink(sink)
                     .checkpoint(files.path("checkpoint"))
                     .start();
    if (start == 0) {
      input.add({{1}, {2}});
      query.process_all_available();
      input.add({{1}, {2}});
      CHECK_THROWS_WITH(query.process_all_available(), doctest::Contains("no room"));
      files.remove("a.json");
      files.write("b.json", 2, "bob");
    } else {
      query.process_all_available();
      query.stop();
    }
  }
  CHECK(sink->text() == "1 ada | 2 null; 1 null | 2 bob; ");
}

TEST_CASE("The decision of an epoch names the files that its rows were joined with") {
  const Files files;
  const auto root = memory_root();
  MemoryStream input("id bigint");
  files.write("a.json", 1, "ada");
  CheckpointMeta meta;
  {
    Session session({.threads = 1, .partitions = 1});
    auto query = session.read_stream()
                     .memory(input)
                     .join(table(session, files, Look::each_epoch), {"id"})
                     .write_stream()
                     .none()
                     .checkpoint(root)
                     .start();
    input.add({{1}});
    query.process_all_available();
    meta.query_id = query.id();
    query.stop();
  }
  const auto stored = root->read("meta");
  REQUIRE(stored);
  meta.key_groups = 128;
  meta.hash_id = "ls-mum-2";
  meta.sources = {"MemorySource"};
  const auto term = Term::open(root, meta, Environment{}, {});
  REQUIRE(term->restored().last);
  const auto versions = term->restored().last->static_versions;
  REQUIRE(versions.size() == 1);
  CHECK(versions[0].find("\"a.json\"") != std::string::npos);
  CHECK(versions[0].find(files.path("table")) != std::string::npos);
}

TEST_CASE("Stream and table may change sides, and two tables may be joined") {
  Session session({.threads = 2, .partitions = 3});
  MemoryStream input("id bigint");
  MemoryStream left("id bigint, a string");
  MemoryStream right("id bigint, b string");
  left.add(std::vector<Row>{{1, "x"}, {2, "y"}});
  right.add(std::vector<Row>{{2, "z"}, {3, "w"}});
  MemoryTable output;
  auto query =
      session.read()
          .memory(left)
          .as("l")
          .join(session.read_stream().memory(input).as("s"), "l.id < s.id", JoinType::right_outer)
          .select("a", "s.id")
          .write_stream()
          .memory(output)
          .start();
  input.add({{1}, {3}});
  query.process_all_available();
  CHECK(output.text() == "null 1 | x 3 | y 3");
  query.stop();

  const auto batch = [&](JoinType type) {
    MemoryTable table;
    session.read()
        .memory(left)
        .join(session.read().memory(right), {"id"}, type)
        .write_stream()
        .memory(table)
        .start()
        .await_termination();
    return table.text();
  };
  CHECK(batch(JoinType::inner) == "2 y z");
  CHECK(batch(JoinType::left_outer) == "1 x null | 2 y z");
  CHECK(batch(JoinType::right_outer) == "2 y z | 3 null w");
  CHECK(batch(JoinType::left_anti) == "1 x");
  CHECK(batch(JoinType::full_outer) == "1 x null | 2 y z | 3 null w");
}

TEST_CASE("A full outer join of two tables keeps the rows of both, also where one is empty") {
  Session session({.threads = 2, .partitions = 3});
  const auto full = [&](const MemoryStream& left, const MemoryStream& right,
                        const std::string& condition) {
    return session.read()
        .memory(left)
        .as("l")
        .join(session.read().memory(right).as("r"), condition, JoinType::full_outer)
        .select("l.id", "a", "r.id", "b");
  };
  const auto rows = [](const DataStream& stream) {
    MemoryTable table;
    stream.write_stream().memory(table).start().await_termination();
    return table.text();
  };
  MemoryStream left("id bigint, a string");
  MemoryStream right("id bigint, b string");
  CHECK(rows(full(left, right, "l.id = r.id")).empty());
  right.add(std::vector<Row>{{2, "z"}, {nullptr, "n"}, {3, "w"}, {2, "y"}});
  // The left side, which is read in epochs, has nothing to read.
  CHECK(rows(full(left, right, "l.id = r.id")) ==
        "null null null n | null null 2 y | null null 2 z | null null 3 w");
  left.add(std::vector<Row>{{1, "x"}, {2, "y"}, {nullptr, "m"}});
  CHECK(rows(full(left, right, "l.id = r.id AND b <> 'z' AND a <> 'x'")) ==
        "null null null n | null null 2 z | null null 3 w | null m null null | 1 x null null | "
        "2 y 2 y");
  CHECK(rows(full(left, right, "l.id < r.id")) ==
        "null null null n | null m null null | 1 x 2 y | 1 x 2 z | 1 x 3 w | 2 y 3 w");
  CHECK(rows(full(left, MemoryStream("id bigint, b string"), "l.id = r.id")) ==
        "null m null null | 1 x null null | 2 y null null");
}

TEST_CASE("A stream joins the full outer join of two tables") {
  Session session({.threads = 2, .partitions = 3});
  MemoryStream left("id bigint, a string");
  MemoryStream right("id bigint, b string");
  left.add(std::vector<Row>{{1, "x"}, {2, "y"}});
  right.add(std::vector<Row>{{2, "z"}, {3, "w"}});
  MemoryStream input("id bigint");
  MemoryTable output;
  const auto tables =
      session.read().memory(left).join(session.read().memory(right), {"id"}, JoinType::full_outer);
  auto query = session.read_stream()
                   .memory(input)
                   .join(tables, {"id"})
                   .write_stream()
                   .memory(output)
                   .start();
  input.add({{1}, {2}, {3}, {4}});
  query.process_all_available();
  CHECK(output.text() == "1 x null | 2 y z | 3 null w");
  left.add(std::vector<Row>{{4, "v"}});
  right.add(std::vector<Row>{{1, "u"}});
  input.add({{1}, {4}});
  query.process_all_available();
  CHECK(output.text() == "1 x null | 1 x u | 2 y z | 3 null w | 4 v null");
  query.stop();
}

TEST_CASE("A static directory that is missing ends the query with its name") {
  const Files files;
  std::filesystem::remove_all(files.path("table"));
  MemoryStream input("id bigint");
  Joined joined(input, files, Look::each_epoch);
  input.add({{1}});
  CHECK_THROWS_WITH(joined.query.process_all_available(),
                    doctest::Contains((files.path("table") + " does not exist").c_str()));
}
