#pragma once

#include <libstream/environment.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/connectors.hpp>
#include <libstream/operators/static_join.hpp>
#include <libstream/value.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <support/plan_fixture.hpp>
#include <utility>
#include <vector>

// Static joins without an engine: their side is prepared, their tasks are fed, by hand.
namespace libstream::test {

class SetClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override { return steady / 1000; }
  std::int64_t steady_microseconds() override { return steady; }
  std::int64_t steady = 1'000'000;
};

/// The files of the disk; counts how often each is read from its beginning.
class CountingFiles final : public FileSystem {
 public:
  std::string read(const std::string& path) override { return files_->read(path); }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    if (offset == 0) ++reads[path.substr(path.rfind('/') + 1)];
    if (before_read) before_read(path);
    return files_->read(path, offset, size);
  }
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return files_->create(path);
  }
  std::optional<FileStatus> status(const std::string& path) override {
    return files_->status(path);
  }
  std::vector<FileStatus> list(const std::string& directory) override {
    return files_->list(directory);
  }
  void create_directories(const std::string& path) override { files_->create_directories(path); }
  bool link(const std::string& from, const std::string& to) override {
    return files_->link(from, to);
  }
  bool remove(const std::string& path) override { return files_->remove(path); }
  void sync_directory(const std::string& path) override { files_->sync_directory(path); }
  bool same_file(const std::string& a, const std::string& b) override {
    return files_->same_file(a, b);
  }

  std::map<std::string, int> take_reads() { return std::exchange(reads, {}); }

  std::map<std::string, int> reads;
  std::function<void(const std::string&)> before_read;

 private:
  std::shared_ptr<FileSystem> files_ = local_file_system();
};

/// A source that is named and never read: the stream side of a plan.
inline ResolvedPtr stream_of(const Schema& schema) {
  auto plan = std::make_shared<ResolvedPlan>();
  plan->kind = ResolvedPlan::Kind::source;
  plan->schema = schema;
  plan->source.format = "memory";
  return plan;
}

/// Analysed with the schemas that memory streams have of their own.
inline ResolvedPtr resolved(const DataStream& table) {
  return analyse(table.plan(), source_schema);
}

inline Schema pair_of(const Schema& left, const Schema& right) {
  auto fields = left.fields();
  for (const auto& field : right) fields.push_back(field);
  return Schema(std::move(fields));
}

/// A join over these inputs, all columns out.
inline ResolvedPtr join_of(ResolvedPtr left, ResolvedPtr right, JoinPlan join) {
  auto plan = std::make_shared<ResolvedPlan>();
  plan->kind = ResolvedPlan::Kind::join;
  plan->streaming = left->streaming || right->streaming;
  const auto pair = pair_of(left->schema, right->schema);
  const bool semi = join.type == JoinType::left_semi || join.type == JoinType::left_anti;
  const auto count = semi ? left->schema.size() : pair.size();
  if (join.output.empty()) {
    for (std::uint32_t i = 0; i < count; ++i) join.output.push_back(i);
  }
  std::vector<Field> fields;
  for (const auto column : join.output) fields.push_back(pair[column]);
  plan->schema = Schema(std::move(fields));
  join.null_safe.resize(join.left.keys.size(), false);
  plan->join = std::make_shared<JoinPlan>(std::move(join));
  plan->inputs = {std::move(left), std::move(right)};
  return plan;
}

/// Runs one: epochs of batches, each handed to one of the tasks, or by key where the plan says so.
class StaticJoinTest {
 public:
  StaticJoinTest(const ResolvedPtr& plan, const QuerySpec& spec, std::uint32_t partitions,
                 Environment environment, bool refuse = false)
      : join_(plan_static_join(*plan, spec, {.partitions = partitions}, environment)),
        schema_(plan->inputs[join_.stream]->schema),
        partitions_(join_.gathered ? 1 : partitions),
        refuse_(refuse),
        rows_at_end_(plan->join->type == JoinType::full_outer) {
    partitions = partitions_;
    for (std::uint32_t i = 0; i < partitions; ++i) {
      tasks_.push_back(join_.factory({i, partitions, 128}));
    }
  }

