#pragma once

#include "entry_codec.hpp"

#include <libstream/checkpoint/term.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace libstream::fakes {

/// Tells of each entry that becomes durable.
class WatchedRoot final : public CheckpointRoot {
 public:
  explicit WatchedRoot(std::function<void(const EpochEntry&)> decided)
      : decided_(std::move(decided)) {}

  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    if (!root_->put_if_absent(name, bytes)) return false;
    if (name.starts_with("log/")) {
      const auto meta = checkpoint::decode_meta(*root_->read("meta"), "meta");
      const auto stored =
          checkpoint::decode_entry({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   std::stoull(name.substr(4)), meta.query_id, name);
      if (const auto* epoch = std::get_if<EpochEntry>(&stored.entry)) decided_(*epoch);
    }
    return true;
  }
  std::optional<std::string> read(const std::string& name) override { return root_->read(name); }
  std::vector<std::string> list(const std::string& prefix) override { return root_->list(prefix); }
  void remove(const std::string& name) override { root_->remove(name); }
  std::string describe() const override { return root_->describe(); }

 private:
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::function<void(const EpochEntry&)> decided_;
};

}  // namespace libstream::fakes
