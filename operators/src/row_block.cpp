#include "row_block.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace libstream {
namespace {

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void append_all(std::string& bytes, const T* values, std::size_t count) {
  bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

/// Bytes that numbers up to `most` need: 0, 1, 2, 4 or 8.
std::size_t width_of(std::uint64_t most) {
  if (most == 0) return 0;
  if (most >> 8 == 0) return 1;
  if (most >> 16 == 0) return 2;
  return most >> 32 == 0 ? 4 : 8;
}

/// Calls `f` with a value of the unsigned type of that width.
template <class F>
void with_width(std::size_t width, F&& f) {
  switch (width) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(std::uint64_t{});
    default:
      return;
  }
}

/// Differences to `base`, in `width` bytes each.
template <class T>
void narrow(const T* values, std::size_t count, T base, std::size_t width, std::byte* to) {
  with_width(width, [&](auto type) {
    using Narrow = decltype(type);
    auto* out = reinterpret_cast<Narrow*>(to);
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<Narrow>(static_cast<T>(values[i] - base));
    }
  });
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  BatchPtr decode(const Schema& schema) {
    rows_ = number(take(sizeof(std::uint32_t)));
    std::vector<ColumnPtr> columns;
    for (const Field& field : schema) columns.push_back(decode_column(field.type));
    if (!bytes_.empty()) damaged();
    return make_batch(std::move(columns), rows_);
  }

