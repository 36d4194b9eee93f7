// What a process does to its disk: watched, and failing where its fate says so.
#include "connectors.hpp"

#include <libstream/checkpoint/term.hpp>

#include <string_view>
#include <utility>

namespace libstream::apps::simulation {
namespace {

using testing::FileOperation;
using Kind = FileOperation::Kind;

const std::string log_directory = std::string(checkpoint_directory) + "/log";

class DiskHook final : public testing::FileHook {
 public:
  explicit DiskHook(std::shared_ptr<Process> process) : process_(std::move(process)) {}

  void before(const FileOperation& operation) override {
    process_->before(aim(operation));
    if (operation.syncs() && process_->fails(Fault::fsync)) {
      process_->fail(Fault::fsync, "cannot sync " + operation.path + ": Input/output error");
    }
    if (operation.reads() && process_->fails(Fault::read)) {
      process_->fail(Fault::read, "cannot read " + operation.path + ": Input/output error");
    }
    if (operation.takes_room() && process_->disk_is_full()) {
      process_->world().hits.add(CrashPoint::c27);
      process_->fail(Fault::full, "cannot write " + operation.path + ": No space left on device");
    }
  }

  void after(const FileOperation& operation) override {
    if (operation.done) observe(operation);
    if (!operation.syncs() && !operation.reads() && process_->fails(Fault::write)) {
      process_->fail(Fault::write, "cannot write " + operation.path + ": Input/output error");
    }
    process_->after(aim(operation));
  }

 private:
  Aim aim(const FileOperation& operation) const {
    if (operation.kind == Kind::remove) {
      return process_->course().removing() ? Aim::removal : Aim::any;
    }
    return process_->course().puts_decision() ? Aim::decision
           : process_->course().puts_state()  ? Aim::state_file
                                              : Aim::any;
  }

  void observe(const FileOperation& operation) {
    process_->course().file_operation(operation);
    auto& ledger = process_->world().ledger;
    switch (operation.kind) {
      case Kind::link:
        if (const auto index = log_index(operation.target)) ledger.entry_linked(*index);
        ledger.output_linked(operation.target);
        break;
      case Kind::remove:
        ledger.removed(operation.path);
        break;
      case Kind::sync_directory:
        if (operation.path == log_directory) ledger.log_synced();
        break;
      default:
        break;
    }
  }

  std::shared_ptr<Process> process_;
};

class ProcessRoot final : public CheckpointRoot {
 public:
  ProcessRoot(std::shared_ptr<Process> process, std::shared_ptr<CheckpointRoot> root)
      : process_(std::move(process)), root_(std::move(root)) {}

  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    auto& course = process_->course();
    auto entry = entry_of(name, bytes);
    const bool decision = entry && std::holds_alternative<EpochEntry>(*entry);
    if (name.starts_with("state/") && process_->overtaken()) {
      process_->world().hits.add(CrashPoint::c24);
    }
    course.begin_put(name, std::move(entry));
    try {
      const bool done = root_->put_if_absent(name, bytes);
      // Taken by what a fault had left of an earlier try: its own, and durable now.
      const auto path = std::string(checkpoint_directory) + "/" + name;
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const bool own = done || process_->world().disk.content(path) == text;
      course.end_put(own);
      if (decision && own) process_->decision_done();
      return done;
    } catch (const Error&) {
      course.end_put(false);
      if (decision) process_->decision_failed();
      throw;
    }
  }
  std::optional<std::string> read(const std::string& name) override { return root_->read(name); }
  std::vector<std::string> list(const std::string& prefix) override { return root_->list(prefix); }
  void remove(const std::string& name) override {
    process_->course().begin_remove();
    root_->remove(name);
    process_->course().end_remove();
  }
  std::string describe() const override { return root_->describe(); }

 private:
  std::optional<LogEntry> entry_of(const std::string& name, std::span<const std::byte> bytes) {
    if (!name.starts_with("log/")) return std::nullopt;
    const auto meta = process_->world().disk.content(std::string(checkpoint_directory) + "/meta");
    return decode_log_entry({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                            std::stoull(name.substr(4)), meta);
  }

  std::shared_ptr<Process> process_;
  std::shared_ptr<CheckpointRoot> root_;
};

}  // namespace

std::shared_ptr<FileSystem> process_files(std::shared_ptr<Process> process) {
  auto& disk = process->world().disk;
  return disk.files(std::make_shared<DiskHook>(std::move(process)));
}

std::shared_ptr<CheckpointRoot> process_root(std::shared_ptr<Process> process,
                                             std::shared_ptr<FileSystem> files) {
  const auto holder = "process" + std::to_string(process->number());
  return std::make_shared<ProcessRoot>(
      std::move(process), unlocked_directory_root(checkpoint_directory, std::move(files), holder));
}

}  // namespace libstream::apps::simulation
