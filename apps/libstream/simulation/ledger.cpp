#include "ledger.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace libstream::apps::simulation {
namespace {

const std::string log_prefix = std::string(checkpoint_directory) + "/log/";
const std::string state_prefix = std::string(checkpoint_directory) + "/state/";
const std::string temporary_prefix = std::string(checkpoint_directory) + "/.tmp/";
const std::string staging_prefix = std::string(output_directory) + "/_staging/";
const std::string output_prefix = std::string(output_directory) + "/part-";

std::string in_epoch(Epoch epoch, const std::string& what) {
  return "epoch " + std::to_string(number(epoch)) + ": " + what;
}

std::string log_path(std::uint64_t index) {
  const auto digits = std::to_string(index);
  return log_prefix + std::string(20 - digits.size(), '0') + digits;
}

/// The first line that is in one of them alone.
std::string difference(const Lines& expected, const Lines& got) {
  const auto [a, b] = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  return "expected " + std::to_string(expected.size()) + " rows, got " +
         std::to_string(got.size()) + "; first difference: expected \"" +
         (a == expected.end() ? "no more" : *a) + "\", got \"" + (b == got.end() ? "no more" : *b) +
         "\"";
}

/// "{"key":1,"n":2}" as "1 2": all columns are whole numbers.
std::string numbers_of(std::string_view json) {
  std::string numbers;
  for (std::size_t i = 0; i + 1 < json.size(); ++i) {
    if (json[i] != ':') continue;
    const auto end = json.find_first_of(",}", i);
    numbers += (numbers.empty() ? "" : " ") + std::string(json.substr(i + 1, end - i - 1));
  }
  return numbers;
}

/// Epoch in the path of an output file: "…/part-3-0.jsonl".
std::optional<std::uint64_t> output_epoch(const std::string& path) {
  if (!path.starts_with(output_prefix)) return std::nullopt;
  std::uint64_t epoch = 0;
  const auto* begin = path.data() + output_prefix.size();
  const auto result = std::from_chars(begin, path.data() + path.size(), epoch);
  return result.ec == std::errc() ? std::optional(epoch) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> log_index(const std::string& path) {
  if (!path.starts_with(log_prefix)) return std::nullopt;
  std::uint64_t index = 0;
  const auto* end = path.data() + path.size();
  const auto result = std::from_chars(path.data() + log_prefix.size(), end, index);
  return result.ec == std::errc() && result.ptr == end ? std::optional(index) : std::nullopt;
}

Ledger::Ledger(const Plan& plan, const std::vector<Feed>& feeds, testing::SimulatedDisk& disk)
    : plan_(plan),
      feeds_(feeds),
      disk_(disk),
      recount_(std::in_place, plan, feeds),
      shown_(plan.ledger_sinks) {}

void Ledger::violate(const std::string& what) {
  if (!violation_) violation_ = what;
}

std::optional<LogEntry> Ledger::read(std::uint64_t index) const {
  const auto bytes = disk_.content(log_path(index));
  if (bytes.empty()) return std::nullopt;
  return decode_log_entry(bytes, index, disk_.content(std::string(checkpoint_directory) + "/meta"));
}

void Ledger::entry_linked(std::uint64_t index) {
  std::optional<LogEntry> entry;
  try {
    entry = read(index);
  } catch (const Error& error) {
    return violate(std::string("an entry is linked and cannot be read: ") + error.what());
  }
  if (!entry) return violate("entry " + std::to_string(index) + " is linked and not there");
  note(index);
  if (const auto* open = std::get_if<OpenEntry>(&*entry)) {
    opens_[index] = open->term;
    newest_open_ = opens_.rbegin()->second;
  } else if (const auto* epoch = std::get_if<EpochEntry>(&*entry)) {
    check_term(index, epoch->term);
    decide(index, *epoch);
  } else {
    const auto& close = std::get<CloseEntry>(*entry);
    check_term(index, close.term);
    check_committed(close.committed_through, "a close");
  }
}

/// I3: only the term that opened last writes behind its open.
void Ledger::check_term(std::uint64_t index, std::uint64_t term) {
  const auto behind = opens_.lower_bound(index);
  if (behind == opens_.begin() || std::prev(behind)->second != term) {
    violate("entry " + std::to_string(index) + " is of term " + std::to_string(term) +
            ", which has lost the log");
  }
}

/// I6: an epoch is recorded as committed only when all sinks show it.
void Ledger::check_committed(std::int64_t committed_through, const std::string& where) {
  const auto next = static_cast<std::uint64_t>(committed_through + 1);
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    if (shown_[i].next < next) {
      violate(where + " records epoch " + std::to_string(committed_through) +
              " as committed, but sink " + std::to_string(i) + " does not show it");
    }
  }
}

void Ledger::decide(std::uint64_t index, const EpochEntry& entry) {
  if (number(entry.epoch) < decisions_.size()) {
    return violate(in_epoch(entry.epoch, "decided twice"));
  }
  if (auto problem = recount_->decide(entry)) {
    return violate(in_epoch(entry.epoch, "the decision is wrong: " + *problem));
  }
  check_committed(entry.committed_through, in_epoch(entry.epoch, "its decision"));
  check_files(entry);
  note(number(entry.epoch) ^ entry.term << 32);
  decisions_.push_back({index, entry});
}

std::vector<std::string> Ledger::files_of(const EpochEntry& entry) const {
  std::vector<std::string> files;
  for (const auto& changes : entry.changes) {
    if (changes.file) files.push_back(changes.file->name);
  }
  if (entry.snapshot) {
    entry.snapshot->for_each_file([&](const StateFile& file) { files.push_back(file.name); });
  }
  for (auto& file : files) file = std::string(checkpoint_directory) + "/" + file;
  return files;
}

/// I2: what a decision names is there, and as long as it is.
void Ledger::check_files(const EpochEntry& entry) {
  for (const auto& file : files_of(entry)) {
    if (!disk_.exists(file)) violate(in_epoch(entry.epoch, "names " + file + ", which is gone"));
  }
}

void Ledger::log_synced() { durable_ = decisions_.size(); }

void Ledger::removed(const std::string& path) {
  if (const auto index = log_index(path)) cleaned_.insert(*index);
  if (!path.starts_with(state_prefix)) return;
  for (const auto& decision : decisions_) {
    if (!disk_.exists(log_path(decision.index))) continue;
    const auto files = files_of(decision.entry);
    if (std::find(files.begin(), files.end(), path) != files.end()) {
      violate(path + " was removed while the decision of epoch " +
              std::to_string(number(decision.entry.epoch)) + " names it");
    }
  }
}

void Ledger::output_linked(const std::string& path) {
  const auto epoch = output_epoch(path);
  if (epoch && *epoch >= durable_) {
    violate(in_epoch(Epoch{*epoch}, path + " is visible before the decision is durable"));
  }
}

/// What was decided may vanish only as long as it was not synced, and then nothing of it was seen.
void Ledger::power_cut() {
  std::size_t left = 0;
  while (left < decisions_.size()) {
    const auto index = decisions_[left].index;
    if (!disk_.exists(log_path(index)) && !cleaned_.contains(index)) {
      if (left >= durable_) break;
      violate(in_epoch(decisions_[left].entry.epoch, "its durable decision is gone after a cut"));
    }
    ++left;
  }
  for (const auto& shown : shown_) {
    if (shown.next > left) violate("a published epoch vanished in a power cut");
  }
  if (left < decisions_.size()) {
    decisions_.resize(left);
    recount_.emplace(plan_, feeds_);
    for (const auto& decision : decisions_) recount_->decide(decision.entry);
  }
  durable_ = left;
  std::erase_if(opens_, [&](const auto& open) { return !disk_.exists(log_path(open.first)); });
  newest_open_ = opens_.empty() ? std::nullopt : std::optional(opens_.rbegin()->second);
}

void Ledger::publish(Shown& shown, const std::string& sink, Epoch epoch, Lines rows, bool late) {
  if (!is_decided(epoch)) {
    return violate(in_epoch(epoch, sink + " shows it before its decision is durable"));
  }
  if (number(epoch) > shown.next) {
    return violate(in_epoch(epoch, sink + " shows it before epoch " + std::to_string(shown.next)));
  }
  std::sort(rows.begin(), rows.end());
  for (const auto& row : rows) note(hash_bytes(row));
  const auto& answer = recount_->answers()[number(epoch)];
  const auto& expected = late ? answer.late : answer.rows;
  if (rows != expected) {
    return violate(in_epoch(epoch, sink + ": " + difference(expected, rows)));
  }
  shown.next = std::max(shown.next, number(epoch) + 1);
}

void Ledger::published(std::size_t sink, Epoch epoch, Lines rows) {
  publish(shown_[sink], "sink " + std::to_string(sink), epoch, std::move(rows), false);
}
void Ledger::published_late(Epoch epoch, Lines rows) {
  publish(shown_late_, "the sink of late rows", epoch, std::move(rows), true);
}

void Ledger::released(std::size_t source, std::size_t batches) {
  const auto read =
      durable_ == 0 ? std::string() : decisions_[durable_ - 1].entry.source_ends[source];
  if (batches > (read.empty() ? 0 : std::stoull(read))) {
    violate("source " + std::to_string(source) + " may forget " + std::to_string(batches) +
            " batches, which are not decided");
  }
}

void Ledger::restored(std::size_t source, std::size_t batches) {
  if (source < feeds_.size() && batches > feeds_[source].batches.size()) {
    violate("source " + std::to_string(source) + " is opened behind its end");
  }
}

std::vector<std::string> Ledger::needed_files() const {
  std::vector<std::string> files;
  if (decisions_.empty()) return files;
  const auto& last = decisions_.back();
  const auto from = last.entry.snapshot ? number(last.entry.snapshot->epoch) + 1 : 0;
  if (last.entry.snapshot) {
    last.entry.snapshot->for_each_file([&](const StateFile& file) {
      files.push_back(std::string(checkpoint_directory) + "/" + file.name);
    });
  }
  const auto entries = disk_.paths(log_prefix);
  for (auto epoch = from; epoch < decisions_.size(); ++epoch) {
    // That the log had one entry more, nobody can know.
    const auto log = log_path(decisions_[epoch].index);
    if (!entries.empty() && log < entries.back()) files.push_back(log);
    for (const auto& changes : decisions_[epoch].entry.changes) {
      if (changes.file) {
        files.push_back(std::string(checkpoint_directory) + "/" + changes.file->name);
      }
    }
  }
  return files;
}

std::vector<std::string> Ledger::read_files() const {
  auto files = needed_files();
  if (!newest_open_) return files;
  const auto log = disk_.paths(log_prefix);
  files.insert(files.end(), log.begin(), log.end());
  files.push_back(std::string(checkpoint_directory) + "/meta");
  return files;
}

void Ledger::check_complete() {
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    if (recount_->read()[i] != feeds_[i].batches.size()) {
      violate("source " + std::to_string(i) + ": " + std::to_string(recount_->read()[i]) + " of " +
              std::to_string(feeds_[i].batches.size()) + " batches are decided at the end");
    }
  }
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    if (shown_[i].next != decisions_.size()) {
      violate("sink " + std::to_string(i) + " shows " + std::to_string(shown_[i].next) +
              " epochs of " + std::to_string(decisions_.size()));
    }
  }
  if (plan_.file_sink) check_output();
}

