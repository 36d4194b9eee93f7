#include "sections.hpp"

#include <libstream/error.hpp>
#include <libstream/large_bytes.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace libstream::checkpoint {
namespace {

constexpr std::size_t head_size = 8;
constexpr std::size_t index_size = 12;

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void append_number(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string floor_entry(std::uint32_t group, std::string_view key) {
  ChangelogWriter entry;
  entry.erase_below(group, group, key);
  return entry.take();
}

}  // namespace

void Floors::raise(std::uint32_t group, std::string_view key) {
  if (key.empty()) return;  // nothing is below
  if (keys_.size() <= group) keys_.resize(group + std::size_t{1});
  if (keys_[group] < key) keys_[group] = key;
}

Sections Sections::of_changelog(std::string_view changelog, Floors& floors) {
  std::vector<std::uint64_t> ends;
  const auto size_of = [&ends](std::uint32_t group) -> std::uint64_t& {
    if (ends.size() <= group) ends.resize(group + std::size_t{1});
    return ends[group];
  };
  Floors own;
  Change change;
  for (ChangelogReader reader(changelog); reader.next(change);) {
    if (change.kind == ChangeKind::floor) {
      for (auto group = change.key_group; group <= change.last_group; ++group) {
        own.raise(group, change.key);
      }
    } else if (!floors.covers(change.key_group, change.key)) {
      size_of(change.key_group) += change.bytes.size();
    }
  }
  Sections result;
  std::vector<std::string> first(own.end_group());
  for (std::uint32_t group = 0; group < own.end_group(); ++group) {
    if (own.of(group).empty()) continue;
    first[group] = floor_entry(group, own.of(group));
    size_of(group) += first[group].size();
  }
  std::uint64_t total = 0;
  for (std::uint32_t group = 0; group < ends.size(); ++group) {
    if (ends[group] == 0) continue;
    const auto begin = std::exchange(total, total + ends[group]);
    result.groups_.push_back(group);
    result.ends_.push_back(total);
    ends[group] = begin;  // until filling makes it the end again
  }
  std::string bytes = large_bytes(total);
  bytes.resize(total);
  const auto write = [&](std::uint32_t group, std::string_view entry) {
    entry.copy(bytes.data() + ends[group], entry.size());
    ends[group] += entry.size();
  };
  for (std::uint32_t group = 0; group < first.size(); ++group) write(group, first[group]);
  for (ChangelogReader reader(changelog); reader.next(change);) {
    if (change.kind == ChangeKind::floor || floors.covers(change.key_group, change.key)) continue;
    write(change.key_group, change.bytes);
  }
  for (std::uint32_t group = 0; group < own.end_group(); ++group) {
    floors.raise(group, own.of(group));
  }
  result.file_ = Framed(std::move(bytes), 0, total);
  return result;
}

Sections Sections::of_run(Framed file, const RunFile& reference, const std::string& what) {
  const auto corrupt = [&what](const char* why) {
    return Error(ErrorCode::corrupt, what + " is corrupt: its CRC fits, but " + why);
  };
  Sections result;
  result.file_ = std::move(file);
  const auto body = result.file_.body();
  if (body.size() < head_size) throw corrupt("it ends within its head");
  if (number_at<std::uint32_t>(body, 0) != static_cast<std::uint32_t>(reference.op)) {
    throw corrupt("it is of another operator");
  }
  const std::size_t count = number_at<std::uint32_t>(body, sizeof(std::uint32_t));
  if ((body.size() - head_size) / index_size < count) throw corrupt("it ends within its index");
  result.begin_ = head_size + count * index_size;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = head_size + i * index_size;
    const auto group = number_at<std::uint32_t>(body, at);
    const auto next = number_at<std::uint64_t>(body, at + sizeof group);
    if (next < end || next > body.size() - result.begin_ || group < result.end_group() ||
        group < reference.begin_group || group >= reference.end_group) {
      throw corrupt("its index is wrong");
    }
    end = next;
    result.groups_.push_back(group);
    result.ends_.push_back(end);
  }
  if (end != body.size() - result.begin_) throw corrupt("its sections do not fill it");
  return result;
}

std::string_view Sections::section(std::uint32_t group) const {
  const auto found = std::lower_bound(groups_.begin(), groups_.end(), group);
  if (found == groups_.end() || *found != group) return {};
  const auto place = static_cast<std::size_t>(found - groups_.begin());
  const std::uint64_t begin = place == 0 ? 0 : ends_[place - 1];
  return file_.body().substr(begin_ + begin, ends_[place] - begin);
}

void RunBody::end_section(std::uint32_t group) {
  if (sections_.size() == (ends_.empty() ? 0 : ends_.back())) return;
  LIBSTREAM_ASSERT(groups_.empty() || group > groups_.back(), "sections are in order");
  groups_.push_back(group);
  ends_.push_back(sections_.size());
}

std::string RunBody::take(OperatorId op) {
  std::string head;
  append_number(head, static_cast<std::uint32_t>(op));
  append_number(head, static_cast<std::uint32_t>(groups_.size()));
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    append_number(head, groups_[i]);
    append_number(head, ends_[i]);
  }
  sections_.reserve(head.size() + sections_.size() + frame_overhead);
  sections_.insert(0, head);
  groups_.clear();
  ends_.clear();
  std::string body = std::exchange(sections_, {});
  sections_ = large_bytes(bytes_);
  return body;
}

}  // namespace libstream::checkpoint
