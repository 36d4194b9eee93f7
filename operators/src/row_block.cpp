#include "row_block.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <cstring>
#include <utility>

namespace libstream {
namespace {

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

bool is_nested(const DataType& type) {
  return type.id() == TypeId::array || type.id() == TypeId::structure;
}

/// One column of consecutive entries of a list.
class ColumnEncoder {
 public:
  ColumnEncoder(const RowList& list, std::size_t column, std::size_t begin, std::size_t end,
                std::string& bytes)
      : list_(list), column_(column), begin_(begin), end_(end), bytes_(bytes) {}

  void encode(const DataType& type) {
    if (is_nested(type)) {
      for (std::size_t i = begin_; i < end_; ++i) encode_value(at(i), list_.rows[i], bytes_);
      return;
    }
    encode_validity();
    if (type.is_string_like()) {
      encode_strings();
      return;
    }
    switch (type.width()) {
      case 0:
        return;
      case 1:
        return encode_values<std::uint8_t>();
      case 2:
        return encode_values<std::uint16_t>();
      case 4:
        return encode_values<std::uint32_t>();
      case 8:
        return encode_values<std::uint64_t>();
      default:
        return encode_values<int128>();
    }
  }

 private:
  const Column& at(std::size_t i) const { return *list_.batches[i]->columns[column_]; }

  void encode_validity() {
    bool any = false;
    for (std::size_t i = begin_; i < end_; ++i) any = any || at(i).is_null(list_.rows[i]);
    bytes_.push_back(any ? '\1' : '\0');
    if (!any) return;
    const std::size_t first = bytes_.size();
    bytes_.resize(first + (end_ - begin_ + 7) / 8);
    for (std::size_t i = begin_; i < end_; ++i) {
      const std::size_t bit = i - begin_;
      if (at(i).is_null(list_.rows[i])) continue;
      char& byte = bytes_[first + bit / 8];
      byte = static_cast<char>(byte | (1 << (bit % 8)));
    }
  }

  template <class T>
  void encode_values() {
    const std::size_t first = bytes_.size();
    bytes_.resize(first + (end_ - begin_) * sizeof(T));
    char* to = bytes_.data() + first;
    for (std::size_t i = begin_; i < end_; ++i, to += sizeof(T)) {
      std::memcpy(to, at(i).values<T>() + list_.rows[i], sizeof(T));
    }
  }

  std::string_view text(std::size_t i) const {
    return at(i).is_null(list_.rows[i]) ? std::string_view() : at(i).string(list_.rows[i]);
  }
  void encode_strings() {
    for (std::size_t i = begin_; i < end_; ++i) {
      append(bytes_, static_cast<std::uint32_t>(text(i).size()));
    }
    for (std::size_t i = begin_; i < end_; ++i) bytes_.append(text(i));
  }

  const RowList& list_;
  const std::size_t column_;
  const std::size_t begin_;
  const std::size_t end_;
  std::string& bytes_;
};

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
    if (is_nested(type)) {
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
    if (type.is_string_like()) return decode_strings(type, std::move(validity));
    if (type.width() == 0) return Column::nulls(type, rows_);
    return Column::fixed(type, rows_, copy(take(rows_ * type.width())), std::move(validity));
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

void encode_row_block(const Schema& schema, const RowList& list, std::size_t begin, std::size_t end,
                      std::string& bytes) {
  append(bytes, static_cast<std::uint32_t>(end - begin));
  for (std::size_t c = 0; c < schema.size(); ++c) {
    ColumnEncoder(list, c, begin, end, bytes).encode(schema[c].type);
  }
}

BatchPtr decode_row_block(const Schema& schema, std::string_view bytes) {
  return Decoder(bytes).decode(schema);
}

}  // namespace libstream
