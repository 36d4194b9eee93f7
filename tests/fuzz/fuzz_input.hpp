#pragma once

#include <libstream/error.hpp>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace libstream::fuzz {

/// The bytes that a fuzzer gives; the first ones are choices, the rest is text. While it lives it
/// allows a second of CPU time: on a busy machine the time of day says little.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size)
      : text_(reinterpret_cast<const char*>(bytes), size), begin_(std::clock()) {}
  ~Input() { LIBSTREAM_ASSERT(std::clock() - begin_ <= CLOCKS_PER_SEC, "no input takes a second"); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// A choice; 0 where the input is used up.
  std::uint8_t byte() {
    if (text_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(text_.front());
    text_.remove_prefix(1);
    return value;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
  std::clock_t begin_;
};

}  // namespace libstream::fuzz
