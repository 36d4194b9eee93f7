#include "course.hpp"

#include <algorithm>

namespace libstream::apps::simulation {
namespace {

struct Words {
  std::string_view name;
  std::string_view words;
};
constexpr std::array<Words, crash_points> words = {{
    {"C0", "before the open entry"},
    {"C1", "open entry linked, not synced"},
    {"C2", "opened, nothing decided"},
    {"C3", "planning an epoch"},
    {"C5", "planned, nothing read"},
    {"C6", "processing"},
    {"C7", "state files of an undecided epoch"},
    {"C8", "a state file half written"},
    {"C9", "some tasks staged"},
    {"C10", "all staged, not decided"},
    {"C11", "decision written, not linked"},
    {"C12", "decision linked, not synced"},
    {"C13", "decided, no sink committed"},
    {"C14", "some sinks committed"},
    {"C15", "committed, answer lost"},
    {"C16", "all sinks committed, not recorded"},
    {"C17", "the record of a commit not durable"},
    {"C18", "decided, sources not released"},
    {"C19", "some sources released"},
    {"C20", "cleaning up or sweeping"},
    {"C21", "start over a file that is damaged or gone"},
    {"C22", "recovering from a crash"},
    {"C23", "a frozen coordinator wakes after a later start"},
    {"C24", "and its tasks stage or store"},
    {"C25", "a task fails between staging and decision"},
    {"C26", "the decision fails, the tasks are fine"},
    {"C27", "disk full"},
    {"C28", "power cut"},
}};

bool is_epoch(const std::optional<LogEntry>& entry) {
  return entry && std::holds_alternative<EpochEntry>(*entry);
}
bool is_open(const std::optional<LogEntry>& entry) {
  return entry && std::holds_alternative<OpenEntry>(*entry);
}
std::int64_t recorded_by(const LogEntry& entry) {
  if (const auto* epoch = std::get_if<EpochEntry>(&entry)) return epoch->committed_through;
  if (const auto* close = std::get_if<CloseEntry>(&entry)) return close->committed_through;
  return -1;
}

}  // namespace

std::string_view name_of(CrashPoint point) { return words[static_cast<std::size_t>(point)].name; }
std::string_view words_of(CrashPoint point) { return words[static_cast<std::size_t>(point)].words; }

void Course::begin_put(const std::string& name, std::optional<LogEntry> entry) {
  // Another term in the same process, after a fault.
  if (is_open(entry) && open_ == Open::durable) *this = Course(true);
  name_ = name;
  entry_ = std::move(entry);
  put_ = Put::begun;
  torn_ = false;
}

void Course::file_operation(const testing::FileOperation& operation) {
  using Kind = testing::FileOperation::Kind;
  if (put_ == Put::none) return;
  if (operation.kind == Kind::append) {
    torn_ = !torn_;
    put_ = std::max(put_, Put::written);
  } else if (operation.kind == Kind::link) {
    put_ = Put::linked;
    if (is_open(entry_)) open_ = Open::linked;
  }
}

void Course::end_put(bool done) {
  put_ = Put::none;
  if (!done) return;
  if (name_.starts_with("state/")) ++state_files_;
  if (!entry_) return;
  recorded_ = std::max(recorded_, recorded_by(*entry_));
  if (const auto* open = std::get_if<OpenEntry>(&*entry_)) {
    open_ = Open::durable;
    term_ = open->term;
  } else if (const auto* epoch = std::get_if<EpochEntry>(&*entry_)) {
    uncommitted_.insert(number(epoch->epoch));
    staged_.erase(number(epoch->epoch));
    state_files_ = 0;
    release_due_ = true;
    released_ = 0;
  }
}

void Course::plan_begins() {
  planned_ = planning_ = true;
  waiting_ = data_ = false;
  release_due_ = false;  // told before a plan
  released_ = 0;
}

void Course::planned(bool data, bool last) {
  data_ = data_ || data;
  if (!last) return;
  planning_ = false;
  waiting_ = data_;
  rows_read_ = false;
}

void Course::stages(Epoch epoch) {
  if (++staged_[number(epoch)] == writers_) waiting_ = false;
}

void Course::released(std::size_t sources) {
  sources_ = sources;
  ++released_;
}

void Course::commit_begins(Epoch, std::size_t sinks) {
  if (!in_commit_) committing_ = 0;
  in_commit_ = true;
  reply_lost_ = false;
  sinks_ = sinks;
}

void Course::commit_ends(Epoch epoch) {
  reply_lost_ = false;
  if (++committing_ < sinks_) return;
  in_commit_ = false;
  uncommitted_.erase(number(epoch));
  committed_ = std::max(committed_, static_cast<std::int64_t>(number(epoch)));
}

bool Course::staged_and_undecided() const {
  return std::any_of(staged_.begin(), staged_.end(),
                     [this](const auto& epoch) { return epoch.second == writers_; });
}

void Course::add_put_points(std::vector<CrashPoint>& points) const {
  if (put_ == Put::none) return;
  if (is_epoch(entry_)) {
    if (put_ == Put::written) points.push_back(CrashPoint::c11);
    if (put_ == Put::linked) points.push_back(CrashPoint::c12);
  }
  if (entry_ && recorded_by(*entry_) > recorded_) points.push_back(CrashPoint::c17);
  if (name_.starts_with("state/") && torn_) points.push_back(CrashPoint::c8);
}

void Course::add_epoch_points(std::vector<CrashPoint>& points) const {
  if (planning_) points.push_back(CrashPoint::c3);
  if (waiting_) points.push_back(rows_read_ ? CrashPoint::c6 : CrashPoint::c5);
  if (state_files_ > 0) points.push_back(CrashPoint::c7);
  for (const auto& [epoch, tasks] : staged_) {
    if (tasks < writers_) points.push_back(CrashPoint::c9);
    if (tasks == writers_ && put_ == Put::none) points.push_back(CrashPoint::c10);
  }
}

void Course::add_commit_points(std::vector<CrashPoint>& points) const {
  if (in_commit_ && reply_lost_) points.push_back(CrashPoint::c15);
  if (in_commit_ && committing_ > 0) points.push_back(CrashPoint::c14);
  if (!uncommitted_.empty() && !(in_commit_ && (reply_lost_ || committing_ > 0))) {
    points.push_back(CrashPoint::c13);
  }
  if (committed_ > recorded_) points.push_back(CrashPoint::c16);
  if (release_due_ && released_ == 0) points.push_back(CrashPoint::c18);
  if (released_ > 0 && released_ < sources_) points.push_back(CrashPoint::c19);
}

std::vector<CrashPoint> Course::points() const {
  std::vector<CrashPoint> points;
  if (open_ == Open::none) points.push_back(CrashPoint::c0);
  if (open_ == Open::linked) points.push_back(CrashPoint::c1);
  if (open_ == Open::durable && recorded_ < 0 && committed_ < 0 && uncommitted_.empty()) {
    points.push_back(CrashPoint::c2);
  }
  if (recovering() && after_crash_) points.push_back(CrashPoint::c22);
  if (removing_) points.push_back(CrashPoint::c20);
  add_put_points(points);
  add_epoch_points(points);
  add_commit_points(points);
  return points;
}

}  // namespace libstream::apps::simulation
