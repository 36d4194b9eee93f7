#pragma once

#include "frame.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>
#include <libstream/large_bytes.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace libstream::checkpoint {

/// A whole file that was read, and the view of its body.
class Framed final {
 public:
  Framed(std::string bytes, std::size_t begin, std::size_t size)
      : bytes_(std::move(bytes)), begin_(begin), size_(size) {}
  Framed(Framed&&) = default;
  Framed& operator=(Framed&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    begin_ = other.begin_;
    size_ = other.size_;
    return *this;
  }
  ~Framed() { give_back(std::move(bytes_)); }
  std::string_view body() const { return std::string_view(bytes_).substr(begin_, size_); }

 private:
  std::string bytes_;
  std::size_t begin_;
  std::size_t size_;
};

/// The immutable files of one term under `state/`. They count exactly when an entry names them.
/// Named `state/<term>.<uuid>.<number>.<suffix>`, so that no two terms ever meet in a name.
/// Thread-safe.
class StateFiles final {
 public:
  StateFiles(std::shared_ptr<CheckpointRoot> root, std::uint64_t term, std::string uuid)
      : root_(std::move(root)), term_(term), uuid_(std::move(uuid)) {}

  /// Durable when it returns.
  /// `body` is best given with room for frame_overhead.
  StateFile store(FileKind kind, const std::string& suffix, std::string body);
  /// Checks size and CRC. `owner` names the epoch in Error(corrupt).
  Framed load(FileKind kind, const StateFile& file, const std::string& owner) const;
  /// For messages: "file state/… of the snapshot of epoch 3 in the checkpoint …".
  std::string describe(const StateFile& file, const std::string& owner) const;
  /// The term that wrote a file; nullopt for names of another form.
  static std::optional<std::uint64_t> term_of(const std::string& name);

 private:
  std::shared_ptr<CheckpointRoot> root_;
  std::uint64_t term_;
  std::string uuid_;
  std::atomic<std::uint64_t> next_{0};
};

/// 20 digits, so that names sort as numbers do.
std::string padded(std::uint64_t value);
/// What `padded` wrote; nullopt for anything else.
std::optional<std::uint64_t> parse_padded(std::string_view text);

/// Puts an object whose name or content nobody else can use. An unknown outcome is read back and
/// tried once more. Returns false where another's object has the name; throws the Error of the root
/// where the outcome stays unknown.
bool put_own(CheckpointRoot& root, const std::string& name, std::string_view bytes);

}  // namespace libstream::checkpoint
