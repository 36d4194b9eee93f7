#pragma once

#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace libstream::test {

/// The process dies here. No Error, so that no code of ours handles it.
struct Crash {};

/// Calls `at` before and after every operation with its number; it may throw.
struct Injection {
  std::uint64_t operations = 0;
  std::function<void(std::uint64_t operation, bool after)> at = [](std::uint64_t, bool) {};

  template <typename Operation>
  auto run(Operation operation) {
    const auto number = operations++;
    at(number, false);
    if constexpr (std::is_void_v<decltype(operation())>) {
      operation();
      at(number, true);
    } else {
      auto result = operation();
      at(number, true);
      return result;
    }
  }
};

/// Throws Crash at one operation, before or after it is done, and at every later one.
inline std::function<void(std::uint64_t, bool)> crash_at(std::uint64_t point, bool after) {
  return [=](std::uint64_t operation, bool is_after) {
    if (operation > point || (operation == point && is_after == after)) {
      throw Crash{};
    }
  };
}

/// Throws Error(io) at one operation only: the outcome is unknown to the caller.
inline std::function<void(std::uint64_t, bool)> error_at(std::uint64_t point, bool after) {
  return [=](std::uint64_t operation, bool is_after) {
    if (operation == point && is_after == after) {
      throw Error(ErrorCode::io, "injected fault");
    }
  };
}

class FaultyRoot final : public CheckpointRoot {
 public:
  FaultyRoot(std::shared_ptr<CheckpointRoot> root, Injection& injection)
      : root_(std::move(root)), injection_(injection) {}

  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    return injection_.run([&] { return root_->put_if_absent(name, bytes); });
  }
  std::optional<std::string> read(const std::string& name) override {
    return injection_.run([&] { return root_->read(name); });
  }
  std::vector<std::string> list(const std::string& prefix) override {
    return injection_.run([&] { return root_->list(prefix); });
  }
  void remove(const std::string& name) override {
    injection_.run([&] { root_->remove(name); });
  }
  std::string describe() const override { return root_->describe(); }

 private:
  std::shared_ptr<CheckpointRoot> root_;
  Injection& injection_;
};

/// Every operation on a simulated disk, counted.
class InjectionHook final : public testing::FileHook {
 public:
  explicit InjectionHook(Injection& injection) : injection_(injection) {}
  void before(const testing::FileOperation&) override {
    injection_.at(injection_.operations, false);
  }
  void after(const testing::FileOperation&) override {
    injection_.at(injection_.operations++, true);
  }

 private:
  Injection& injection_;
};

}  // namespace libstream::test
