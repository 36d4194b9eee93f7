#pragma once

// Small sources, operators and sinks that let the engine be tested by itself.

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/memory.hpp>
#include <libstream/topology.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace libstream::fakes {

/// Batches by offset, from a vector that the test shares and extends; `per_epoch` at most at once.
class ListSource final : public Source {
 public:
  struct Shared {
    Schema schema;
    std::vector<BatchPtr> batches;
    std::mutex mutex;
  };
  ListSource(std::shared_ptr<Shared> shared, bool blocking, std::size_t per_epoch)
      : shared_(std::move(shared)), blocking_(blocking), per_epoch_(per_epoch) {}

  const Schema& schema() const override { return shared_->schema; }
  std::string describe() const override { return "ListSource"; }
  void restore(const Offset& committed, const StateReader&) override { rewind(committed); }
  std::optional<PlannedRange> plan(bool unlimited) override {
    const std::lock_guard lock(shared_->mutex);
    const auto available = std::min(shared_->batches.size(), frozen_);
    if (available <= planned_) return std::nullopt;
    const auto end = unlimited ? available : std::min(available, planned_ + per_epoch_);
    PlannedRange range;
    range.start = planned_ > 0 ? std::to_string(planned_) : "";
    range.end = std::to_string(end);
    for (auto i = planned_; i < end; ++i) range.units.push_back({std::to_string(i), 1, -1});
    planned_ = end;
    return range;
  }
  void rewind(const Offset& committed) override {
    planned_ = committed.empty() ? 0 : std::stoull(committed);
  }
  void freeze() override {
    const std::lock_guard lock(shared_->mutex);
    frozen_ = shared_->batches.size();
  }
  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<Reader>(shared_, blocking_);
  }

 private:
  class Reader final : public SourceReader {
   public:
    Reader(std::shared_ptr<Shared> shared, bool blocking)
        : shared_(std::move(shared)), blocking_(blocking) {}
    bool blocking() const override { return blocking_; }
    void open(std::vector<ReadUnit> units) override {
      units_ = std::move(units);
      next_ = 0;
      rows_ = 0;
    }
    BatchPtr next() override {
      if (next_ == units_.size()) return nullptr;
      const std::lock_guard lock(shared_->mutex);
      auto batch = shared_->batches[std::stoull(units_[next_++].bytes)];
      rows_ += batch->rows;
      return batch;
    }
    SourceMetrics metrics() const override { return {rows_, 0, 0}; }

   private:
    std::shared_ptr<Shared> shared_;
    bool blocking_;
    std::vector<ReadUnit> units_;
    std::size_t next_ = 0;
    std::uint64_t rows_ = 0;
  };
  std::shared_ptr<Shared> shared_;
  bool blocking_;
  std::size_t per_epoch_;
  std::size_t planned_ = 0;
  std::size_t frozen_ = ~std::size_t{0};
};

/// Rows of all committed epochs, as text; survives restarts in the test's hands.
class ListSink final : public Sink {
 public:
  struct Shared {
    std::map<std::uint64_t, std::vector<std::string>> epochs;
    std::map<std::uint64_t, std::vector<std::vector<std::string>>> again;  ///< repeated commits
    std::mutex mutex;
    std::vector<std::string> rows() {
      const std::lock_guard lock(mutex);
      std::vector<std::string> all;
      for (const auto& [epoch, rows] : epochs) all.insert(all.end(), rows.begin(), rows.end());
      std::sort(all.begin(), all.end());
      return all;
    }
  };
  ListSink(std::shared_ptr<Shared> shared, bool blocking, std::string name = "ListSink")
      : shared_(std::move(shared)), blocking_(blocking), name_(std::move(name)) {}

