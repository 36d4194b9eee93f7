#include <libstream/column.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <cmath>

namespace libstream {

/// String bytes and children: what only some types need.
struct ColumnBuilder::Nested {
  std::vector<ColumnBuilder> children;
  std::vector<BufferPtr> heaps;
  std::shared_ptr<Buffer> arena;  // last of the string bytes, filled up to `arena_used`
  std::size_t arena_used = 0;
};

namespace {
constexpr std::size_t arena_bytes = 16 * 1024;
}

ColumnBuilder::ColumnBuilder(DataType type, std::size_t capacity)
    : type_(std::move(type)), width_(type_.width()) {
  if (type_.is_string_like() || type_.id() == TypeId::array || type_.id() == TypeId::structure) {
    nested_ = std::make_unique<Nested>();
    for (const auto& field : type_.fields()) nested_->children.emplace_back(field.type, capacity);
  }
  has_nulls_ = type_.id() == TypeId::null;
  capacity_ = capacity;
  if (capacity > 0) {
    capacity_ = capacity / 2;
    grow();
  }
}

ColumnBuilder::ColumnBuilder(ColumnBuilder&&) noexcept = default;
ColumnBuilder& ColumnBuilder::operator=(ColumnBuilder&&) noexcept = default;
ColumnBuilder::~ColumnBuilder() = default;

void ColumnBuilder::grow() {
  const std::size_t capacity = std::max<std::size_t>(64, (capacity_ * 2 + 63) / 64 * 64);
  // One value more than the capacity: the last offset of an array.
  auto values = Buffer::allocate((capacity + 1) * width_);
  if (values_ != nullptr) std::memcpy(values->data(), values_, (size_ + 1) * width_);
  if (values_ == nullptr && type_.id() == TypeId::array) *values->as<std::int32_t>() = 0;
  values_buffer_ = std::move(values);
  values_ = values_buffer_->data();
  if (has_nulls_) {
    auto validity = Buffer::allocate(capacity / 8);
    std::memset(validity->data(), 0, validity->size());
    if (validity_)
      std::memcpy(validity->data(), validity_->data(),
                  std::min(validity_->size(), validity->size()));
    validity_ = std::move(validity);
  }
  capacity_ = capacity;
}

void ColumnBuilder::mark_valid() {
  validity_->as<std::uint64_t>()[size_ >> 6] |= std::uint64_t{1} << (size_ & 63);
}

void ColumnBuilder::append_null() {
  if (size_ == capacity_) grow();
  if (!has_nulls_) {
    has_nulls_ = true;
    validity_ = Buffer::allocate(capacity_ / 8);
    std::memset(validity_->data(), 0, validity_->size());
    auto* words = validity_->as<std::uint64_t>();
    for (std::size_t i = 0; i < size_ / 64; ++i) words[i] = ~std::uint64_t{0};
    if (size_ % 64 != 0) words[size_ / 64] = (std::uint64_t{1} << (size_ % 64)) - 1;
  }
  // Zero values: strings there are empty views.
  if (type_.id() == TypeId::array) {
    auto* offsets = reinterpret_cast<std::int32_t*>(values_);
    offsets[size_ + 1] = offsets[size_];
  } else if (width_ > 0) {
    std::memset(values_ + size_ * width_, 0, width_);
  }
  ++size_;
  if (type_.id() == TypeId::structure) {
    for (auto& child : nested_->children) child.append_null();
  }
}

void ColumnBuilder::append_string(std::string_view text) {
  if (text.size() <= StringView::inline_limit) return append(StringView(text));
  auto& nested = *nested_;
  if (!nested.arena || nested.arena_used + text.size() > nested.arena->size()) {
    const std::size_t grown = nested.arena ? nested.arena->size() * 2 : arena_bytes;
    nested.arena = Buffer::allocate(std::max(text.size(), std::min<std::size_t>(grown, 1U << 20)));
    nested.arena_used = 0;
    nested.heaps.push_back(nested.arena);
  }
  char* to = nested.arena->as<char>() + nested.arena_used;
  std::memcpy(to, text.data(), text.size());
  nested.arena_used += text.size();
  append(StringView(std::string_view(to, text.size())));
}

void ColumnBuilder::keep_alive(BufferPtr heap) {
  if (nested_->heaps.empty() || nested_->heaps.back() != heap) {
    // The arena must stay last only as the one being filled; it is held apart.
    nested_->heaps.push_back(std::move(heap));
  }
}

void ColumnBuilder::append_array(std::size_t n) {
  if (size_ == capacity_) grow();
  auto* offsets = reinterpret_cast<std::int32_t*>(values_);
  offsets[size_ + 1] = offsets[size_] + static_cast<std::int32_t>(n);
  if (has_nulls_) mark_valid();
  ++size_;
}

void ColumnBuilder::append_structure() {
  if (size_ == capacity_) grow();
  if (has_nulls_) mark_valid();
  ++size_;
}

ColumnBuilder& ColumnBuilder::child(std::size_t index) { return nested_->children[index]; }

void ColumnBuilder::append_value(const Value& value) {
  if (value.is_null()) return append_null();
  switch (type_.id()) {
    case TypeId::null:
      LIBSTREAM_ASSERT(false, "a value in a column of nulls");
      return;
    case TypeId::boolean:
      return append(static_cast<std::uint8_t>(value.boolean()));
    case TypeId::smallint:
      return append(static_cast<std::int16_t>(value.integer()));
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return append(static_cast<std::int32_t>(value.integer()));
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return append(value.integer());
    case TypeId::float32:
      return append(static_cast<float>(value.real()));
    case TypeId::float64:
      return append(value.real());
    case TypeId::decimal: {
      const auto digits = std::get<int128>(value.data);
      if (type_.is_wide_decimal()) return append(digits);
      return append(static_cast<std::int64_t>(digits));
    }
    case TypeId::string:
    case TypeId::binary:
      return append_string(value.text());
    case TypeId::array:
      for (const auto& element : value.list()) child(0).append_value(element);
      return append_array(value.list().size());
    case TypeId::structure:
      LIBSTREAM_ASSERT(value.list().size() == nested_->children.size(), "a value a field");
      for (std::size_t i = 0; i < value.list().size(); ++i) child(i).append_value(value.list()[i]);
      return append_structure();
  }
}

void ColumnBuilder::append_from(const Column& column, std::size_t row) {
  if (column.is_null(row)) return append_null();
  switch (type_.id()) {
    case TypeId::null:
      return append_null();
    case TypeId::string:
    case TypeId::binary:
      return append_string(column.string(row));
    case TypeId::array: {
      const auto begin = column.offsets()[row];
      const auto end = column.offsets()[row + 1];
      for (auto i = begin; i < end; ++i)
        child(0).append_from(*column.child(0), static_cast<std::size_t>(i));
      return append_array(static_cast<std::size_t>(end - begin));
    }
    case TypeId::structure:
      for (std::size_t i = 0; i < nested_->children.size(); ++i)
        child(i).append_from(*column.child(i), row);
      return append_structure();
    default:
      break;
  }
  if (size_ == capacity_) grow();
  std::memcpy(values_ + size_ * width_, column.values<std::byte>() + row * width_, width_);
  if (has_nulls_) mark_valid();
  ++size_;
}

ColumnPtr ColumnBuilder::finish() {
  if (values_ == nullptr) grow();
  ColumnPtr column;
  BufferPtr validity = has_nulls_ ? validity_ : nullptr;
  if (type_.id() == TypeId::null) {
    column = Column::nulls(type_, size_);
  } else if (type_.id() == TypeId::array) {
    column = Column::array(type_, size_, values_buffer_, child(0).finish(), std::move(validity));
  } else if (type_.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (auto& nested : nested_->children) fields.push_back(nested.finish());
    column = Column::structure(type_, size_, std::move(fields), std::move(validity));
  } else {
    column = Column::fixed(type_, size_, values_buffer_, std::move(validity),
                           nested_ ? nested_->heaps : std::vector<BufferPtr>{});
  }
  size_ = 0;
  capacity_ = 0;
  values_ = nullptr;
  values_buffer_ = nullptr;
  validity_ = nullptr;
  has_nulls_ = type_.id() == TypeId::null;
  if (nested_) {
    nested_->heaps.clear();
    nested_->arena = nullptr;
    nested_->arena_used = 0;
  }
  return column;
}

void ColumnBuilder::truncate(std::size_t size) {
  LIBSTREAM_ASSERT(size <= size_, "truncate only drops rows");
  if (has_nulls_ && validity_) {
    auto* words = validity_->as<std::uint64_t>();
    for (std::size_t row = size; row < size_; ++row)
      words[row >> 6] &= ~(std::uint64_t{1} << (row & 63));
  }
  if (type_.id() == TypeId::array) {
    // Without a row yet there may be elements of one that was given up.
    const auto elements = values_ ? reinterpret_cast<const std::int32_t*>(values_)[size] : 0;
    child(0).truncate(static_cast<std::size_t>(elements));
  }
  if (type_.id() == TypeId::structure) {
    for (auto& nested : nested_->children) nested.truncate(std::min(size, nested.size()));
  }
  size_ = size;
}

}  // namespace libstream