  /// Starts an epoch; returns the version.
  std::string start() {
    auto version = join_.side->prepare(epoch_, {});
    for (auto& task : tasks_) task->start({epoch_, {}});
    epoch_ = libstream::next(epoch_);
    return version;
  }
  std::vector<Row> rows(const std::vector<Row>& rows) {
    const auto batch = batch_of(schema_, rows);
    if (!join_.partitioned) {
      feed(next_task_++ % partitions_, batch);
      return std::exchange(out_, {});
    }
    auto hashes = Buffer::allocate(batch->rows * sizeof(std::uint64_t));
    hash_keys(*batch, join_.keys, {hashes->as<std::uint64_t>(), batch->rows});
    auto hashed = std::make_shared<Batch>(*batch);
    hashed->hashes = hashes;
    for (std::uint32_t task = 0; task < partitions_; ++task) {
      std::vector<std::uint32_t> mine;
      for (std::uint32_t i = 0; i < batch->rows; ++i) {
        const auto group = key_group(hashes->as<std::uint64_t>()[i], 128);
        if (owner(group, 128, partitions_) == task) mine.push_back(i);
      }
      // What one task gets comes with hashes where the exchange left them.
      if (!mine.empty()) feed(task, gather(next_task_++ % 2 == 0 ? *hashed : *batch, mine));
    }
    return std::exchange(out_, {});
  }
  /// One epoch of one batch, sorted.
  std::vector<Row> epoch(const std::vector<Row>& stream) {
    start();
    auto out = rows(stream);
    std::sort(out.begin(), out.end());
    return out;
  }

  /// Ends the epoch; what comes out then.
  std::vector<Row> end() {
    for (std::uint32_t task = 0; task < partitions_; ++task) barrier(task);
    return std::exchange(out_, {});
  }

  const StaticJoin& plan() const { return join_; }
  std::size_t largest_batch() const { return largest_batch_; }
  std::uint64_t refusals() const { return refusals_; }
  BatchPtr last_batch() const { return last_batch_; }
  /// The batch itself, to a shared table.
  void feed(std::uint32_t task, const BatchPtr& batch) {
    Port port(*this);
    auto flow = tasks_[task]->process(batch, 0, port);
    while (flow == Flow::more) flow = tasks_[task]->resume(port);
    if (!rows_at_end_) barrier(task);
  }

 private:
  void barrier(std::uint32_t task) {
    Port port(*this);
    auto flow = tasks_[task]->on_barrier({epoch_, {}}, port);
    CHECK((flow == Flow::done || rows_at_end_));
    while (flow == Flow::more) flow = tasks_[task]->resume(port);
    ChangelogWriter changes;
    tasks_[task]->collect_changes(changes);
    CHECK(changes.empty());
  }

  class Port final : public Output {
   public:
    explicit Port(StaticJoinTest& test) : test_(test) {}
    void emit(BatchPtr batch, std::size_t port) override {
      REQUIRE(port == main_port);
      REQUIRE(batch->rows > 0);
      for (const auto& column : batch->columns) REQUIRE(column->size() == batch->rows);
      test_.largest_batch_ = std::max(test_.largest_batch_, batch->rows);
      for (auto& row : rows_of(*batch)) test_.out_.push_back(std::move(row));
      test_.last_batch_ = std::move(batch);
    }
    bool full() const override {
      if (test_.refuse_) ++test_.refusals_;
      return test_.refuse_;
    }
    bool connected(std::size_t port) const override { return port == main_port; }

   private:
    StaticJoinTest& test_;
  };

  StaticJoin join_;
  Schema schema_;
  std::uint32_t partitions_;
  bool refuse_;
  bool rows_at_end_;  ///< of a full outer join
  std::vector<std::unique_ptr<Operator>> tasks_;
  Epoch epoch_{};
  std::uint32_t next_task_ = 0;
  std::vector<Row> out_;
  std::size_t largest_batch_ = 0;
  std::uint64_t refusals_ = 0;
  BatchPtr last_batch_;
};

}  // namespace libstream::test