  std::string describe() const override { return name_; }
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return std::make_unique<Writer>(blocking_);
  }
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    std::vector<std::string> rows;
    for (const auto& handle : handles) {
      std::size_t begin = 0;
      while (begin < handle.bytes.size()) {
        const auto end = handle.bytes.find('\n', begin);
        rows.push_back(handle.bytes.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    const std::lock_guard lock(shared_->mutex);
    if (shared_->epochs.contains(number(epoch))) {
      shared_->again[number(epoch)].push_back(rows);
      return;
    }
    if (!shared_->epochs.empty() && shared_->epochs.rbegin()->first + 1 != number(epoch)) {
      throw Error(ErrorCode::io, "epochs are committed in order");
    }
    shared_->epochs[number(epoch)] = std::move(rows);
  }
  void set_schema(const Schema&) override {}

 private:
  class Writer final : public SinkWriter {
   public:
    explicit Writer(bool blocking) : blocking_(blocking) {}
    bool blocking() const override { return blocking_; }
    void start(Epoch) override { staged_ = {}; }
    void write(const BatchPtr& batch) override {
      for (const auto& row : rows_of(*batch)) {
        for (std::size_t i = 0; i < row.size(); ++i) {
          if (i > 0) staged_.bytes += ' ';
          staged_.bytes += row[i].is_null() ? "null" : std::to_string(row[i].integer());
        }
        staged_.bytes += '\n';
      }
      staged_.rows += batch->rows;
    }
    StagedHandle stage() override { return std::exchange(staged_, {}); }

   private:
    bool blocking_;
    StagedHandle staged_;
  };
  std::shared_ptr<Shared> shared_;
  bool blocking_;
  std::string name_;
};

/// Passes batches on; emits each `copies` times and says `more` where the output is full.
class Repeat final : public Operator {
 public:
  explicit Repeat(std::uint32_t copies = 1) : copies_(copies) {}
  void start(const EpochStart&) override { made_ = 0; }
  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.made_rows = made_;
    return metrics;
  }
  Flow process(BatchPtr batch, std::size_t, Output& output) override {
    batch_ = std::move(batch);
    left_ = copies_;
    made_ += (copies_ - 1) * batch_->rows;
    return resume(output);
  }
  Flow resume(Output& output) override {
    while (left_ > 0) {
      if (output.full()) return Flow::more;
      output.emit(batch_);
      --left_;
    }
    return Flow::done;
  }

 private:
  std::uint32_t copies_;
  std::uint32_t left_ = 0;
  std::uint64_t made_ = 0;
  BatchPtr batch_;
};

/// Adds column 1 per key in column 0 over all epochs; at each barrier emits the keys that changed
/// with their sums (update mode). State: one entry a key.
class SumPerKey final : public Operator {
 public:
  explicit SumPerKey(const OperatorContext& context) : groups_(context.key_groups) {}
  void restore(const StateReader& state, Watermark) override {
    state.for_each([this](std::uint32_t, std::string_view key, std::string_view value) {
      sums_[std::stoll(std::string(key))] = std::stoll(std::string(value));
    });
  }
  void start(const EpochStart&) override {
    changed_.clear();
    rows_ = made_ = 0;
  }
  Flow process(BatchPtr batch, std::size_t, Output&) override {
    rows_ += batch->rows;
    std::vector<std::uint64_t> hashes(batch->rows);
    const std::vector<std::uint32_t> keys{0};
    hash_keys(*batch, keys, hashes);
    for (std::size_t row = 0; row < batch->rows; ++row) {
      const auto key = batch->columns[0]->values<std::int64_t>()[row];
      sums_[key] += batch->columns[1]->values<std::int64_t>()[row];
      changed_[key] = key_group(hashes[row], groups_);
    }
    return Flow::done;
  }
  Flow on_barrier(const Barrier&, Output& output) override {
    if (changed_.empty()) return Flow::done;
    std::vector<Row> rows;
    for (const auto& entry : changed_) rows.push_back({entry.first, sums_[entry.first]});
    made_ = rows.size();
    output.emit(batch_of(Schema::parse("k bigint, s bigint"), rows));
    return Flow::done;
  }
  void collect_changes(ChangelogWriter& changes) override {
    for (const auto& entry : changed_) {
      changes.put(entry.second, std::to_string(entry.first), std::to_string(sums_[entry.first]));
    }
  }
  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.stateful = true;
    metrics.state_rows = sums_.size();
    metrics.state_updated = changed_.size();
    metrics.absorbed_rows = rows_;
    metrics.made_rows = made_;
    return metrics;
  }

 private:
  std::uint32_t groups_;
  std::map<std::int64_t, std::int64_t> sums_;
  std::map<std::int64_t, std::uint32_t> changed_;
  std::uint64_t rows_ = 0;
  std::uint64_t made_ = 0;
};

inline TopologyNode source_node(std::shared_ptr<Source> source, std::uint32_t parallelism) {
  TopologyNode node;
  node.kind = TopologyNode::Kind::source;
  node.name = "source";
  node.parallelism = parallelism;
  node.schema = source->schema();
  node.source = std::move(source);
  node.id = OperatorId{1};
  return node;
}
inline TopologyNode sink_node(std::shared_ptr<Sink> sink, std::uint32_t parallelism) {
  TopologyNode node;
  node.kind = TopologyNode::Kind::sink;
  node.name = "sink";
  node.parallelism = parallelism;
  node.sink = std::move(sink);
  return node;
}
template <class Make>
TopologyNode op_node(std::string name, std::uint32_t parallelism, Make make) {
  TopologyNode node;
  node.name = std::move(name);
  node.parallelism = parallelism;
  node.factory = make;
  return node;
}

}  // namespace libstream::fakes
