#include "kernels.hpp"

namespace libstream {
namespace {

/// A boolean argument as one bit a row: true, and known (not null).
struct Truth {
  explicit Truth(const Vector& v)
      : constant(v.constant),
        values(v.column->values<std::uint8_t>()),
        validity(v.column->validity()) {
    if (!constant) return;
    known_word = v.column->is_null(0) ? 0 : ~std::uint64_t{0};
    true_word = !v.column->is_null(0) && values[0] != 0 ? ~std::uint64_t{0} : 0;
  }
  std::uint64_t known(std::size_t i) const {
    return constant ? known_word : validity ? validity[i] : ~std::uint64_t{0};
  }
  std::uint64_t is_true(std::size_t i, std::size_t rows) const {
    return constant ? true_word : pack_word(values, i, rows) & known(i);
  }
  bool constant;
  const std::uint8_t* values;
  const std::uint64_t* validity;
  std::uint64_t known_word = 0;
  std::uint64_t true_word = 0;
};

bool may_be_null(const Vector& v) {
  return v.constant ? v.column->is_null(0) : v.column->has_validity();
}

template <bool conjunction>
ColumnPtr logic_kernel(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* __restrict out = values->as<std::uint8_t>();
  const Vector& left = call.arguments[0];
  const Vector& right = call.arguments[1];
  // The bytes: right where both are known, and where the known side decides (see below).
  with_operands<std::uint8_t, std::uint8_t>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = static_cast<std::uint8_t>(conjunction ? (a[i] & b[i]) : (a[i] | b[i]));
    }
  });
  if (!may_be_null(left) && !may_be_null(right)) return make_result(call, std::move(values));
  auto bitmap = allocate_bitmap(call.rows);
  auto* words = bitmap->as<std::uint64_t>();
  const Truth x(left);
  const Truth y(right);
  for (std::size_t i = 0; i < bitmap_words(call.rows); ++i) {
    const std::uint64_t a = x.is_true(i, call.rows);
    const std::uint64_t b = y.is_true(i, call.rows);
    const std::uint64_t both = x.known(i) & y.known(i);
    // Known false decides a conjunction, known true a disjunction.
    const std::uint64_t decided = conjunction ? (x.known(i) & ~a) | (y.known(i) & ~b) : a | b;
    words[i] = both | decided;
    // Bytes of null rows are unspecified: write those that are decided against a null.
    std::uint64_t repair = decided & ~both;
    const std::size_t left_rows = call.rows - i * 64;
    if (left_rows < 64) repair &= (std::uint64_t{1} << left_rows) - 1;
    for (; repair != 0; repair &= repair - 1) {
      const auto bit = static_cast<std::size_t>(__builtin_ctzll(repair));
      out[i * 64 + bit] = conjunction ? 0 : 1;
    }
  }
  return make_result(call, std::move(values), std::move(bitmap));
}
template <bool conjunction>
Kernel logic_for(std::span<const BoundPtr>, const DataType&) {
  return logic_kernel<conjunction>;
}

bool is_truth(const BoundPtr& a) {
  return is_id(a, TypeId::boolean) || is_id(a, TypeId::null) || is_id(a, TypeId::string);
}

std::optional<Signature> resolve_logic(std::span<const BoundPtr> a) {
  for (const BoundPtr& side : a) {
    if (!is_id(side, TypeId::boolean) && !is_id(side, TypeId::null)) return std::nullopt;
  }
  bool nullable = false;
  for (const BoundPtr& side : a) nullable = nullable || side->nullable;
  return signature(std::vector<DataType>(a.size(), TypeId::boolean), TypeId::boolean, nullable);
}

ColumnPtr not_kernel(const KernelCall& call) {
  return map_values<std::uint8_t, std::uint8_t>(
      call, [](std::uint8_t a) { return static_cast<std::uint8_t>(a ^ 1); });
}
Kernel not_for(std::span<const BoundPtr>, const DataType&) { return not_kernel; }
std::optional<Signature> resolve_not(std::span<const BoundPtr> a) {
  if (!is_truth(a[0])) return std::nullopt;
  return signature({TypeId::boolean}, TypeId::boolean);
}

