#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// A pattern of date_format and to_timestamp ("yyyy-MM-dd HH:mm"), read once for many rows.
/// Letters as in Java's DateTimeFormatter; names are English, zones UTC.
class DatePattern {
 public:
  /// Reads a pattern; what is wrong with it, empty if nothing.
  std::string read(std::string_view pattern);
  /// The letter that cannot be read back ('E', 'Q', …), 0 if there is none.
  char print_only() const { return print_only_; }

  /// Appends a time (µs since 1970).
  void print(std::int64_t time, std::string& out) const;
  /// Reads all of a text; what it does not tell is 1970-01-01T00:00:00.
  bool parse(std::string_view text, std::int64_t& time) const;

 private:
  /// A field (`letter` × `count`), a text (letter 0), or the bracket of an optional part.
  struct Item {
    char letter = 0;
    int count = 0;
    int following_digits = 0;  ///< digits that fields behind it take for sure
    std::string text;
  };
  struct Fields;

  bool parse_items(std::string_view text, std::size_t& at, std::size_t& item, Fields& fields) const;
  static bool parse_item(const Item& item, std::string_view text, std::size_t& at, Fields& fields);

  std::vector<Item> items_;
  char print_only_ = 0;
};

/// "Mon" to "Sunday" and "Jan" to "December" by number from 0, whole or their first three letters.
std::string_view day_name(int day, bool whole);
std::string_view month_name(int month, bool whole);

}  // namespace libstream
