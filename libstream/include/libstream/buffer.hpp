#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace libstream {

/// Bytes of a column: 64-byte aligned, with 64 bytes of readable padding behind `size`, so that
/// kernels may over-read. Filled by its maker, immutable once shared.
class Buffer {
 public:
  /// Zeroes only the padding.
  static std::shared_ptr<Buffer> allocate(std::size_t size);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::size_t size() const { return size_; }
  const std::byte* data() const { return data_; }
  std::byte* data() { return data_; }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }

 private:
  Buffer(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_;
  std::size_t size_;
};
using BufferPtr = std::shared_ptr<const Buffer>;

/// One string in a column: 16 bytes, up to 12 bytes inline (the rest of the 16 zero), longer ones
/// as a 4-byte prefix and a pointer into bytes that the column keeps alive.
struct StringView {
  static constexpr std::uint32_t inline_limit = 12;

  std::uint32_t length = 0;
  char prefix[4] = {};
  union {
    char rest[8];
    const char* pointer;
  };

  StringView() : rest{} {}
  /// Keeps a pointer to `text` where it is longer than the inline limit.
  explicit StringView(std::string_view text)
      : length(static_cast<std::uint32_t>(text.size())), rest{} {
    if (text.size() <= inline_limit) {
      std::memcpy(reinterpret_cast<char*>(this) + 4, text.data(), text.size());
    } else {
      std::memcpy(prefix, text.data(), 4);
      pointer = text.data();
    }
  }
  bool is_inline() const { return length <= inline_limit; }
  const char* data() const {
    return is_inline() ? reinterpret_cast<const char*>(this) + 4 : pointer;
  }
  std::string_view view() const { return {data(), length}; }
};
static_assert(sizeof(StringView) == 16);

}  // namespace libstream
