#pragma once

#include "../../../actors/src/engine.hpp"
#include "../virtual_clock.hpp"
#include "random_case.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace libstream::oracle {

/// Every entry of a checkpoint's log, as it becomes durable. Safe from any thread.
class WatchedRoot final : public CheckpointRoot {
 public:
  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override;
  std::optional<std::string> read(const std::string& name) override { return root_->read(name); }
  std::vector<std::string> list(const std::string& prefix) override { return root_->list(prefix); }
  void remove(const std::string& name) override { root_->remove(name); }
  std::string describe() const override { return root_->describe(); }

  std::vector<EpochEntry> take();

 private:
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::mutex mutex_;
  std::vector<EpochEntry> entries_;
};

/// Rows that a sink was given, by epoch. Safe from any thread.
class Recorded {
 public:
  ForeachBatch callback();
  const std::vector<Row>* of(std::uint64_t epoch) const;
  std::size_t epochs() const { return epochs_.size(); }
  /// An epoch that came again with other rows.
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<Row>> epochs_;
  std::optional<std::string> problem_;
};

/// Runs a case on the real planner, operators, coordinator and checkpoint, most of it on simulated
/// actors, and holds each decision and each epoch's rows against the model.
class Execution {
 public:
  explicit Execution(const Case& plan);
  std::optional<std::string> run();

 private:
  std::optional<std::string> run_once(const Run& run);
  std::optional<std::string> on_threads(const Run& run);
  std::optional<std::string> simulated(const Run& run);
  Query start(const std::shared_ptr<Runtime>& runtime, const Run& run);
  void add();
  std::optional<std::string> after(const Query& query, const Run& run);
  std::optional<std::string> check_progress() const;
  std::optional<std::string> check_rows() const;
  std::optional<std::string> check_late(std::size_t epoch) const;

  const Case& plan_;
  RandomQuery query_;
  Columns columns_;
  Batches input_;
  Model model_;
  Environment environment_;
  std::shared_ptr<fakes::VirtualClock> clock_ = std::make_shared<fakes::VirtualClock>();
  std::vector<MemoryStream> streams_;
  std::size_t added_ = 0;
  std::shared_ptr<WatchedRoot> root_ = std::make_shared<WatchedRoot>();
  Recorded output_;
  MemoryTable late_;
  std::map<std::uint64_t, QueryProgress> progress_;
  bool failed_ = false;
};

}  // namespace libstream::oracle
