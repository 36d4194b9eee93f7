#include "lexer.hpp"
#include "literals.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/schema.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

namespace libstream {
namespace {

using Kind = ExpressionNode::Kind;

constexpr int depth_limit = 200;
constexpr int tree_depth_limit = 1'000;
constexpr int node_limit = 10'000;

// Binding powers, loosest first.
enum Power {
  no_power,
  or_power,
  and_power,
  not_power,
  predicate_power,
  either_bits_power,
  one_bit_power,
  both_bits_power,
  concat_power,
  sum_power,
  product_power,
  unary_power,
  postfix_power
};

struct Parsed {
  Expression expression;
  int depth = 1;
  int parts = 1;  // Of the whole tree; one that stands in it twice counts twice.
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), tokens_(tokenize(text)) {}

  Expression run() {
    if (peek().kind == Token::Kind::end) fail("an expression is expected");
    if (is_symbol("*") && peek(1).kind == Token::Kind::end) return star().expression;
    Parsed result = parse(no_power);
    if (accept("AS")) {
      result = make_named(Kind::alias, name_token("a name is expected behind AS"), result);
    } else if (peek().kind == Token::Kind::quoted_name ||
               (peek().kind == Token::Kind::name && !is_keyword(peek().value))) {
      result = make_named(Kind::alias, name_token(""), result);
    } else if (accept("DESC")) {
      result = make_named(Kind::sort, "desc", result);
    } else if (accept("ASC")) {
      result = make_named(Kind::sort, "asc", result);
    }
    if (peek().kind != Token::Kind::end) {
      fail("'" + peek().value + "' does not belong here; the expression ends before it");
    }
    return result.expression;
  }

