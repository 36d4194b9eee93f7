#pragma once

#include <libstream/column.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// How the values of several key columns lie in a table: as a few words and a mask of nulls, so
/// that keys are copied and compared without a look at their types. Equal keys have equal words and
/// masks, but for texts longer than a view holds inline.
///
/// Fixed-width values lie at their own width, the widest first, texts as their views, structures
/// field by field; a null's bytes are zero. Keys with more than `max_words` or `max_nulls`, arrays
/// or untyped nulls are encoded (value_codec.hpp) and lie as one text.
class KeyColumns {
 public:
  static constexpr std::size_t max_words = 4;
  static constexpr std::size_t max_nulls = 8;

  explicit KeyColumns(std::vector<Field> fields);

  std::size_t words() const { return words_; }
  /// Words at which a text's view begins.
  std::span<const std::uint8_t> texts() const { return texts_; }

  struct Packed {
    const std::uint64_t* words;  ///< rows × words()
    const std::uint8_t* nulls;   ///< a mask a row; nullptr = no nulls
  };
  /// The keys of rows. Valid until the next call, and as long as the columns are.
  Packed pack(std::span<const ColumnPtr> columns, std::size_t rows);
  /// Keys as columns in the order of the fields; copies the texts.
  std::vector<ColumnPtr> unpack(std::span<const std::byte* const> keys,
                                std::span<const std::uint8_t> nulls) const;

  /// The key as encode_value writes its columns: so many bytes, and the end of what was written.
  std::size_t encoded_size(const std::byte* key, std::uint8_t nulls) const;
  char* encode(const std::byte* key, std::uint8_t nulls, char* to) const;

 private:
  enum class Form : std::uint8_t { structure, fixed, text };
  /// A value of the key; structures come before their fields.
  struct Node {
    DataType type;
    Form form;
    std::uint8_t width;       ///< bytes in the key
    std::uint8_t offset = 0;  ///< from the start of the key
    std::uint8_t null_bit;
    std::uint8_t null_mask;  ///< own bit and those of the structures around
  };
  struct Unpacking;

  bool add_nodes(const DataType& type, std::uint8_t around);
  void place_nodes();
  void encode_all();
  void pack_node(const Column& column, std::size_t& node, std::size_t rows);
  void mark_nulls(const Column& column, const Node& node, std::size_t rows);
  template <class T, class F>
  void pack_values(const Column& column, const Node& node, std::size_t rows, F&& canonical);
  void pack_fixed(const Column& column, const Node& node, std::size_t rows);
  ColumnPtr unpack_node(const Unpacking& from, std::size_t& node) const;
  template <class T>
  ColumnPtr unpack_values(const Unpacking& from, const Node& node) const;
  ColumnPtr unpack_fixed(const Unpacking& from, const Node& node) const;
  ColumnPtr unpack_texts(const Unpacking& from, const Node& node) const;

  std::vector<Field> fields_;
  std::vector<Node> nodes_;
  bool encoded_ = false;
  bool padded_ = false;  ///< some bytes of the words belong to no value
  std::size_t words_ = 0;
  std::size_t fixed_size_ = 0;  ///< of the encoded form, where no text adds to it
  std::vector<std::uint8_t> texts_;

  std::vector<std::uint64_t> packed_;
  std::vector<std::uint8_t> nulls_;
  bool has_nulls_ = false;
  std::string storage_;
  std::vector<StringView> views_;
};

}  // namespace libstream
