#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace libstream::fuzz {

/// The bytes that a fuzzer gives; the first ones are choices, the rest is text.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size)
      : text_(reinterpret_cast<const char*>(bytes), size) {}

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
};

}  // namespace libstream::fuzz