template <bool wanted>
ColumnPtr is_null_kernel(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  const Vector& a = call.arguments[0];
  const bool all = a.column->type().id() == TypeId::null;
  if (all || !a.column->has_validity()) {
    std::memset(out, all == wanted ? 1 : 0, call.rows);
  } else {
    const auto* words = a.column->validity();
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = bit_at(words, i) != wanted ? 1 : 0;
    }
  }
  return make_result(call, std::move(values));
}
template <bool wanted>
Kernel is_null_for(std::span<const BoundPtr>, const DataType&) {
  return is_null_kernel<wanted>;
}
std::optional<Signature> resolve_is_null(std::span<const BoundPtr> a) {
  return signature({a[0]->type}, TypeId::boolean);
}

/// CASE condition, value, …, [else]: conditions boolean, values of one type.
std::optional<Signature> resolve_case(std::span<const BoundPtr> a) {
  std::vector<BoundPtr> values;
  bool nullable = a.size() % 2 == 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool condition = i % 2 == 0 && i + 1 < a.size();
    if (condition && !is_id(a[i], TypeId::boolean) && !is_id(a[i], TypeId::null)) {
      return std::nullopt;
    }
    if (!condition) {
      values.push_back(a[i]);
      nullable = nullable || a[i]->nullable;
    }
  }
  const auto common = common_type(values);
  if (!common) return std::nullopt;
  std::vector<DataType> types;
  for (std::size_t i = 0; i < a.size(); ++i) {
    types.push_back(i % 2 == 0 && i + 1 < a.size() ? DataType(TypeId::boolean) : *common);
  }
  return signature(std::move(types), *common, nullable);
}

std::optional<Signature> resolve_coalesce(std::span<const BoundPtr> a) {
  const auto common = common_type(a);
  if (!common) return std::nullopt;
  bool nullable = true;
  for (const BoundPtr& value : a) nullable = nullable && value->nullable;
  return signature(std::vector<DataType>(a.size(), *common), *common, nullable);
}

Function row(std::string_view name, std::string_view usage, std::size_t least, std::size_t most,
             std::optional<Signature> (*resolve)(std::span<const BoundPtr>)) {
  Function function;
  function.name = name;
  function.usage = usage;
  function.min_arguments = least;
  function.max_arguments = most;
  function.resolve = resolve;
  function.nulls = NullRule::own;
  return function;
}

}  // namespace

std::span<const Function> logic_functions() {
  static const std::vector<Function> rows = [] {
    std::vector<Function> table{
        row("and", "boolean AND boolean", 2, 2, resolve_logic),
        row("or", "boolean OR boolean", 2, 2, resolve_logic),
        row("not", "NOT boolean", 1, 1, resolve_not),
        row("is_null", "value IS NULL", 1, 1, resolve_is_null),
        row("isnull", "isnull(value)", 1, 1, resolve_is_null),
        row("is_not_null", "value IS NOT NULL", 1, 1, resolve_is_null),
        row("isnotnull", "isnotnull(value)", 1, 1, resolve_is_null),
        row("case", "CASE WHEN boolean THEN value … [ELSE value] END", 2, any_number, resolve_case),
        row("coalesce", "coalesce(value, …)", 1, any_number, resolve_coalesce)};
    table[0].form = Form::conjunction;
    table[0].kernel = logic_for<true>;
    table[1].form = Form::disjunction;
    table[1].kernel = logic_for<false>;
    table[2].nulls = NullRule::propagate;
    table[2].kernel = not_for;
    table[3].kernel = table[4].kernel = is_null_for<true>;
    table[5].kernel = table[6].kernel = is_null_for<false>;
    table[7].form = Form::branches;
    table[8].form = Form::first_valid;
    return table;
  }();
  return rows;
}

}  // namespace libstream
