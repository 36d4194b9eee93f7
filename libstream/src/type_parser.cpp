#include "type_parser.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cctype>
#include <map>

namespace libstream {
namespace {

constexpr int depth_limit = 100;

bool word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

const std::map<std::string, TypeId>& plain_types() {
  static const std::map<std::string, TypeId> types{
      {"void", TypeId::null},      {"null", TypeId::null},          {"boolean", TypeId::boolean},
      {"bool", TypeId::boolean},   {"smallint", TypeId::smallint},  {"short", TypeId::smallint},
      {"int", TypeId::integer},    {"integer", TypeId::integer},    {"bigint", TypeId::bigint},
      {"long", TypeId::bigint},    {"float", TypeId::float32},      {"real", TypeId::float32},
      {"double", TypeId::float64}, {"string", TypeId::string},      {"binary", TypeId::binary},
      {"date", TypeId::date},      {"timestamp", TypeId::timestamp}};
  return types;
}

}  // namespace

std::string quote_name(std::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), word_character) &&
                     std::isdigit(static_cast<unsigned char>(name.front())) == 0;
  if (plain) return std::string(name);
  std::string quoted = "`";
  for (char c : name) {
    if (c == '`') quoted += '`';
    quoted += c;
  }
  return quoted + "`";
}

void TypeParser::fail(const std::string& what) const {
  throw Error(ErrorCode::invalid_argument, "PARSE_SYNTAX_ERROR",
              "cannot read the type or schema \"" + std::string(text_) + "\" at position " +
                  std::to_string(at_ + 1) + ": " + what);
}

void TypeParser::skip_blanks() {
  while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
}

bool TypeParser::at_end() {
  skip_blanks();
  return at_ == text_.size();
}

bool TypeParser::accept(char c) {
  skip_blanks();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

void TypeParser::expect(char c) {
  if (!accept(c)) fail(std::string("expected '") + c + "'");
}

bool TypeParser::accept_word(std::string_view word) {
  skip_blanks();
  if (!same_name(text_.substr(at_, word.size()), word)) return false;
  const std::size_t end = at_ + word.size();
  if (end < text_.size() && word_character(text_[end])) return false;
  at_ = end;
  return true;
}

std::string TypeParser::identifier(const char* what) {
  skip_blanks();
  std::string name;
  if (at_ < text_.size() && text_[at_] == '`') {
    for (++at_;; ++at_) {
      if (at_ >= text_.size()) fail("a name in backticks does not end");
      if (text_[at_] == '`') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '`') break;
        ++at_;
      }
      name += text_[at_];
    }
    ++at_;
  } else {
    while (at_ < text_.size() && (word_character(text_[at_]) || (text_[at_] & 0x80) != 0)) {
      name += text_[at_++];
    }
  }
  if (name.empty()) fail(std::string("expected ") + what);
  return name;
}

int TypeParser::integer() {
  skip_blanks();
  int value = 0;
  const std::size_t begin = at_;
  while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0 &&
         at_ - begin < 4) {
    value = value * 10 + (text_[at_++] - '0');
  }
  if (at_ == begin) fail("expected a number");
  return value;
}

DataType TypeParser::plain_type(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto found = plain_types().find(lower);
  if (found != plain_types().end()) return found->second;
  std::vector<std::string> known{"decimal", "array", "struct"};
  for (const auto& entry : plain_types()) known.push_back(entry.first);
  std::string message = "unknown type \"" + name + "\"";
  const auto similar = similar_names(name, known);
  if (!similar.empty()) message += "; did you mean \"" + similar.front() + "\"?";
  fail(message +
       "; known types: boolean, smallint, int, bigint, float, double, decimal(p,s), "
       "string, binary, date, timestamp, array<t>, struct<name: t>");
}

DataType TypeParser::type(int depth) {
  if (depth > depth_limit) fail("nested too deeply");
  if (accept_word("decimal") || accept_word("numeric") || accept_word("dec")) {
    int precision = 10;
    int scale = 0;
    if (accept('(')) {
      precision = integer();
      if (accept(',')) scale = integer();
      expect(')');
    }
    if (precision < 1 || precision > 38) fail("the precision of a decimal lies in 1 to 38");
    if (scale > precision) fail("the scale of a decimal is at most its precision");
    return DataType::decimal(precision, scale);
  }
  if (accept_word("array")) {
    expect('<');
    auto element = type(depth + 1);
    expect('>');
    return DataType::array(std::move(element));
  }
  if (accept_word("struct")) {
    expect('<');
    auto nested = fields(':', '>', depth + 1);
    expect('>');
    return DataType::structure(std::move(nested));
  }
  if (accept_word("interval")) {
    if (accept_word("day")) {
      if (accept_word("to") && accept_word("second")) return TypeId::day_interval;
      fail("expected \"interval day to second\"");
    }
    if (accept_word("year") && accept_word("to") && accept_word("month")) {
      return TypeId::month_interval;
    }
    fail("expected \"interval day to second\" or \"interval year to month\"");
  }
  return plain_type(identifier("a type"));
}

std::vector<Field> TypeParser::fields(char separator_before_type, char end, int depth) {
  std::vector<Field> result;
  skip_blanks();
  if (at_ >= text_.size() || text_[at_] == end) return result;
  do {
    Field field;
    field.name = identifier("a column name");
    if (separator_before_type != 0) accept(separator_before_type);
    field.type = type(depth);
    if (accept_word("not")) {
      if (!accept_word("null")) fail("expected NULL after NOT");
      field.nullable = false;
    }
    for (const auto& other : result) {
      if (same_name(other.name, field.name)) fail("the name \"" + field.name + "\" occurs twice");
    }
    result.push_back(std::move(field));
  } while (accept(','));
  return result;
}

DataType DataType::parse(std::string_view text) {
  TypeParser parser(text);
  auto type = parser.type();
  if (!parser.at_end()) parser.fail("unexpected text behind the type");
  return type;
}

Schema Schema::parse(std::string_view text) {
  TypeParser parser(text);
  auto fields = parser.fields(':', '\0', 0);
  if (!parser.at_end()) parser.fail("expected ',' or the end");
  return fields;
}

}  // namespace libstream
