#pragma once

#include <libstream/schema.hpp>

#include <string>
#include <string_view>

namespace libstream {

/// `name`, in backticks where `parse` would not read it back otherwise.
std::string quote_name(std::string_view name);

/// Reads types and schemas as text, recursively; throws Error(invalid_argument) with the place.
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}
  DataType type(int depth = 0);
  std::vector<Field> fields(char separator_before_type, char end, int depth);
  bool at_end();
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void skip_blanks();
  bool accept(char c);
  void expect(char c);
  bool accept_word(std::string_view word);
  std::string identifier(const char* what);
  int integer();
  DataType plain_type(const std::string& name);
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace libstream
