#pragma once

#include "kernel.hpp"
#include "text_state.hpp"

namespace libstream::aggregates {

// One value of any type inside a state. Memory is zero before initialize().

/// A value of up to 16 bytes as it lies in its column.
struct RawCell {
  std::uint64_t words[2];

  void initialize() {}
  void destroy() {}
  void assign(const Column& column, std::size_t row) {
    const std::size_t width = column.type().width();
    std::memcpy(words, column.values<char>() + row * width, width);
  }
  void append_to(ColumnBuilder& builder) const {
    visit_storage(builder.type(), [&](auto value) {
      std::memcpy(&value, words, sizeof value);
      builder.append(value);
    });
  }
};

struct TextCell : TextState {
  void assign(const Column& column, std::size_t row) {
    TextState::assign(column.values<StringView>()[row]);
  }
  void append_to(ColumnBuilder& builder) const { builder.append_string(view.view()); }
};

/// An array or a structure: a column of one row.
struct NestedCell {
  const ColumnPtr* value;
  std::uint32_t seen;
  std::uint32_t null;

  void initialize() {}
  void destroy() {
    delete value;
    value = nullptr;
  }
  void assign(const Column& column, std::size_t row) {
    ColumnBuilder builder(column.type(), 1);
    builder.append_from(column, row);  // copies, so that the batch is not kept alive
    delete value;
    value = new ColumnPtr(builder.finish());
  }
  void append_to(ColumnBuilder& builder) const { builder.append_from(**value, 0); }
};

}  // namespace libstream::aggregates
