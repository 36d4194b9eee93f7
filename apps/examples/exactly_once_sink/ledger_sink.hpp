#pragma once

#include <libstream/libstream.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// A sink of one's own that takes part in exactly-once: rows go with the decision of their epoch.
namespace ledger {

using namespace libstream;

/// The outside: what readers see, an entry an epoch. Here a map; a database table with the epoch as
/// its primary key does the same.
class Ledger {
 public:
  /// True where the epoch was not there yet: a commit that comes again changes nothing.
  bool publish(Epoch epoch, const std::string& rows) {
    const std::lock_guard lock(mutex_);
    return epochs_.emplace(epoch, rows).second;
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [epoch, rows] : epochs_) text += (text.empty() ? "" : " / ") + rows;
    return text;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return epochs_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<Epoch, std::string> epochs_;
};

/// Gathers the rows of an epoch. What `stage` returns is stored with the decision: it may be the
/// rows themselves where they are few, or the name of a file that holds them.
class LedgerWriter final : public SinkWriter {
 public:
  bool blocking() const override { return false; }
  void start(Epoch /*epoch*/) override { staged_ = {}; }
  void write(const BatchPtr& batch) override {
    staged_.bytes += (staged_.bytes.empty() ? "" : " | ") + to_text(*batch);
    staged_.rows += batch->rows;
  }
  StagedHandle stage() override { return staged_; }

 private:
  StagedHandle staged_;
};

class LedgerSink final : public Sink {
 public:
  explicit LedgerSink(std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {}
  std::string describe() const override { return "LedgerSink"; }
  void set_schema(const Schema& /*schema*/) override {}
  std::unique_ptr<SinkWriter> writer(const StageContext& /*context*/) override {
    return std::make_unique<LedgerWriter>();
  }
  /// Comes once the epoch is decided, and again after a crash in between.
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    std::string rows;
    for (const StagedHandle& handle : handles) {
      if (!handle.empty()) rows += (rows.empty() ? "" : " | ") + handle.bytes;
    }
    if (!rows.empty()) ledger_->publish(epoch, rows);
  }

 private:
  std::shared_ptr<Ledger> ledger_;
};

}  // namespace ledger
