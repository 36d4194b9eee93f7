#include "expression_support.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace libstream;

// Random expressions over random batches, computed twice: by the vectorised evaluator and, row by
// row over plain values, by the interpreter below, which shares no code with it.
namespace {

const Schema& test_schema() {
  static const Schema schema =
      Schema::parse("i int, j int, l bigint, m bigint, d double, e double, s string, p boolean");
  return schema;
}

enum class Sort { whole32, whole64, real, text, truth };

struct Raised {};  // what ANSI SQL calls an error

class Interpreter {
 public:
  explicit Interpreter(const Row& row) : row_(row) {}

  Value run(const Expression& expression) {
    const ExpressionNode& node = expression.node();
    if (node.kind == ExpressionNode::Kind::literal) return node.value;
    if (node.kind == ExpressionNode::Kind::column) return row_[*test_schema().find(node.name)];
    if (node.kind == ExpressionNode::Kind::cast) return cast(run(node.arguments[0]), node.type);
    return call(node);
  }

 private:
  static bool is_true(const Value& v) { return !v.is_null() && v.boolean(); }
  static bool is_false(const Value& v) { return !v.is_null() && !v.boolean(); }

  static Value cast(const Value& v, const DataType& type) {
    if (v.is_null()) return v;
    if (type.id() == TypeId::bigint) return v;
    return static_cast<double>(v.integer());
  }

  Value call(const ExpressionNode& node) {
    const auto& a = node.arguments;
    const std::string& name = node.name;
    if (name == "and") {
      const Value left = run(a[0]);
      if (is_false(left)) return false;
      const Value right = run(a[1]);
      if (is_false(right)) return false;
      return left.is_null() || right.is_null() ? Value() : Value(true);
    }
    if (name == "or") {
      const Value left = run(a[0]);
      if (is_true(left)) return true;
      const Value right = run(a[1]);
      if (is_true(right)) return true;
      return left.is_null() || right.is_null() ? Value() : Value(false);
    }
    if (name == "case") {
      for (std::size_t i = 0; i + 1 < a.size(); i += 2) {
        if (is_true(run(a[i]))) return run(a[i + 1]);
      }
      return a.size() % 2 == 1 ? run(a.back()) : Value();
    }
    if (name == "coalesce") {
      for (const Expression& each : a) {
        if (Value v = run(each); !v.is_null()) return v;
      }
      return {};
    }
    std::vector<Value> values;
    for (const Expression& each : a) values.push_back(run(each));
    return strict(name, values);
  }

  static Value strict(const std::string& name, const std::vector<Value>& v) {
    if (name == "is_null") return v[0].is_null();
    if (name == "is_not_null") return !v[0].is_null();
    if (name == "<=>") {
      return v[0].is_null() || v[1].is_null() ? v[0].is_null() && v[1].is_null()
                                              : order(v[0], v[1]) == 0;
    }
    if (name == "in") return in(v);
    for (const Value& each : v) {
      if (each.is_null()) return {};
    }
    if (name == "not") return !v[0].boolean();
    if (name == "length") return static_cast<std::int64_t>(v[0].text().size());
    if (name == "concat") return v[0].text() + v[1].text();
    if (name == "=") return order(v[0], v[1]) == 0;
    if (name == "<>") return order(v[0], v[1]) != 0;
    if (name == "<") return order(v[0], v[1]) < 0;
    if (name == "<=") return order(v[0], v[1]) <= 0;
    if (name == ">") return order(v[0], v[1]) > 0;
    if (name == ">=") return order(v[0], v[1]) >= 0;
    if (std::holds_alternative<double>(v[0].data)) return real(name, v[0].real(), v[1].real());
    return whole(name, v[0].integer(), v[1].integer());
  }

  static Value in(const std::vector<Value>& v) {
    if (v[0].is_null()) return {};
    bool null = false;
    for (std::size_t i = 1; i < v.size(); ++i) {
      if (v[i].is_null()) {
        null = true;
      } else if (order(v[0], v[i]) == 0) {
        return true;
      }
    }
    return null ? Value() : Value(false);
  }