void Ledger::check_disk(std::uint64_t snapshot_epochs) {
  // Two snapshots are kept, and the epochs behind the older one. To make one and to clean up is a
  // job as any other: further epochs are decided meanwhile, as many as the seed likes, of which 8
  // may wait for their commits. Half of the run would be no accident.
  constexpr std::uint64_t retained_snapshots = 2;
  constexpr std::uint64_t meanwhile = 24;
  const auto most = retained_snapshots * snapshot_epochs + meanwhile;
  std::uint64_t entries = 0;
  std::set<std::string> named;
  for (const auto& decision : decisions_) {
    if (!disk_.exists(log_path(decision.index))) continue;
    ++entries;
    for (auto& file : files_of(decision.entry)) named.insert(std::move(file));
  }
  if (entries > most) {
    violate("the log keeps " + std::to_string(entries) + " decisions of " +
            std::to_string(decisions_.size()) + "; with a snapshot every " +
            std::to_string(snapshot_epochs) + " epochs " + std::to_string(most) + " are enough");
  }
  for (const auto& path : disk_.paths(state_prefix)) {
    // Large handles of sinks are files, too; of those the ledger does not know the names.
    if (!plan_.large && !named.contains(path)) violate(path + " is left and no decision names it");
  }
  for (const auto& prefix : {temporary_prefix, staging_prefix}) {
    for (const auto& path : disk_.paths(prefix)) {
      // The mark of the query whose directory it is stays.
      if (path != staging_prefix + "query") violate(path + " is left over");
    }
  }
}

void Ledger::check_output() {
  std::vector<Lines> found(decisions_.size());
  for (const auto& path : disk_.paths(output_prefix)) {
    const auto epoch = output_epoch(path);
    if (!epoch || *epoch >= found.size()) {
      violate(path + " is of no decided epoch");
      continue;
    }
    const auto text = disk_.content(path);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      found[*epoch].push_back(numbers_of(std::string_view(text).substr(begin, end - begin)));
      begin = end + 1;
    }
  }
  for (std::size_t epoch = 0; epoch < found.size(); ++epoch) {
    std::sort(found[epoch].begin(), found[epoch].end());
    const auto& expected = recount_->answers()[epoch].rows;
    if (found[epoch] != expected) {
      violate(in_epoch(Epoch{epoch}, "output files: " + difference(expected, found[epoch])));
    }
  }
}

}  // namespace libstream::apps::simulation
