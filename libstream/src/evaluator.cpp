#include "assemble.hpp"
#include "bitmap.hpp"
#include "evaluator_frame.hpp"
#include "function.hpp"
#include "rewrite.hpp"

#include <libstream/bound_expression.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

/// An expression made ready: kernels looked up, constants made, states compiled.
struct Node {
  BoundPtr bound;
  std::vector<Node> arguments;
  Vector constant;  ///< of a literal
  Kernel kernel = nullptr;
  Form form = Form::strict;
  NullRule nulls = NullRule::propagate;
  bool fallible = false;  ///< it, or a part of it, may throw
  bool per_row = false;
  std::unique_ptr<FunctionState> state;
};

Node compile(const BoundPtr& bound) {
  using Kind = BoundExpression::Kind;
  Node node;
  node.bound = bound;
  for (const BoundPtr& argument : bound->arguments) {
    node.arguments.push_back(compile(argument));
    node.fallible = node.fallible || node.arguments.back().fallible;
  }
  switch (bound->kind) {
    case Kind::column:
      break;
    case Kind::literal:
      node.constant = {Column::constant(bound->type, bound->value, 1), true};
      break;
    case Kind::cast: {
      const DataType& from = bound->arguments[0]->type;
      node.kernel = cast_kernel(from, bound->type, bound->try_cast);
      LIBSTREAM_ASSERT(node.kernel != nullptr, "the binder checks casts");
      node.fallible = node.fallible || (!bound->try_cast && !cast_is_safe(from, bound->type));
      break;
    }
    case Kind::call: {
      const Function& function = *bound->function;
      node.form = function.form;
      node.nulls = function.nulls;
      node.per_row = function.per_row;
      node.fallible = node.fallible || function.fallible;
      if (function.kernel != nullptr) node.kernel = function.kernel(bound->arguments, bound->type);
      if (function.prepare != nullptr) node.state = function.prepare(bound->arguments);
      if (bound->user) node.state = prepare_user_function(*bound);
      break;
    }
  }
  return node;
}

class Run {
 public:
  explicit Run(const EpochContext& context) : context_(context) {}

  Vector evaluate(Node& node, Frame& frame) {
    switch (node.bound->kind) {
      case BoundExpression::Kind::column:
        return {frame.column(node.bound->column), false};
      case BoundExpression::Kind::literal:
        return node.constant;
      case BoundExpression::Kind::cast:
      case BoundExpression::Kind::call:
        break;
    }
    switch (node.form) {
      case Form::conjunction:
      case Form::disjunction:
        if (node.arguments[1].fallible) return lazy_logic(node, frame);
        break;
      case Form::branches:
        return branches(node, frame);
      case Form::first_valid:
        return first_valid(node, frame);
      case Form::strict:
        break;
    }
    std::vector<Vector> arguments;
    arguments.reserve(node.arguments.size());
    for (Node& argument : node.arguments) arguments.push_back(evaluate(argument, frame));
    return apply(node, frame, arguments);
  }

 private:
  Vector apply(Node& node, Frame& frame, std::span<const Vector> arguments) {
    bool constant = !node.per_row;
    for (const Vector& argument : arguments) constant = constant && argument.constant;
    const std::size_t rows = constant ? 1 : frame.rows();
    BufferPtr validity;
    if (node.nulls == NullRule::propagate) {
      for (const Vector& argument : arguments) {
        if (argument.constant) {
          if (argument.column->is_null(0)) return {Column::nulls(node.bound->type, 1), true};
        } else if (argument.column->has_validity()) {
          validity = combine_validity(validity, argument.column->validity_buffer(), rows);
        }
      }
    }
    const KernelCall call{node.bound->type,    arguments, rows,
                          std::move(validity), context_,  {&node.bound->text, frame.batch_rows()},
                          node.state.get()};
    return {node.kernel(call), constant};
  }

  /// The right side only where the left one leaves the answer open.
  Vector lazy_logic(Node& node, Frame& frame) {
    const bool conjunction = node.form == Form::conjunction;
    std::vector<Vector> sides{evaluate(node.arguments[0], frame)};
    Selection open;
    open_rows(sides[0], frame.rows(), conjunction, open);
    if (open.size() == frame.rows()) {
      sides.push_back(evaluate(node.arguments[1], frame));
    } else {
      std::vector<Piece> pieces;
      if (!open.empty()) {
        Frame part(frame, open);
        Vector right = evaluate(node.arguments[1], part);
        pieces.push_back({std::move(right), open, {}});
      }
      // Elsewhere the right side does not matter: any value of its type will do.
      sides.push_back({assemble(TypeId::boolean, frame.rows(), pieces), false});
    }
    return apply(node, frame, sides);
  }

  /// Rows where a conjunction's left side is not false (a disjunction's: not true).
  static void open_rows(const Vector& side, std::size_t rows, bool conjunction, Selection& open) {
    if (side.constant) {
      const bool value = side.column->values<std::uint8_t>()[0] != 0;
      open.resize(side.column->is_null(0) || value == conjunction ? rows : 0);
      std::iota(open.begin(), open.end(), 0U);
      return;
    }
    const auto* values = side.column->values<std::uint8_t>();
    const auto* validity = side.column->validity();
    open.resize(rows + 8);
    std::size_t count = 0;
    for (std::size_t i = 0; i < bitmap_words(rows); ++i) {
      const std::size_t left = rows - i * 64;
      const std::uint64_t all = left < 64 ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
      std::uint64_t word = pack_word(values, i, rows);
      if (!conjunction) word = ~word;
      if (validity != nullptr) word |= ~validity[i];
      count += append_rows(word & all, static_cast<std::uint32_t>(i * 64), open.data() + count);
    }
    open.resize(count);
  }