 private:
  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  bool is_symbol(std::string_view symbol) const {
    return peek().kind == Token::Kind::symbol && peek().value == symbol;
  }
  bool accept_symbol(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    ++at_;
    return true;
  }
  bool accept(std::string_view keyword) {
    if (!is_word(peek(), keyword)) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(const std::string& message) const {
    fail_at(text_, peek().begin, message);
  }
  void expect_symbol(std::string_view symbol, const std::string& where) {
    if (!accept_symbol(symbol)) fail("'" + std::string(symbol) + "' is expected " + where);
  }
  void expect(std::string_view keyword, const std::string& where) {
    if (!accept(keyword)) fail(std::string(keyword) + " is expected " + where);
  }
  std::string name_token(const std::string& message) {
    if (peek().kind != Token::Kind::name && peek().kind != Token::Kind::quoted_name) fail(message);
    return tokens_[at_++].value;
  }

  Parsed make(ExpressionNode node, int depth = 1, int parts = 1) {
    if (parts > node_limit) {
      fail("the expression has more than " + std::to_string(node_limit) + " parts");
    }
    if (depth > tree_depth_limit) {
      fail("the expression is nested more than " + std::to_string(tree_depth_limit) + " deep");
    }
    return {Expression(std::make_shared<const ExpressionNode>(std::move(node))), depth, parts};
  }
  Parsed make_literal(Value value, DataType type) {
    ExpressionNode node;
    node.kind = Kind::literal;
    node.value = std::move(value);
    node.type = std::move(type);
    return make(std::move(node));
  }
  Parsed make_literal(Literal literal) {
    return make_literal(std::move(literal.value), std::move(literal.type));
  }
  Parsed make_named(Kind kind, std::string name, const Parsed& inner, DataType type = {}) {
    ExpressionNode node;
    node.kind = kind;
    node.name = std::move(name);
    node.type = std::move(type);
    node.arguments = {inner.expression};
    return make(std::move(node), inner.depth + 1, inner.parts + 1);
  }
  Parsed make_call(std::string_view name, std::vector<Parsed> arguments) {
    ExpressionNode node;
    node.kind = Kind::call;
    for (const char c : name) {
      node.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    int depth = 0;
    int parts = 1;
    for (Parsed& argument : arguments) {
      depth = std::max(depth, argument.depth);
      parts += argument.parts;
      node.arguments.push_back(std::move(argument.expression));
    }
    return make(std::move(node), depth + 1, parts);
  }

  Parsed parse(Power least) {
    if (++depth_ > depth_limit) {
      fail("the expression is nested more than " + std::to_string(depth_limit) + " deep");
    }
    Parsed left = prefix();
    while (infix(left, least)) {
    }
    --depth_;
    return left;
  }

  /// Extends `left` by one operator that binds tighter than `least`.
  bool infix(Parsed& left, Power least) {
    if (least < postfix_power && postfix(left)) return true;
    struct Binary {
      std::string_view sign;
      const char* name;
      Power power;
    };
    static constexpr Binary signs[] = {
        {"=", "=", predicate_power},     {"==", "=", predicate_power},
        {"<>", "<>", predicate_power},   {"!=", "<>", predicate_power},
        {"<=", "<=", predicate_power},   {"<", "<", predicate_power},
        {">=", ">=", predicate_power},   {">", ">", predicate_power},
        {"<=>", "<=>", predicate_power}, {"||", "concat", concat_power},
        {"&", "&", both_bits_power},     {"^", "^", one_bit_power},
        {"|", "|", either_bits_power},   {"+", "+", sum_power},
        {"-", "-", sum_power},           {"*", "*", product_power},
        {"/", "/", product_power},       {"%", "%", product_power}};
    static constexpr Binary words[] = {
        {"OR", "or", or_power}, {"AND", "and", and_power}, {"DIV", "div", product_power}};
    const bool symbol = peek().kind == Token::Kind::symbol;
    for (const Binary& binary :
         symbol ? std::span<const Binary>(signs) : std::span<const Binary>(words)) {
      if (symbol ? !is_symbol(binary.sign) : !is_word(peek(), binary.sign)) continue;
      if (binary.power <= least) return false;
      ++at_;
      Parsed right = parse(binary.power);
      left = make_call(binary.name, {std::move(left), std::move(right)});
      return true;
    }
    return least < predicate_power && predicate(left);
  }

  bool postfix(Parsed& left) {
    if (accept_symbol("[")) {
      Parsed index = parse(no_power);
      expect_symbol("]", "behind the index");
      left = make_call("element", {std::move(left), std::move(index)});
      return true;
    }
    if (!accept_symbol(".")) return false;
    const std::string name = name_token("the name of a field is expected behind the dot");
    const ExpressionNode& node = left.expression.node();
    if (node.kind == Kind::column) {
      ExpressionNode path;
      path.kind = Kind::column;
      path.name = node.name + "." + quoted_part(name);
      left = make(std::move(path));
    } else {
      Parsed field = make_literal(Value(name), TypeId::string);
      left = make_call("field", {std::move(left), std::move(field)});
    }
    return true;
  }

  /// IS [NOT] NULL …, [NOT] IN, BETWEEN, LIKE.
  bool predicate(Parsed& left) {
    if (accept("IS")) {
      const bool negated = accept("NOT");
      if (accept("NULL")) {
        left = make_call(negated ? "is_not_null" : "is_null", {std::move(left)});
        return true;
      }
      const bool truth = accept("TRUE");
      if (!truth && !accept("FALSE")) fail("NULL, TRUE or FALSE is expected behind IS");
      Parsed value = make_literal(Value(truth), TypeId::boolean);
      left = make_call("<=>", {std::move(left), std::move(value)});
      if (negated) left = make_call("not", {std::move(left)});
      return true;
    }
    const bool negated = is_word(peek(), "NOT");
    const Token& word = peek(negated ? 1 : 0);
    if (is_word(word, "IN")) {
      at_ += negated ? 2 : 1;
      in_list(left);
    } else if (is_word(word, "BETWEEN")) {
      at_ += negated ? 2 : 1;
      Parsed low = parse(predicate_power);
      expect("AND", "between the bounds of BETWEEN");
      Parsed high = parse(predicate_power);
      left = make_call("between", {std::move(left), std::move(low), std::move(high)});
    } else if (is_word(word, "LIKE") || is_word(word, "RLIKE") ||
               begins_ilike(tokens_, at_ + (negated ? 1 : 0))) {
      const bool like = !is_word(word, "RLIKE");
      const char* const name = is_word(word, "LIKE") ? "like" : like ? "ilike" : "rlike";
      at_ += negated ? 2 : 1;
      std::vector<Parsed> arguments{std::move(left), parse(predicate_power)};
      if (like && accept("ESCAPE")) arguments.push_back(parse(predicate_power));
      left = make_call(name, std::move(arguments));
    } else {
      return false;
    }
    if (negated) left = make_call("not", {std::move(left)});
    return true;
  }

  void in_list(Parsed& left) {
    expect_symbol("(", "behind IN");
    std::vector<Parsed> arguments{std::move(left)};
    do {
      arguments.push_back(parse(no_power));
    } while (accept_symbol(","));
    expect_symbol(")", "at the end of the list of IN");
    left = make_call("in", std::move(arguments));
  }

  Parsed prefix() {
    const Token& token = peek();
    switch (token.kind) {
      case Token::Kind::number:
        ++at_;
        return number(token, false);
      case Token::Kind::text:
        ++at_;
        return make_literal(Value(token.value), TypeId::string);
      case Token::Kind::binary:
        ++at_;
        return make_literal(Value(token.value), TypeId::binary);
      case Token::Kind::quoted_name:
      case Token::Kind::name:
        return name_or_word();
      case Token::Kind::symbol:
        return prefix_symbol();
      case Token::Kind::end:
        break;
    }
    fail("the expression is not finished");
  }

  Parsed prefix_symbol() {
    if (accept_symbol("(")) {
      Parsed inner = parse(no_power);
      expect_symbol(")", "to close the bracket");
      return inner;
    }
    if (accept_symbol("-")) {
      if (peek().kind == Token::Kind::number) return number(tokens_[at_++], true);
      return make_call("negate", {parse(unary_power)});
    }
    if (accept_symbol("+")) return parse(unary_power);
    if (accept_symbol("~")) return make_call("~", {parse(unary_power)});
    if (accept_symbol("!")) return make_call("not", {parse(unary_power)});
    fail("'" + peek().value + "' does not begin an expression");
  }

  /// The star that stands for all columns: a whole expression, or an argument of a call.
  Parsed star() {
    ++at_;
    ExpressionNode node;
    node.kind = Kind::star;
    node.name = "*";
    return make(std::move(node));
  }
  Parsed argument() {
    const Token& after = peek(1);
    const bool alone =
        after.kind == Token::Kind::symbol && (after.value == ")" || after.value == ",");
    return alone && is_symbol("*") ? star() : parse(no_power);
  }

  Parsed name_or_word() {
    const Token& token = peek();
    const Token& after = peek(1);
    const bool call = after.kind == Token::Kind::symbol && after.value == "(";
    if (token.kind == Token::Kind::name) {
      if (accept("NOT")) return make_call("not", {parse(not_power)});
      if (accept("NULL")) return make_literal(Value(), DataType());
      if (accept("TRUE")) return make_literal(Value(true), TypeId::boolean);
      if (accept("FALSE")) return make_literal(Value(false), TypeId::boolean);
      if (accept("CASE")) return case_expression();
      if (call && (is_word(token, "CAST") || is_word(token, "TRY_CAST"))) return cast();
      if (call && is_word(token, "EXTRACT")) return extract();
      if (after.kind == Token::Kind::text &&
          (is_word(token, "TIMESTAMP") || is_word(token, "DATE"))) {
        return typed_literal();
      }
      if (begins_interval(tokens_, at_)) {
        ++at_;
        return interval();
      }
      if (is_keyword(token.value) && !(call && is_callable_keyword(token.value))) {
        fail(token.value + " does not begin an expression; a column of that name stands in `" +
             token.value + "`");
      }
    }
    ++at_;
    if (call) {
      ++at_;
      return call_arguments(token.value);
    }
    ExpressionNode node;
    node.kind = Kind::column;
    node.name = token.kind == Token::Kind::quoted_name ? quoted_part(token.value) : token.value;
    return make(std::move(node));
  }

  Parsed call_arguments(const std::string& name) {
    const bool distinct = accept("DISTINCT");
    std::vector<Parsed> arguments;
    // timestampadd(MONTH, …): the unit is a word.
    const bool unit = (same_name(name, "timestampadd") || same_name(name, "timestampdiff")) &&
                      peek().kind == Token::Kind::name && peek(1).value == ",";
    if (unit) {
      arguments.push_back(make_literal(Value(name_token("a unit")), TypeId::string));
      ++at_;
    }
    if (same_name(name, "trim") && !is_symbol(")")) return trim_arguments();
    // position(a IN b): IN parts the arguments.
    const bool position = same_name(name, "position");
    if (!is_symbol(")")) {
      do {
        arguments.push_back(position ? parse(predicate_power) : argument());
      } while (accept_symbol(",") || (parts_arguments(name, peek()) && ++at_ > 0));
    }
    expect_symbol(")", "behind the arguments of " + name);
    if (accept("WITHIN")) within_group(name, arguments);
    Parsed result = make_call(name, std::move(arguments));
    std::optional<Parsed> condition;
    if (is_word(peek(), "FILTER") && peek(1).kind == Token::Kind::symbol && peek(1).value == "(") {
      at_ += 2;
      expect("WHERE", "in FILTER (WHERE …)");
      condition = parse(no_power);
      expect_symbol(")", "at the end of FILTER");
    }
    if (!distinct && !condition) return result;
    ExpressionNode node = result.expression.node();
    node.distinct = distinct;
    if (condition) node.filter = condition->expression;
    if (condition) {
      result.depth = std::max(result.depth, condition->depth + 1);
      result.parts += condition->parts;
    }
    return make(std::move(node), result.depth, result.parts);
  }

  /// trim([BOTH | LEADING | TRAILING] [characters] [FROM] text) and trim([characters,] text).
  Parsed trim_arguments() {
    const bool word = peek().kind == Token::Kind::name && peek(1).kind != Token::Kind::symbol;
    std::string name = "trim";
    if (word && accept("LEADING")) name = "ltrim";
    if (word && accept("TRAILING")) name = "rtrim";
    if (word) accept("BOTH");
    const bool blanks = accept("FROM");
    std::vector<Parsed> arguments{parse(no_power)};
    if (!blanks && (accept("FROM") || accept_symbol(","))) arguments.push_back(parse(no_power));
    expect_symbol(")", "behind the arguments of trim");
    return make_call(name, std::move(arguments));
  }

  /// f(percentage) WITHIN GROUP (ORDER BY value [DESC]) reads as f(value, percentage).
  void within_group(const std::string& name, std::vector<Parsed>& arguments) {
    const bool discrete = same_name(name, "percentile_disc");
    const bool continuous = same_name(name, "percentile_cont");
    if (!discrete && !continuous && !same_name(name, "mode")) {
      fail("WITHIN GROUP belongs to percentile_cont, percentile_disc and mode, not to " + name);
    }
    expect("GROUP", "behind WITHIN");
    expect_symbol("(", "behind WITHIN GROUP");
    expect("ORDER", "in WITHIN GROUP (ORDER BY …)");
    expect("BY", "in WITHIN GROUP (ORDER BY …)");
    arguments.insert(arguments.begin(), parse(no_power));
    if (!accept("ASC") && accept("DESC")) {
      if (discrete) arguments.push_back(make_literal(Value(true), TypeId::boolean));
      if (continuous && arguments.size() == 2) {
        Parsed one = make_literal(Value(1.0), TypeId::float64);
        arguments[1] = make_call("-", {std::move(one), std::move(arguments[1])});
      }
    }
    expect_symbol(")", "at the end of WITHIN GROUP");
  }

  Parsed case_expression() {
    std::optional<Parsed> subject;
    if (!is_word(peek(), "WHEN")) subject = parse(no_power);
    std::vector<Parsed> arguments;
    if (!is_word(peek(), "WHEN")) fail("WHEN is expected in CASE");
    while (accept("WHEN")) {
      Parsed condition = parse(no_power);
      if (subject) condition = make_call("=", {*subject, std::move(condition)});
      expect("THEN", "behind the condition of WHEN");
      arguments.push_back(std::move(condition));
      arguments.push_back(parse(no_power));
    }
    if (accept("ELSE")) arguments.push_back(parse(no_power));
    expect("END", "at the end of CASE");
    return make_call("case", std::move(arguments));
  }

  Parsed cast() {
    const bool attempt = is_word(tokens_[at_], "TRY_CAST");
    at_ += 2;
    Parsed inner = parse(no_power);
    expect("AS", "in CAST(… AS type)");
    DataType type = type_name();
    expect_symbol(")", "at the end of CAST");
    return make_named(Kind::cast, attempt ? "try_cast" : "cast", inner, std::move(type));
  }

  DataType type_name() {
    // The type reaches up to the bracket that closes the cast.
    const std::size_t begin = peek().begin;
    at_ = closing_bracket(tokens_, at_);
    const std::string_view name = std::string_view(text_).substr(begin, peek().begin - begin);
    try {
      return DataType::parse(name.substr(0, name.find_last_not_of(" \t\n") + 1));
    } catch (const Error& error) {
      fail_at(text_, begin, error.what());
    }
  }

  Parsed extract() {
    const std::size_t start = at_;
    at_ += 2;
    if (peek().kind == Token::Kind::name && is_word(peek(1), "FROM")) {
      Parsed field = make_literal(Value(lowered(peek().value)), TypeId::string);
      at_ += 2;
      Parsed source = parse(no_power);
      expect_symbol(")", "at the end of EXTRACT");
      return make_call("date_part", {std::move(field), std::move(source)});
    }
    at_ = start + 2;
    fail("EXTRACT(field FROM value) is expected");
  }

  Parsed typed_literal() { return make_literal(time_literal(text_, tokens_, at_)); }
  Parsed interval() { return make_literal(interval_literal(text_, tokens_, at_)); }
  Parsed number(const Token& token, bool negative) {
    return make_literal(number_literal(text_, token, negative));
  }

  std::string text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Expression expr(std::string_view text) { return Parser(text).run(); }

}  // namespace libstream
