#pragma once

#include <libstream/operation.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// What operations with state by key ask of their inputs: rows as input 0, perhaps initial states
/// as input 1. Each member throws Error(analysis) that begins with the operation's name.
class KeyedInputs {
 public:
  KeyedInputs(std::string operation, std::vector<std::string> keys)
      : operation_(std::move(operation)), keys_(std::move(keys)) {}

  /// "user, city"
  std::string names() const;
  std::vector<std::uint32_t> places(const Schema& schema) const;
  /// `read`, the keys and the event times, sorted.
  std::vector<std::uint32_t> columns(const OperationInput& input,
                                     std::span<const std::uint32_t> read) const;
  /// Of one that goes by event time: there is a watermark, and one event time. `goes_by`: who needs
  /// it and why, the beginning of the message; `instead`: the way out.
  void check_event_time(const OperationInput& rows, const std::string& goes_by,
                        const std::string& instead) const;
  void check_initial_states(std::span<const OperationInput> inputs) const;

  /// "bigint, string"
  static std::string types(std::span<const Field> key_fields);

 private:
  [[noreturn]] void fail(std::string error_class, const std::string& message) const;

  std::string operation_;
  std::vector<std::string> keys_;
};

}  // namespace libstream
