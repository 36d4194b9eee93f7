#include "object_name.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <map>
#include <mutex>

namespace libstream {
namespace checkpoint {

void check_object_name(const std::string& name) {
  bool part_begins = true;
  bool valid = !name.empty() && name.back() != '/';
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    valid = valid && (plain || (!part_begins && (c == '.' || c == '/')));
    part_begins = c == '/';
  }
  if (!valid) {
    throw Error(ErrorCode::invalid_argument,
                "\"" + name + "\" is no name of a checkpoint object: use parts of letters, " +
                    "digits, '.', '_' and '-', joined by '/', that do not begin with '.'");
  }
}

}  // namespace checkpoint

namespace {

class MemoryRoot final : public CheckpointRoot {
 public:
  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    checkpoint::check_object_name(name);
    std::string copy(bytes.size(), '\0');
    std::ranges::transform(bytes, copy.begin(), [](std::byte b) { return static_cast<char>(b); });
    const std::lock_guard lock(mutex_);
    return objects_.emplace(name, std::move(copy)).second;
  }

  std::optional<std::string> read(const std::string& name) override {
    checkpoint::check_object_name(name);
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<std::string> list(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (auto it = objects_.lower_bound(prefix);
         it != objects_.end() && it->first.starts_with(prefix); ++it) {
      names.push_back(it->first);
    }
    return names;
  }

  void remove(const std::string& name) override {
    checkpoint::check_object_name(name);
    const std::lock_guard lock(mutex_);
    objects_.erase(name);
  }

  std::string describe() const override { return "in memory"; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> objects_;
};

}  // namespace

std::shared_ptr<CheckpointRoot> memory_root() { return std::make_shared<MemoryRoot>(); }

}  // namespace libstream
