#include <libstream/field_type.hpp>

namespace libstream {

void throw_null_field() {
  throw Error(ErrorCode::data,
              "a null came for a field that cannot hold one; make the field a std::optional or "
              "filter the nulls out before");
}

void throw_unknown_enumerator(std::string_view text, const std::string& known) {
  throw Error(ErrorCode::data, "\"" + std::string(text) + "\" is no name of the enum, which has " +
                                   known + "; filter such rows out before or add it");
}

void add_type_problem(FieldProblems& problems, const std::string& path, const DataType& field,
                      const DataType& column) {
  problems.add(path, "is " + field.to_string() + " in C++, but the column is " +
                         column.to_string() + " (cast the column or change the field)");
}

void add_missing_column(FieldProblems& problems, const std::string& path, std::string_view name,
                        const std::vector<Field>& columns) {
  std::vector<std::string> names;
  for (const Field& column : columns) names.push_back(column.name);
  std::string known;
  for (const auto& similar : similar_names(name, names)) {
    known += (known.empty() ? "; did you mean " : ", ") + similar;
  }
  if (known.empty()) {
    for (const auto& column : names) known += (known.empty() ? "; there are " : ", ") + column;
  }
  problems.add(path, "has no column \"" + std::string(name) + "\"" + known);
}

void check_no_nulls(const Column& column, std::size_t begin, std::size_t end) {
  for (std::size_t row = begin; row < end; ++row) {
    if (column.is_null(row)) throw_null_field();
  }
}

template <class T, class Storage, TypeId Id>
void NumberField<T, Storage, Id>::check(const DataType& column, const std::string& path,
                                        FieldProblems& problems) {
  const auto id = column.id();
  bool accepted = id == Id;
  if constexpr (!std::is_same_v<T, bool>) {
    accepted = accepted || (id == TypeId::smallint && sizeof(T) > 2) ||
               (id == TypeId::integer && sizeof(T) > 4) ||
               (id == TypeId::float32 && Id == TypeId::float64);
  }
  if (!accepted) add_type_problem(problems, path, type(), column);
}

template <class T, class Storage, TypeId Id>
void NumberField<T, Storage, Id>::read(const Column& column, std::size_t begin, std::size_t end,
                                       Places<T> at) {
  const auto convert = [](auto value) { return static_cast<T>(value); };
  const auto id = column.type().id();
  if (id == Id) return read_as<Storage>(column, begin, end, at, convert);
  if constexpr (!std::is_same_v<T, bool> && sizeof(T) > 2) {
    if (id == TypeId::smallint) return read_as<std::int16_t>(column, begin, end, at, convert);
  }
  if constexpr (!std::is_same_v<T, bool> && sizeof(T) > 4) {
    if (id == TypeId::integer) return read_as<std::int32_t>(column, begin, end, at, convert);
  }
  if constexpr (Id == TypeId::float64) read_as<float>(column, begin, end, at, convert);
}

template struct NumberField<bool, std::uint8_t, TypeId::boolean>;
template struct NumberField<std::int16_t, std::int16_t, TypeId::smallint>;
template struct NumberField<std::int32_t, std::int32_t, TypeId::integer>;
template struct NumberField<std::int64_t, std::int64_t, TypeId::bigint>;
template struct NumberField<long long, std::int64_t, TypeId::bigint>;
template struct NumberField<float, float, TypeId::float32>;
template struct NumberField<double, double, TypeId::float64>;

template <class T>
void TextField<T>::check(const DataType& column, const std::string& path, FieldProblems& problems) {
  if (!column.is_string_like()) add_type_problem(problems, path, type(), column);
}

template <class T>
void TextField<T>::read(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
  for (std::size_t row = begin; row < end; ++row) at[row - begin] = column.string(row);
}

template struct TextField<std::string>;
template struct TextField<std::string_view>;

std::vector<Field> fields_of(RowMembers members) {
  std::vector<Field> fields;
  for (const RowMember& member : members) {
    fields.push_back({member.name, member.type(), member.nullable});
  }
  return fields;
}

std::vector<std::uint32_t> places_of(RowMembers members, const std::vector<Field>& columns,
                                     const std::string& path, FieldProblems& problems) {
  std::vector<std::uint32_t> found;
  for (const RowMember& member : members) {
    const std::string name = path + "." + member.name;
    std::size_t i = 0;
    while (i < columns.size() && !same_name(columns[i].name, member.name)) ++i;
    found.push_back(static_cast<std::uint32_t>(i));
    if (i == columns.size()) {
      add_missing_column(problems, name, member.name, columns);
    } else {
      member.check(columns[i].type, name, problems);
    }
  }
  return found;
}

void check_structure(RowMembers members, const DataType& column, const std::string& path,
                     FieldProblems& problems) {
  if (column.id() != TypeId::structure) {
    return add_type_problem(problems, path, DataType::structure(fields_of(members)), column);
  }
  places_of(members, column.fields(), path, problems);
}

void read_structure(RowMembers members, const Column& column, std::size_t begin, std::size_t end,
                    void* structs, std::size_t stride) {
  FieldProblems none;
  const auto where = places_of(members, column.type().fields(), "", none);
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i].read(*column.child(where[i]), begin, end, structs, stride);
  }
}

void write_structure(RowMembers members, ColumnBuilder& builder, const void* in_struct) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i].write(builder.child(i), in_struct);
  }
  builder.append_structure();
}

}  // namespace libstream