  template <class T>
  static int three_way(const T& a, const T& b) {
    return a < b ? -1 : b < a ? 1 : 0;
  }
  static int order(const Value& a, const Value& b) {
    if (const auto* x = std::get_if<double>(&a.data)) {
      const double y = b.real();
      if (std::isnan(*x) || std::isnan(y)) return std::isnan(*x) - std::isnan(y);
      return three_way(*x, y);
    }
    if (std::holds_alternative<std::string>(a.data)) return three_way(a.text(), b.text());
    if (std::holds_alternative<bool>(a.data)) return three_way(a.boolean(), b.boolean());
    return three_way(a.integer(), b.integer());
  }

  static Value real(const std::string& name, double a, double b) {
    if (name == "+") return a + b;
    if (name == "-") return a - b;
    if (name == "*") return a * b;
    if (b == 0) throw Raised{};
    return a / b;
  }

  /// In 128 bits; the caller knows the width and raises.
  static Value whole(const std::string& name, std::int64_t a, std::int64_t b) {
    int128 result = 0;
    if (name == "+") result = int128{a} + b;
    if (name == "-") result = int128{a} - b;
    if (name == "*") result = int128{a} * b;
    if (name == "%") {
      if (b == 0) throw Raised{};
      result = int128{a} % b;
    }
    return result;
  }

  const Row& row_;
};

/// The interpreter's whole numbers come as int128: narrowed to the type of the operation.
class NarrowingInterpreter {
 public:
  explicit NarrowingInterpreter(const Row& row) : row_(row) {}
  Value run(const Expression& expression, const Schema& schema) {
    return narrow(expression, schema);
  }

 private:
  /// Evaluates bottom-up: arguments of strict operators become literals of their values.
  Value narrow(const Expression& expression, const Schema& schema) {
    const ExpressionNode& node = expression.node();
    const bool lazy =
        node.name == "and" || node.name == "or" || node.name == "case" || node.name == "coalesce";
    if (node.kind == ExpressionNode::Kind::call && lazy) return lazily(node, schema);
    if (node.arguments.empty()) return Interpreter(row_).run(expression);
    ExpressionNode flat = node;
    for (Expression& argument : flat.arguments) argument = literal(narrow(argument, schema));
    const Value value =
        Interpreter(row_).run(Expression(std::make_shared<const ExpressionNode>(flat)));
    const auto* wide = std::get_if<int128>(&value.data);
    if (wide == nullptr) return value;
    const bool small = bind(expression, schema)->type.id() == TypeId::integer;
    const int128 limit = int128{1} << (small ? 31 : 63);
    if (*wide < -limit || *wide >= limit) throw Raised{};
    return static_cast<std::int64_t>(*wide);
  }

  Value lazily(const ExpressionNode& node, const Schema& schema) {
    const auto& a = node.arguments;
    if (node.name == "coalesce") {
      for (const Expression& each : a) {
        if (Value v = narrow(each, schema); !v.is_null()) return v;
      }
      return {};
    }
    if (node.name == "case") {
      for (std::size_t i = 0; i + 1 < a.size(); i += 2) {
        const Value condition = narrow(a[i], schema);
        if (!condition.is_null() && condition.boolean()) return narrow(a[i + 1], schema);
      }
      return a.size() % 2 == 1 ? narrow(a.back(), schema) : Value();
    }
    const bool decides = node.name == "or";
    const Value left = narrow(a[0], schema);
    if (!left.is_null() && left.boolean() == decides) return decides;
    const Value right = narrow(a[1], schema);
    if (!right.is_null() && right.boolean() == decides) return decides;
    return left.is_null() || right.is_null() ? Value() : Value(!decides);
  }

  static Expression literal(const Value& value) {
    ExpressionNode node;
    node.kind = ExpressionNode::Kind::literal;
    node.value = value;
    return Expression(std::make_shared<const ExpressionNode>(std::move(node)));
  }

