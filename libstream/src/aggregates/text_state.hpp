#pragma once

#include <libstream/buffer.hpp>
#include <libstream/column.hpp>

#include <cstring>

namespace libstream::aggregates {

/// A string inside a state: short ones inline, longer ones in a block of its own that is reused.
struct TextState {
  StringView view;
  char* block;
  std::uint32_t capacity;
  std::uint16_t seen;
  std::uint16_t null;

  void initialize() {
    view = StringView();
    block = nullptr;
    capacity = 0;
    seen = 0;
    null = 0;
  }
  void destroy() {
    delete[] block;
    block = nullptr;
  }
  void assign(StringView value) {
    if (!value.is_inline()) {
      if (capacity < value.length) {
        delete[] block;
        block = new char[value.length];
        capacity = value.length;
      }
      std::memcpy(block, value.pointer, value.length);
      value.pointer = block;
    }
    view = value;
  }
};
static_assert(sizeof(TextState) == 32);

}  // namespace libstream::aggregates