 private:
  [[noreturn]] static void damaged() {
    throw Error(ErrorCode::corrupt,
                "state entry of a join has the wrong length; restart from an older checkpoint");
  }
  std::string_view take(std::size_t size) {
    if (bytes_.size() < size) damaged();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  static std::uint32_t number(std::string_view bytes) {
    std::uint32_t value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  static std::shared_ptr<Buffer> copy(std::string_view bytes) {
    auto buffer = Buffer::allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(buffer->data(), bytes.data(), bytes.size());
    return buffer;
  }

  ColumnPtr decode_column(const DataType& type) {
    if (type.id() == TypeId::array) {
      ColumnBuilder builder(type);
      for (std::size_t i = 0; i < rows_; ++i) decode_value(bytes_, builder);
      return builder.finish();
    }
    BufferPtr validity;
    if (take(1)[0] != '\0') {
      const std::string_view bits = take((rows_ + 7) / 8);
      auto words = Buffer::allocate((rows_ + 63) / 64 * 8);
      std::memset(words->data(), 0, words->size());
      std::memcpy(words->data(), bits.data(), bits.size());
      validity = std::move(words);
    }
    if (type.id() == TypeId::structure) {
      std::vector<ColumnPtr> fields;
      for (const Field& field : type.fields()) fields.push_back(decode_column(field.type));
      return Column::structure(type, rows_, std::move(fields), std::move(validity));
    }
    if (type.is_string_like()) return decode_strings(type, std::move(validity));
    if (type.width() == 0) return Column::nulls(type, rows_);
    return Column::fixed(type, rows_, decode_values(type.width()), std::move(validity));
  }

  std::shared_ptr<Buffer> decode_values(std::size_t width) {
    switch (width) {
      case 2:
        return widen<std::uint16_t>();
      case 4:
        return widen<std::uint32_t>();
      case 8:
        return widen<std::uint64_t>();
      default:
        return copy(take(rows_ * width));
    }
  }

  template <class T>
  std::shared_ptr<Buffer> widen() {
    T base;
    std::memcpy(&base, take(sizeof base).data(), sizeof base);
    const auto width = static_cast<std::uint8_t>(take(1)[0]);
    if (width > sizeof(T) || (width & (width - 1)) != 0) damaged();
    const std::string_view bytes = take(rows_ * width);
    auto buffer = Buffer::allocate(rows_ * sizeof(T));
    T* const to = buffer->template as<T>();
    std::fill_n(to, rows_, base);
    with_width(width, [&](auto type) {
      for (std::size_t i = 0; i < rows_; ++i) {
        std::memcpy(&type, bytes.data() + i * sizeof type, sizeof type);
        to[i] = static_cast<T>(base + type);
      }
    });
    return buffer;
  }

  ColumnPtr decode_strings(const DataType& type, BufferPtr validity) {
    const std::string_view lengths = take(rows_ * sizeof(std::uint32_t));
    const auto length = [&](std::size_t i) {
      return number(lengths.substr(i * sizeof(std::uint32_t)));
    };
    std::size_t total = 0;
    for (std::size_t i = 0; i < rows_; ++i) total += length(i);
    const BufferPtr heap = copy(take(total));
    auto views = Buffer::allocate(rows_ * sizeof(StringView));
    const char* from = heap->as<char>();
    for (std::size_t i = 0; i < rows_; ++i) {
      views->as<StringView>()[i] = StringView(std::string_view(from, length(i)));
      from += length(i);
    }
    return Column::fixed(type, rows_, std::move(views), std::move(validity), {heap});
  }

  std::string_view bytes_;
  std::size_t rows_ = 0;
};

}  // namespace

RowBlockEncoder::RowBlockEncoder(const Schema& schema, std::span<const Batch* const> batches,
                                 std::span<const std::uint32_t> from,
                                 std::span<const std::uint32_t> rows)
    : from_(from), rows_(rows) {
  for (std::size_t c = 0; c < schema.size(); ++c) {
    std::vector<const Column*> columns;
    for (const Batch* batch : batches) columns.push_back(batch->columns[c].get());
    sources_.push_back(source_of(schema[c].type, std::move(columns)));
  }
}

RowBlockEncoder::Source RowBlockEncoder::source_of(const DataType& type,
                                                   std::vector<const Column*> columns) {
  Source source{&type, false, std::move(columns), {}, {}};
  for (const Column* column : source.columns) {
    source.has_nulls = source.has_nulls || column->has_validity();
    source.values.push_back(column->values<std::byte>());
  }
  if (type.id() != TypeId::structure) return source;
  for (std::size_t f = 0; f < type.fields().size(); ++f) {
    std::vector<const Column*> children;
    for (const Column* column : source.columns) children.push_back(column->child(f).get());
    source.fields.push_back(source_of(type.fields()[f].type, std::move(children)));
  }
  return source;
}

void RowBlockEncoder::encode(std::size_t begin, std::size_t end, std::string& bytes) {
  append(bytes, static_cast<std::uint32_t>(end - begin));
  for (const Source& source : sources_) encode_column(source, begin, end, bytes);
}

void RowBlockEncoder::encode_column(const Source& source, std::size_t begin, std::size_t end,
                                    std::string& bytes) {
  if (source.type->id() == TypeId::array) {
    for (std::size_t i = begin; i < end; ++i) {
      encode_value(*source.columns[from_[i]], rows_[i], bytes);
    }
    return;
  }
  bytes.push_back(source.has_nulls ? '\1' : '\0');
  if (source.has_nulls) {
    const std::size_t first = bytes.size();
    bytes.resize(first + (end - begin + 7) / 8);
    for (std::size_t i = begin; i < end; ++i) {
      char& byte = bytes[first + (i - begin) / 8];
      byte = static_cast<char>(byte | int{!is_null(source, i)} << ((i - begin) % 8));
    }
  }
  if (source.type->id() == TypeId::structure) {
    for (const Source& field : source.fields) encode_column(field, begin, end, bytes);
    return;
  }
  if (source.type->is_string_like()) return encode_strings(source, begin, end, bytes);
  switch (source.type->width()) {
    case 0:
      return;
    case 1:
      return append_all(bytes, gather<std::uint8_t>(source, begin, end), end - begin);
    case 2:
      return encode_values<std::uint16_t>(source, begin, end, bytes);
    case 4:
      return encode_values<std::uint32_t>(source, begin, end, bytes);
    case 8:
      return encode_values<std::uint64_t>(source, begin, end, bytes);
    default:
      return append_all(bytes, gather<int128>(source, begin, end), end - begin);
  }
}

template <class T>
const T* RowBlockEncoder::gather(const Source& source, std::size_t begin, std::size_t end) {
  if (values_.size() < (end - begin) * sizeof(T)) values_.resize((end - begin) * sizeof(T));
  std::byte* const to = values_.data();
  const std::byte* const* const values = source.values.data();
  for (std::size_t i = begin; i < end; ++i) {
    std::memcpy(to + (i - begin) * sizeof(T), values[from_[i]] + rows_[i] * sizeof(T), sizeof(T));
  }
  return reinterpret_cast<const T*>(to);
}

template <class T>
void RowBlockEncoder::encode_values(const Source& source, std::size_t begin, std::size_t end,
                                    std::string& bytes) {
  const std::size_t count = end - begin;
  const T* const values = gather<T>(source, begin, end);
  using Signed = std::make_signed_t<T>;
  auto least = std::numeric_limits<Signed>::max();
  auto most = std::numeric_limits<Signed>::min();
  for (std::size_t i = 0; i < count; ++i) {
    least = std::min(least, static_cast<Signed>(values[i]));
    most = std::max(most, static_cast<Signed>(values[i]));
  }
  const auto base = static_cast<T>(least);
  const std::size_t width = width_of(static_cast<T>(static_cast<T>(most) - base));
  append(bytes, base);
  bytes.push_back(static_cast<char>(width));
  narrow_.resize(std::max(narrow_.size(), count * width));
  narrow(values, count, base, width, narrow_.data());
  bytes.append(reinterpret_cast<const char*>(narrow_.data()), count * width);
}

void RowBlockEncoder::encode_strings(const Source& source, std::size_t begin, std::size_t end,
                                     std::string& bytes) const {
  const auto text = [&](std::size_t i) {
    return is_null(source, i) ? std::string_view() : source.columns[from_[i]]->string(rows_[i]);
  };
  for (std::size_t i = begin; i < end; ++i) {
    append(bytes, static_cast<std::uint32_t>(text(i).size()));
  }
  for (std::size_t i = begin; i < end; ++i) bytes.append(text(i));
}

BatchPtr decode_row_block(const Schema& schema, std::string_view bytes) {
  return Decoder(bytes).decode(schema);
}

}  // namespace libstream
