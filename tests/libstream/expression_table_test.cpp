// The function table against the cases of all other files: each case gives its value, each function
// has a case, and a null argument gives what the function's null rule says.
#include "expression_support.hpp"
#include "function.hpp"

#include <libstream/bound_expression.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

/// Calls `visit` for each call of a function in an expression.
void each_call(const BoundPtr& expression, const std::function<void(const BoundPtr&)>& visit) {
  if (expression->kind == BoundExpression::Kind::call) visit(expression);
  for (const auto& argument : expression->arguments) each_call(argument, visit);
}

/// Of every case that the binder takes.
void each_case_call(const std::function<void(const BoundPtr&)>& visit) {
  for (const auto& [title, cases] : CaseTable::all()) {
    for (const auto& [text, expected] : cases) {
      BoundPtr bound;
      try {
        bound = bind(expr(text), {});
      } catch (const Error&) {
        CHECK_MESSAGE(expected.starts_with("error: "), text);
        continue;
      }
      each_call(bound, visit);
    }
  }
}

/// The value of an expression without columns, as text.
std::string value_of(const BoundPtr& expression) {
  const auto columns = Evaluator({expression}).evaluate(*make_batch({}, 1), {});
  return to_text(columns[0]->value(0), columns[0]->type());
}

}  // namespace

TEST_CASE("functions give what their cases say") {
  for (const auto& [title, cases] : CaseTable::all()) {
    for (const auto& [text, expected] : cases) {
      CAPTURE(title);
      CAPTURE(text);
      const std::string value = evaluated(text);
      if (expected.starts_with("error: ")) {
        INFO(value);
        CHECK(value.starts_with("error: "));
        CHECK(value.find(expected.substr(7)) != std::string::npos);
      } else {
        CHECK(value == expected);
      }
    }
  }
}

TEST_CASE("every function of the table has a case") {
  std::set<std::string> with_case;
  each_case_call([&](const BoundPtr& call) { with_case.emplace(call->function->name); });
  for (const auto& name : function_names()) {
    CHECK_MESSAGE(with_case.contains(name), "no case of the function " << name);
  }
}

TEST_CASE("a null argument gives a null where the table says so") {
  std::set<std::string> tested;
  each_case_call([&](const BoundPtr& call) {
    if (call->function->nulls != NullRule::propagate || call->function->form != Form::strict)
      return;
    for (std::size_t i = 0; i < call->arguments.size(); ++i) {
      auto copy = std::make_shared<BoundExpression>(*call);
      copy->arguments[i] = bound_literal(nullptr, call->arguments[i]->type);
      CAPTURE(call->text);
      CAPTURE(i);
      std::string value;
      try {
        value = value_of(copy);
      } catch (const Error& error) {
        // Of another argument, which fails by itself.
        CHECK_MESSAGE(error.code() == ErrorCode::data, error.what());
        continue;
      }
      CHECK(value == "null");
      tested.emplace(call->function->name);
    }
  });
  CHECK(tested.size() > 150);
}