  const Row& row_;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  Expression make(Sort sort, int depth) {
    if (depth == 0 || below(8) == 0) return leaf(sort);
    if (below(7) == 0) {
      return call("case",
                  {make(Sort::truth, depth - 1), make(sort, depth - 1),
                   make(Sort::truth, depth - 1), make(sort, depth - 1), make(sort, depth - 1)});
    }
    if (below(7) == 0) return call("coalesce", {make(sort, depth - 1), make(sort, depth - 1)});
    switch (sort) {
      case Sort::whole32:
        if (below(6) == 0) return call("length", {make(Sort::text, depth - 1)});
        return call(pick({"+", "-", "*", "%"}), {make(sort, depth - 1), make(sort, depth - 1)});
      case Sort::whole64:
        if (below(5) == 0) return make(Sort::whole32, depth - 1).cast("bigint");
        return call(pick({"+", "-", "*", "%"}), {make(sort, depth - 1), make(sort, depth - 1)});
      case Sort::real:
        if (below(5) == 0) return make(Sort::whole32, depth - 1).cast("double");
        return call(pick({"+", "-", "*", "/"}), {make(sort, depth - 1), make(sort, depth - 1)});
      case Sort::text:
        return call("concat", {make(sort, depth - 1), make(sort, depth - 1)});
      case Sort::truth:
        return truth(depth);
    }
    return leaf(sort);
  }

  Row row() {
    const auto maybe = [&](Value value) { return below(6) == 0 ? Value() : value; };
    return {maybe(whole(40)),    maybe(whole(5)),     maybe(whole(1000)), maybe(whole(7)),
            maybe(real_value()), maybe(real_value()), maybe(text()),      maybe(below(2) == 0)};
  }

 private:
  const char* pick(std::vector<const char*> names) { return names[below(names.size())]; }
  std::int64_t whole(std::int64_t size) {
    if (below(40) == 0) return std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int64_t>(below(static_cast<std::size_t>(2 * size + 1))) - size;
  }
  double real_value() {
    if (below(12) == 0) return std::nan("");
    return static_cast<double>(whole(8)) / 2;
  }
  std::string text() {
    const char* texts[] = {"", "a", "ab", "a string that is not inline", "zz"};
    return texts[below(5)];
  }

  Expression leaf(Sort sort) {
    const bool constant = below(3) == 0;
    switch (sort) {
      case Sort::whole32:
        return constant ? lit(Value(whole(9))) : col(pick({"i", "j"}));
      case Sort::whole64:
        return constant ? lit(Value(whole(9))).cast("bigint") : col(pick({"l", "m"}));
      case Sort::real:
        return constant ? lit(Value(static_cast<double>(whole(9)))) : col(pick({"d", "e"}));
      case Sort::text:
        return constant ? lit(Value(text())) : col("s");
      case Sort::truth:
        return constant ? lit(Value(below(2) == 0)) : col("p");
    }
    return col("i");
  }

  Expression truth(int depth) {
    const auto any = static_cast<Sort>(below(5));
    switch (below(7)) {
      case 0:
        return call("and", {make(Sort::truth, depth - 1), make(Sort::truth, depth - 1)});
      case 1:
        return call("or", {make(Sort::truth, depth - 1), make(Sort::truth, depth - 1)});
      case 2:
        return call("not", {make(Sort::truth, depth - 1)});
      case 3:
        return call(pick({"is_null", "is_not_null"}), {make(any, depth - 1)});
      case 4:
        return call("in", {make(any, depth - 1), leaf(any), make(any, depth - 1), leaf(any)});
      case 5:
        // x % constant = constant has a kernel of its own.
        return call("=", {call("%", {make(Sort::whole32, depth - 1), lit(Value(whole(9) * 2 + 1))}),
                          lit(Value(whole(3)))});
      default:
        return call(pick({"=", "<>", "<", "<=", ">", ">=", "<=>"}),
                    {make(any, depth - 1), make(any, depth - 1)});
    }
  }

  std::mt19937_64 random_;
};

bool equal(const Value& a, const Value& b) {
  const auto* x = std::get_if<double>(&a.data);
  const auto* y = std::get_if<double>(&b.data);
  // A double has one zero and one NaN here.
  return x && y ? *x == *y || (std::isnan(*x) && std::isnan(*y)) : a == b;
}

}  // namespace

