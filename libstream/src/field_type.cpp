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

}  // namespace libstream
