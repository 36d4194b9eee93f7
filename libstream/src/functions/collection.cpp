#include "array_rows.hpp"
#include "comparison.hpp"
#include "kernels.hpp"

#include <algorithm>

namespace libstream {
namespace {

/// A column of exactly call.rows values, also of a constant.
ColumnPtr whole(const Vector& vector, std::size_t rows) {
  if (!vector.constant || rows == 1) return vector.column;
  const std::vector<std::uint32_t> zeros(rows, 0);
  return vector.column->gather(zeros);
}

/// field(structure, index literal): the child, null where the structure is.
ColumnPtr field_kernel(const KernelCall& call) {
  const Column& structure = *call.arguments[0].column;
  const auto index = static_cast<std::size_t>(call.arguments[1].column->values<std::int64_t>()[0]);
  const ColumnPtr& field = structure.child(index);
  if (!call.validity) return field;
  const DataType& type = field->type();
  BufferPtr validity = combine_validity(call.validity, field->validity_buffer(), call.rows);
  if (type.id() == TypeId::null) return field;
  if (type.id() == TypeId::array) {
    return Column::array(type, call.rows, field->values_buffer(), field->child(0),
                         std::move(validity));
  }
  if (type.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (std::size_t i = 0; i < field->children(); ++i) fields.push_back(field->child(i));
    return Column::structure(type, call.rows, std::move(fields), std::move(validity));
  }
  return Column::fixed(type, call.rows, field->values_buffer(), std::move(validity),
                       field->heaps());
}
std::optional<Signature> resolve_field(std::span<const BoundPtr> a) {
  if (!is_id(a[0], TypeId::structure)) return std::nullopt;
  const auto& fields = a[0]->type.fields();
  const Field& field = fields[static_cast<std::size_t>(a[1]->value.integer())];
  return signature({a[0]->type, TypeId::bigint}, field.type, field.nullable);
}

enum class Outside { error, null };

/// Elements by index: from 0 (a[i], get) or from 1, negative ones from the end (element_at).
template <Outside outside, bool from_one>
ColumnPtr element_kernel(const KernelCall& call) {
  const Vector& array = call.arguments[0];
  const Vector& index = call.arguments[1];
  const Column& elements = *array.column->child(0);
  std::vector<std::uint32_t> rows(call.rows, 0);
  NullMarks marks(call);
  for (std::size_t i = 0; i < call.rows; ++i) {
    if (!call.valid(i)) continue;
    const std::int32_t* offsets = array.column->offsets() + row_of(array, i);
    const std::int64_t size = offsets[1] - offsets[0];
    const std::int64_t wanted = index.column->values<std::int32_t>()[row_of(index, i)];
    if (from_one && wanted == 0) {
      fail_row(call, i, "index 0 is outside of every array", "elements count from 1");
    }
    std::int64_t place = from_one ? (wanted < 0 ? size + wanted : wanted - 1) : wanted;
    if (place < 0 || place >= size) {
      if (outside == Outside::error) {
        fail_row(call, i,
                 "index " + std::to_string(wanted) + " is outside of an array of " +
                     std::to_string(size) + " elements",
                 from_one ? "use try_element_at to get null" : "use get to get null");
      }
      marks.mark(i);
      continue;
    }
    place += offsets[0];
    if (elements.is_null(static_cast<std::size_t>(place))) {
      marks.mark(i);
    } else {
      rows[i] = static_cast<std::uint32_t>(place);
    }
  }
  BufferPtr validity = marks.finish();
  if (elements.size() == 0) return Column::nulls(call.type, call.rows);
  const ColumnPtr picked = elements.gather(rows);
  const Vector wrapped{Column::structure(DataType::structure({{"e", picked->type(), true}}),
                                         call.rows, {picked}, validity),
                       false};
  // A structure around it lends its nulls to the field.
  const Vector zero{Column::constant(TypeId::bigint, Value(0), 1), true};
  const Vector arguments[] = {wrapped, zero};
  return field_kernel(
      {call.type, arguments, call.rows, validity, call.context, call.place, nullptr});
}
template <Outside outside, bool from_one>
Kernel element_for(std::span<const BoundPtr>, const DataType&) {
  return element_kernel<outside, from_one>;
}
template <bool nullable>
std::optional<Signature> resolve_element(std::span<const BoundPtr> a) {
  if (!is_id(a[0], TypeId::array) || !(a[1]->type.is_integral() || is_id(a[1], TypeId::null))) {
    return std::nullopt;
  }
  return signature({a[0]->type, TypeId::integer}, a[0]->type.element(),
                   nullable || a[0]->type.fields()[0].nullable);
}

ColumnPtr size_kernel(const KernelCall& call) {
  auto values = allocate_values<std::int32_t>(call.rows);
  const std::int32_t* offsets = call.arguments[0].column->offsets();
  for (std::size_t i = 0; i < call.rows; ++i) {
    values->as<std::int32_t>()[i] = offsets[i + 1] - offsets[i];
  }
  return make_result(call, std::move(values));
}
std::optional<Signature> resolve_size(std::span<const BoundPtr> a) {
  if (!is_id(a[0], TypeId::array)) return std::nullopt;
  return signature({a[0]->type}, TypeId::integer);
}

/// array_contains(array, value): null where the value is not found but an element is null.
ColumnPtr contains_kernel(const KernelCall& call) {
  const Vector& array = call.arguments[0];
  const Vector& value = call.arguments[1];
  const Column& elements = *array.column->child(0);
  auto values = allocate_values<std::uint8_t>(call.rows);
  NullMarks marks(call);
  for (std::size_t i = 0; i < call.rows; ++i) {
    values->as<std::uint8_t>()[i] = 0;
    if (!call.valid(i)) continue;
    const std::int32_t* offsets = array.column->offsets() + row_of(array, i);
    bool found = false;
    bool null = false;
    for (auto j = static_cast<std::size_t>(offsets[0]);
         j < static_cast<std::size_t>(offsets[1]) && !found; ++j) {
      if (elements.is_null(j)) {
        null = true;
      } else {
        found = compare_rows(elements, j, *value.column, row_of(value, i)) == 0;
      }
    }
    values->as<std::uint8_t>()[i] = found ? 1 : 0;
    if (!found && null) marks.mark(i);
  }
  return make_result(call, std::move(values), marks.finish());
}
std::optional<Signature> resolve_contains(std::span<const BoundPtr> a) {
  if (!is_id(a[0], TypeId::array)) return std::nullopt;
  const auto common = common_type(a[0]->type.element(), a[1]->type);
  if (!common || common->id() == TypeId::null) return std::nullopt;
  const bool nullable = a[0]->type.fields()[0].nullable;
  return signature({DataType::array(*common, nullable), *common}, TypeId::boolean, nullable);
}

/// array(value, …): the arguments joined one behind the other, then taken row by row.
ColumnPtr array_kernel(const KernelCall& call) {
  const std::size_t width = call.arguments.size();
  auto offsets = allocate_offsets(call.rows);
  for (std::size_t i = 0; i <= call.rows; ++i) {
    offsets->as<std::int32_t>()[i] = static_cast<std::int32_t>(i * width);
  }
  std::vector<ColumnPtr> parts;
  std::vector<std::uint32_t> order(call.rows * width);
  std::size_t begin = 0;
  for (std::size_t part = 0; part < width; ++part) {
    const Vector& vector = call.arguments[part];
    parts.push_back(vector.column);
    for (std::size_t i = 0; i < call.rows; ++i) {
      order[i * width + part] = static_cast<std::uint32_t>(begin + row_of(vector, i));
    }
    begin += vector.column->size();
  }
  const DataType& element = call.type.element();
  ColumnPtr elements =
      width == 0 ? Column::nulls(element, 0) : concatenate(element, parts)->gather(order);
  return Column::array(call.type, call.rows, std::move(offsets), std::move(elements));
}
std::optional<Signature> resolve_array(std::span<const BoundPtr> a) {
  const auto common = common_type(a);
  if (!common) return std::nullopt;
  const bool nullable =
      std::any_of(a.begin(), a.end(), [](const BoundPtr& x) { return x->nullable; });
  return signature(std::vector<DataType>(a.size(), *common), DataType::array(*common, nullable));
}

/// struct(value, …) and named_struct(name, value, …)
template <bool named>
ColumnPtr structure_kernel(const KernelCall& call) {
  std::vector<ColumnPtr> fields;
  for (std::size_t i = named ? 1 : 0; i < call.arguments.size(); i += named ? 2 : 1) {
    fields.push_back(whole(call.arguments[i], call.rows));
  }
  return Column::structure(call.type, call.rows, std::move(fields));
}
template <bool named>
Kernel structure_for(std::span<const BoundPtr>, const DataType&) {
  return structure_kernel<named>;
}
std::optional<Signature> resolve_named_structure(std::span<const BoundPtr> a) {
  if (a.size() % 2 != 0) return std::nullopt;
  std::vector<DataType> types;
  std::vector<Field> fields;
  for (std::size_t i = 0; i < a.size(); i += 2) {
    if (a[i]->kind != BoundExpression::Kind::literal || !is_id(a[i], TypeId::string) ||
        a[i]->value.is_null()) {
      return std::nullopt;
    }
    types.insert(types.end(), {a[i]->type, a[i + 1]->type});
    fields.push_back({a[i]->value.text(), a[i + 1]->type, a[i + 1]->nullable});
  }
  return signature(std::move(types), DataType::structure(std::move(fields)));
}
template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

}  // namespace

std::span<const Function> collection_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("field", "structure.field", 2, 2, resolve_field, only<field_kernel>);
    t.add("element", "array[index]", 2, 2, resolve_element<false>,
          element_for<Outside::error, false>);
    t.back().fallible = true;
    t.add("element_at", "element_at(array, index from 1)", 2, 2, resolve_element<false>,
          element_for<Outside::error, true>);
    t.back().fallible = true;
    t.add("get", "get(array, index from 0)", 2, 2, resolve_element<true>,
          element_for<Outside::null, false>);
    t.add("try_element_at", "try_element_at(array, index from 1)", 2, 2, resolve_element<true>,
          element_for<Outside::null, true>);
    t.back().fallible = true;
    for (const char* name : {"size", "cardinality", "array_size"}) {
      t.add(name, "size(array)", 1, 1, resolve_size, only<size_kernel>);
    }
    t.add("array_contains", "array_contains(array, value)", 2, 2, resolve_contains,
          only<contains_kernel>);
    t.add("array", "array(value, …)", 0, any_number, resolve_array, only<array_kernel>);
    t.back().nulls = NullRule::own;
    t.add("named_struct", "named_struct('name', value, …)", 2, any_number, resolve_named_structure,
          structure_for<true>);
    t.back().nulls = NullRule::own;
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