TEST_CASE("The evaluator agrees with a row-at-a-time interpreter on random expressions") {
  std::size_t values = 0;
  std::size_t errors = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    const Expression expression =
        generator.make(static_cast<Sort>(generator.below(5)), 1 + static_cast<int>(seed % 4));
    CAPTURE(expression.to_string());
    std::vector<Row> rows;
    for (std::size_t i = 0, n = 1 + generator.below(150); i < n; ++i) {
      rows.push_back(generator.row());
    }
    const BoundPtr bound = bind(expression, test_schema());
    std::vector<Value> expected;
    bool raises = false;
    for (const Row& row : rows) {
      try {
        expected.push_back(NarrowingInterpreter(row).run(expression, test_schema()));
      } catch (const Raised&) {
        raises = true;
      }
    }
    const BatchPtr batch = batch_of(test_schema(), rows);
    Evaluator evaluator({bound});
    try {
      const ColumnPtr column = evaluator.evaluate(*batch, {})[0];
      REQUIRE(!raises);
      REQUIRE(column->size() == rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(i);
        CAPTURE(to_text(column->value(i), column->type()));
        CAPTURE(to_text(expected[i], column->type()));
        REQUIRE(equal(column->value(i), expected[i]));
        ++values;
      }
      if (bound->type.id() == TypeId::boolean) {
        Selection selection;
        evaluator.select(0, *batch, {}, selection);
        Selection wanted;
        for (std::uint32_t i = 0; i < rows.size(); ++i) {
          if (!expected[i].is_null() && expected[i].boolean()) wanted.push_back(i);
        }
        REQUIRE(selection == wanted);
      }
    } catch (const Error& error) {
      CAPTURE(error.what());
      REQUIRE(raises);
      ++errors;
    }
  }
  // Both outcomes must be common, or the test would say little.
  CHECK(values > 50'000);
  CHECK(errors > 100);
}

TEST_CASE("Text of random expressions reads back as the same expression") {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    CAPTURE(seed);
    Generator generator(seed);
    const Expression expression = generator.make(static_cast<Sort>(generator.below(5)), 4);
    const std::string text = expression.to_string();
    CHECK(expr(text).to_string() == text);
  }
}

TEST_CASE("Divisibility by a constant agrees with the remainder for all widths and signs") {
  std::mt19937_64 random(7);
  for (const char* type : {"smallint", "int", "bigint"}) {
    const Schema schema = Schema::parse(std::string("a ") + type);
    const bool small = std::string(type) == "smallint";
    const bool wide = std::string(type) == "bigint";
    const std::int64_t most = small  ? std::numeric_limits<std::int16_t>::max()
                              : wide ? std::numeric_limits<std::int64_t>::max()
                                     : std::numeric_limits<std::int32_t>::max();
    std::vector<Row> rows;
    for (const std::int64_t edge : {std::int64_t{0}, most, most - 1, -most, -most - 1}) {
      rows.push_back({edge});
    }
    for (int i = 0; i < 200; ++i) {
      const auto value = static_cast<std::int64_t>(random());
      rows.push_back({i % 2 == 0 ? value % 1000 : wide ? value : value % most});
    }
    const BatchPtr batch = batch_of(schema, rows);
    for (const std::int64_t divisor : {1, -1, 2, 3, -3, 4, 7, 12, 123, -128, 1000, 32767, -32768}) {
      for (const std::int64_t rest : {0, 1, -1, 2, 5, -6, 122}) {
        const std::string text = "a % cast(" + std::to_string(divisor) + " AS " + type +
                                 ") = cast(" + std::to_string(rest) + " AS " + type + ")";
        CAPTURE(text);
        const BoundPtr bound = bind(expr(text), schema);
        const ColumnPtr column = Evaluator({bound}).evaluate(*batch, {})[0];
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const std::int64_t value = rows[i][0].integer();
          const std::int64_t remainder = divisor == -1 ? 0 : value % divisor;
          CAPTURE(value);
          REQUIRE(column->value(i).boolean() == (remainder == rest));
        }
      }
    }
  }
}
