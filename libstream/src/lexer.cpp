#include "lexer.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace libstream {
namespace {

constexpr std::array<std::string_view, 27> keywords{
    "ALL", "AND",  "AS",  "ASC",    "BETWEEN", "CASE", "CAST",     "DESC", "DISTINCT",
    "DIV", "ELSE", "END", "ESCAPE", "FALSE",   "FROM", "IN",       "IS",   "LIKE",
    "NOT", "NULL", "OR",  "RLIKE",  "THEN",    "TRUE", "TRY_CAST", "WHEN", "WHERE"};

bool is_name_start(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalpha(byte) || c == '_' || byte >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      const std::size_t begin = at_;
      if (at_ == text_.size()) {
        tokens.push_back({Token::Kind::end, "", begin});
        return tokens;
      }
      tokens.push_back(next());
      tokens.back().begin = begin;
    }
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Token next() {
    const char c = peek();
    if ((c == 'X' || c == 'x') && peek(1) == '\'') return binary();
    if (is_name_start(c)) {
      const std::size_t begin = at_;
      while (is_name_part(peek())) ++at_;
      return {Token::Kind::name, std::string(text_.substr(begin, at_ - begin)), begin};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !after_name())) return number();
    if (c == '\'' || c == '"') return string(c);
    if (c == '`') return quoted();
    return symbol();
  }

  // "a.1" reads as a path, not as "a" and ".1".
  bool after_name() const {
    return at_ > 0 && (is_name_part(text_[at_ - 1]) || text_[at_ - 1] == '`' ||
                       text_[at_ - 1] == ')' || text_[at_ - 1] == ']');
  }

  Token number() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && !is_name_start(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if ((peek() == 'e' || peek() == 'E') &&
        (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
      at_ += 2;
      while (is_digit(peek())) ++at_;
    }
    while (is_name_part(peek())) ++at_;  // suffix, judged by the parser
    return {Token::Kind::number, std::string(text_.substr(begin, at_ - begin)), begin};
  }

  Token string(char quote) {
    const std::size_t begin = at_++;
    std::string value;
    for (;;) {
      if (at_ >= text_.size()) fail_at(text_, begin, "the string is not closed");
      char c = text_[at_++];
      if (c == quote) {
        if (peek() != quote) break;
        ++at_;  // '' is one quote
      } else if (c == '\\' && at_ < text_.size()) {
        c = text_[at_++];
        switch (c) {
          case 'n':
            c = '\n';
            break;
          case 'r':
            c = '\r';
            break;
          case 't':
            c = '\t';
            break;
          case '0':
            c = '\0';
            break;
          case '%':
          case '_':
            value += '\\';  // escapes of LIKE stay for LIKE
            break;
          default:
            break;
        }
      }
      value += c;
    }
    return {Token::Kind::text, std::move(value), begin};
  }

  Token quoted() {
    const std::size_t begin = at_++;
    std::string value;
    for (;;) {
      if (at_ >= text_.size()) fail_at(text_, begin, "the backtick is not closed");
      const char c = text_[at_++];
      if (c == '`') {
        if (peek() != '`') break;
        ++at_;
      }
      value += c;
    }
    return {Token::Kind::quoted_name, std::move(value), begin};
  }

  Token binary() {
    const std::size_t begin = at_;
    at_ += 2;
    std::string digits;
    while (std::isxdigit(static_cast<unsigned char>(peek()))) digits += text_[at_++];
    if (peek() != '\'' || digits.size() % 2 != 0) {
      fail_at(text_, at_, "X'…' takes pairs of hexadecimal digits");
    }
    ++at_;
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return {Token::Kind::binary, std::move(bytes), begin};
  }

  Token symbol() {
    constexpr std::array<std::string_view, 26> symbols{
        "<=>", "<=", ">=", "<>", "!=", "==", "||", "(", ")", "[", "]", ",", ".",
        "+",   "-",  "*",  "/",  "%",  "=",  "<",  ">", "!", "~", "&", "|", "^"};
    for (const std::string_view candidate : symbols) {
      if (text_.substr(at_).starts_with(candidate)) {
        at_ += candidate.size();
        return {Token::Kind::symbol, std::string(candidate), 0};
      }
    }
    fail_at(text_, at_, "'" + std::string(1, text_[at_]) + "' does not belong here");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

void fail_at(std::string_view text, std::size_t place, const std::string& message) {
  // The caret stands below the place: count characters, not bytes; tabs and line ends as blanks.
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  std::size_t column = 0;
  for (std::size_t i = 0; i < place && i < text.size(); ++i) {
    column += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 ? 1U : 0U;
  }
  throw Error(ErrorCode::analysis, "SYNTAX",
              message + "\n  " + shown + "\n  " + std::string(column, ' ') + "^");
}

bool is_word(const Token& token, std::string_view keyword) {
  return token.kind == Token::Kind::name && same_name(token.value, keyword);
}

bool is_keyword(std::string_view name) {
  return std::any_of(keywords.begin(), keywords.end(),
                     [&](std::string_view keyword) { return same_name(name, keyword); });
}

bool is_callable_keyword(std::string_view name) {
  return same_name(name, "in") || same_name(name, "like") || same_name(name, "between") ||
         same_name(name, "rlike");
}

bool begins_ilike(const std::vector<Token>& tokens, std::size_t at) {
  if (at + 1 >= tokens.size() || !is_word(tokens[at], "ILIKE")) return false;
  const Token& next = tokens[at + 1];
  return next.kind != Token::Kind::end && (next.kind != Token::Kind::symbol || next.value == "(");
}

bool parts_arguments(std::string_view function, const Token& token) {
  if (same_name(function, "position")) return is_word(token, "IN");
  const bool overlay = same_name(function, "overlay");
  if (!overlay && !same_name(function, "substring") && !same_name(function, "substr")) return false;
  return is_word(token, "FROM") || is_word(token, "FOR") || (overlay && is_word(token, "PLACING"));
}

std::size_t closing_bracket(const std::vector<Token>& tokens, std::size_t at) {
  int open = 0;
  for (; tokens[at].kind != Token::Kind::end; ++at) {
    if (tokens[at].kind != Token::Kind::symbol) continue;
    if (tokens[at].value == "(") ++open;
    if (tokens[at].value == ")" && open-- == 0) break;
  }
  return at;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '`') {
      if (quoted && i + 1 < path.size() && path[i + 1] == '`') {
        parts.back() += '`';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string quoted_part(std::string_view name) {
  if (name.find_first_of(".`") == std::string_view::npos) return std::string(name);
  std::string text = "`";
  for (const char c : name) {
    if (c == '`') text += '`';
    text += c;
  }
  return text + "`";
}

}  // namespace libstream
