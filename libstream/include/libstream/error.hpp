#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace libstream {

/// What a caller can do about a fault. Few on purpose; details belong in the message.
enum class ErrorCode {
  invalid_argument,  ///< wrong use of the API or of a program's options
  analysis,          ///< the query is wrong: names, types, or a rule of the output modes
  data,              ///< a value broke an ANSI rule (overflow, bad cast) or a fail-fast source
  io,                ///< a disk or a file failed
  corrupt,           ///< a stored file does not match its checksum or its format
  incompatible,      ///< the checkpoint belongs to another query or another plan
  conflict,          ///< another process owns the checkpoint, or a file is in the way
  unreachable,       ///< a source or a sink cannot be reached
  user_function,     ///< a function given by the user threw
  unsupported,       ///< correct, but not provided
};

/// Returns the name used in messages and JSON ("invalid_argument", …).
std::string_view to_string(ErrorCode code);

/// A fault. Thrown wherever it is met, caught by the engine, which stops or restarts the query.
/// The message names the thing and the way out; `error_class` is a stable word for rules that
/// users look up ("STREAMING_OUTPUT_MODE"), empty where there is none.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Error(ErrorCode code, std::string error_class, const std::string& message)
      : std::runtime_error(message), code_(code), error_class_(std::move(error_class)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& error_class() const noexcept { return error_class_; }

 private:
  ErrorCode code_;
  std::string error_class_;
};

/// Prints the broken expectation to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   std::string_view note) noexcept;

}  // namespace libstream

/// Checks what only a bug of ours can break. On in every build.
#define LIBSTREAM_ASSERT(condition, note) \
  (static_cast<bool>(condition)           \
       ? static_cast<void>(0)             \
       : ::libstream::assertion_failed(#condition, __FILE__, __LINE__, (note)))
