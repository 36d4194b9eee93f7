#include <libstream/error.hpp>

#include <cstdio>
#include <cstdlib>

namespace libstream {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::analysis:
      return "analysis";
    case ErrorCode::data:
      return "data";
    case ErrorCode::io:
      return "io";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::incompatible:
      return "incompatible";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::user_function:
      return "user_function";
    case ErrorCode::unsupported:
      return "unsupported";
  }
  return "unknown";
}

void assertion_failed(const char* condition, const char* file, int line,
                      std::string_view note) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s (%.*s)\n", file, line, condition,
               static_cast<int>(note.size()), note.data());
  std::abort();
}

}  // namespace libstream
