#pragma once

#include "row_builder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// The bytes between the values of one flat JSON record, as learned from it. Reads records of the
/// same shape into columns; whatever is unusual in a record (escapes, rounding, nesting, spacing,
/// errors) is refused and left to the general parser, which knows the rules. So a record gives the
/// same row whether or not its shape was known.
class JsonShape {
 public:
  explicit JsonShape(const Schema& schema);

  bool known() const { return known_; }
  /// Takes the shape of a record that the general parser accepted.
  void learn(std::string_view record, const RowBuilder& rows);
  /// Appends one value to every column, or returns false: the caller discards the row. A byte below
  /// 0x20 must follow the record; the record must be UTF-8.
  bool read(std::string_view record, RowBuilder& rows);

 private:
  static constexpr std::size_t skipped = ~std::size_t{0};
  struct Slot {
    std::string literal;  ///< bytes before the value: `{"key": ` or `, "key": `
    std::size_t column = skipped;
    TypeId type = TypeId::null;
  };
  bool learn_slots(std::string_view record, const RowBuilder& rows);
  const char* read_value(const char* p, const Slot& slot, RowBuilder& rows);

  const Schema schema_;
  bool known_ = false;
  bool flat_ = true;
  std::vector<Slot> slots_;
  std::string tail_;
  std::vector<std::size_t> absent_;  ///< columns without a slot
  std::string scratch_;
};

/// First byte at or behind `p` that ends a JSON string or needs care: quote, backslash, control.
/// Reads up to 7 bytes behind it.
const char* scan_json_string(const char* p);

}  // namespace libstream