  Vector branches(Node& node, Frame& frame) {
    Remainder rest(frame.rows());
    std::vector<Piece> pieces;
    std::size_t i = 0;
    for (; i + 1 < node.arguments.size() && !rest.empty(); i += 2) {
      Selection taken;
      {
        std::optional<Frame> part;
        if (!rest.whole()) part.emplace(frame, rest.rows());
        const Vector condition = evaluate(node.arguments[i], part ? *part : frame);
        taken = rest.take_true(condition);
      }
      take(node.arguments[i + 1], frame, std::move(taken), pieces);
    }
    // Where conditions took every row the loop ends before the else.
    if (node.arguments.size() % 2 == 1 && !rest.empty()) {
      take(node.arguments.back(), frame, rest.rows(), pieces);
    }
    return joined(node, frame, pieces);
  }

  void take(Node& value, Frame& frame, Selection rows, std::vector<Piece>& pieces) {
    if (rows.empty()) return;
    if (rows.size() == frame.rows() || value.bound->kind == BoundExpression::Kind::literal) {
      Vector values = evaluate(value, frame);
      pieces.push_back({std::move(values), std::move(rows), {}});
      return;
    }
    Frame part(frame, rows);
    Vector values = evaluate(value, part);
    pieces.push_back({std::move(values), std::move(rows), {}});
  }

  Vector first_valid(Node& node, Frame& frame) {
    Remainder rest(frame.rows());
    std::vector<Piece> pieces;
    for (Node& argument : node.arguments) {
      if (rest.empty()) break;
      std::optional<Frame> part;
      if (!rest.whole()) part.emplace(frame, rest.rows());
      Vector values = evaluate(argument, part ? *part : frame);
      Selection positions;
      Selection taken = rest.take_valid(values, positions);
      if (taken.empty()) continue;
      if (positions.size() == values.column->size()) positions.clear();
      pieces.push_back({std::move(values), std::move(taken), std::move(positions)});
    }
    return joined(node, frame, pieces);
  }

  Vector joined(const Node& node, Frame& frame, std::vector<Piece>& pieces) {
    if (pieces.size() == 1 && pieces[0].rows.size() == frame.rows() && pieces[0].from.empty()) {
      return std::move(pieces[0].values);
    }
    if (pieces.empty()) return {Column::nulls(node.bound->type, 1), true};
    return {assemble(node.bound->type, frame.rows(), pieces), false};
  }

  const EpochContext& context_;
};

}  // namespace

struct Evaluator::State {
  std::vector<Node> nodes;
};

Evaluator::Evaluator(std::vector<BoundPtr> expressions) : state_(std::make_unique<State>()) {
  for (BoundPtr& expression : expressions) {
    state_->nodes.push_back(compile(specialise(fold_constants(std::move(expression)))));
  }
}
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;
Evaluator::~Evaluator() = default;

std::vector<ColumnPtr> Evaluator::evaluate(const Batch& batch, const EpochContext& context) {
  std::vector<ColumnPtr> columns;
  columns.reserve(state_->nodes.size());
  Run run(context);
  for (Node& node : state_->nodes) {
    const DataType& type = node.bound->type;
    if (batch.rows == 0 && node.bound->kind != BoundExpression::Kind::column) {
      columns.push_back(Column::nulls(type, 0));
      continue;
    }
    Frame frame(batch);
    const Vector result = run.evaluate(node, frame);
    columns.push_back(result.constant ? spread(result, batch.rows) : result.column);
  }
  return columns;
}

void Evaluator::select(std::size_t index, const Batch& batch, const EpochContext& context,
                       Selection& rows) {
  Node& node = state_->nodes[index];
  LIBSTREAM_ASSERT(
      node.bound->type.id() == TypeId::boolean || node.bound->type.id() == TypeId::null,
      "a condition is boolean");
  if (batch.rows == 0) {
    rows.clear();
    return;
  }
  Frame frame(batch);
  const Vector result = Run(context).evaluate(node, frame);
  if (result.constant || result.column->type().id() == TypeId::null) {
    const bool all = result.constant && !result.column->is_null(0) &&
                     result.column->type().id() == TypeId::boolean &&
                     result.column->values<std::uint8_t>()[0] != 0;
    rows.resize(all ? batch.rows : 0);
    std::iota(rows.begin(), rows.end(), 0U);
    return;
  }
  true_rows(result.column->values<std::uint8_t>(), result.column->validity(), batch.rows, rows);
}

Value constant_value(const BoundPtr& expression) {
  Node node = compile(expression);
  Batch batch;
  batch.rows = 1;
  Frame frame(batch);
  const EpochContext context;
  const Vector result = Run(context).evaluate(node, frame);
  return result.column->value(0);
}

}  // namespace libstream
