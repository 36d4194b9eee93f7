#pragma once

#include "kernels.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace libstream {

/// Strings that a kernel makes: views in row order, long ones in blocks that grow by doubling.
class StringHeap {
 public:
  /// `bytes` is a guess of what long strings need.
  StringHeap(std::size_t rows, std::size_t bytes)
      : views_(Buffer::allocate(rows * sizeof(StringView))),
        next_size_(std::max<std::size_t>(bytes, 256)) {}

  void append(std::string_view text) {
    if (text.empty()) {  // may have no bytes to copy from
      append_view(StringView());
      return;
    }
    if (text.size() <= StringView::inline_limit) {
      append_view(StringView(text));
      return;
    }
    char* place = reserve(text.size());
    std::memcpy(place, text.data(), text.size());
    used_ += text.size();
    append_view(StringView(std::string_view(place, text.size())));
  }
  void append_view(const StringView& view) { views_->as<StringView>()[count_++] = view; }

  /// Room for `size` bytes; follow with `append_reserved` of what was written there.
  char* reserve(std::size_t size) {
    if (blocks_.empty() || used_ + size > blocks_.back()->size()) {
      blocks_.push_back(Buffer::allocate(std::max(next_size_, size)));
      next_size_ *= 2;
      used_ = 0;
    }
    return reinterpret_cast<char*>(blocks_.back()->data()) + used_;
  }
  void append_reserved(std::size_t size) {
    const char* place = reinterpret_cast<const char*>(blocks_.back()->data()) + used_;
    if (size > StringView::inline_limit) used_ += size;
    append_view(StringView(std::string_view(place, size)));
  }

  ColumnPtr finish(const DataType& type, BufferPtr validity) {
    std::vector<BufferPtr> heaps(blocks_.begin(), blocks_.end());
    return Column::fixed(type, count_, std::move(views_), std::move(validity), std::move(heaps));
  }

 private:
  std::shared_ptr<Buffer> views_;
  std::size_t count_ = 0;
  std::vector<std::shared_ptr<Buffer>> blocks_;
  std::size_t used_ = 0;
  std::size_t next_size_;
};

/// Heaps of all arguments, for results that point into them.
inline std::vector<BufferPtr> heaps_of(const KernelCall& call) {
  std::vector<BufferPtr> heaps;
  for (const Vector& argument : call.arguments) {
    for (const BufferPtr& heap : argument.column->heaps()) heaps.push_back(heap);
  }
  return heaps;
}

inline std::string_view text_at(const Vector& vector, std::size_t row) {
  return vector.column->string(vector.constant ? 0 : row);
}

}  // namespace libstream
