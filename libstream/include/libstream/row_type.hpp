#pragma once

#include <libstream/batch.hpp>
#include <libstream/field_type.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// What a typed stream can hold: a described struct, a column a field, or a single field, which is
/// the column "value".
template <class T>
concept RowType = StreamField<T>;

/// Fails to compile where a struct's field is of no column's type, with both types in the message.
template <class Struct>
struct FieldsOf {
  template <class Field>
  struct Check {
    static constexpr bool value = StreamField<Field>;
    static_assert(value,
                  "libstream: a field of this struct has a type that no column can hold; see the "
                  "table in docs/typed-streams.md");
  };
  template <class... Field>
  struct CheckAll {
    static constexpr bool value = (Check<Field>::value && ...);
  };
};
/// True for a RowType; says what is wrong with fields.
template <class T>
constexpr bool check_row() {
  if constexpr (Described<T>) {
    return MemberTypes<T, FieldsOf<T>::template CheckAll>::type::value;
  } else {
    return StreamField<T>;
  }
}

/// Name of a C++ type for messages, without namespaces.
template <class T>
std::string type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  const auto place = text.find('<') == text.npos ? text.rfind("::") : text.npos;
  return std::string(place == text.npos ? text : text.substr(place + 2));
}

/// A row of one field, which is the column "value".
template <StreamField T>
struct SingleAccess {
  static constexpr const char* name = "value";
  static void read(const Column& column, std::size_t begin, std::size_t end, void* rows,
                   std::size_t stride) {
    read_field<T>(column, begin, end, Places<T>{static_cast<T*>(rows), stride});
  }
  static void write(ColumnBuilder& builder, const void* row) {
    FieldType<T>::write(builder, *static_cast<const T*>(row));
  }
  static ColumnPtr column(const void* rows, std::size_t stride, std::size_t count) {
    return write_column<T>(Places<const T>{static_cast<const T*>(rows), stride}, count);
  }
  static constexpr std::array<RowMember, 1> table{RowMember{
      name, is_optional<T>, &FieldType<T>::type, &FieldType<T>::check, &read, &write, &column}};
};
/// The columns of a row.
template <RowType T>
RowMembers columns_of() {
  if constexpr (Described<T>) {
    return row_members<T>();
  } else {
    return SingleAccess<T>::table;
  }
}

/// Columns that rows of T become.
template <RowType T>
Schema schema_of() {
  return Schema(fields_of(columns_of<T>()));
}

/// The columns of a schema that make the rows of a type; compiled in the library.
class RowColumns {
 public:
  /// `single`: one column does, whatever its name. Throws Error(analysis) that names every field
  /// that does not fit, with both types.
  RowColumns(RowMembers members, bool single, const Schema& schema, std::string row);
  /// Throws Error(data) at a null for a field that is no std::optional, naming the field.
  void read(const Batch& batch, void* rows, std::size_t stride) const;
  /// Columns of the schema that are read.
  const std::vector<std::uint32_t>& columns() const { return columns_; }

 private:
  RowMembers members_;
  std::string row_;  ///< name of the type, for messages
  std::vector<std::uint32_t> columns_;
};

/// Columns to C++ values: a batch and a column at a time.
template <RowType T>
class RowReader final : public RowColumns {
 public:
  explicit RowReader(const Schema& schema)
      : RowColumns(columns_of<T>(), !Described<T>, schema, type_name<T>()) {}

  /// Replaces `rows`. Views in them are valid as long as `batch` is.
  void read(const Batch& batch, std::vector<T>& rows) const {
    rows.resize(batch.rows);
    RowColumns::read(batch, rows.data(), sizeof(T));
  }
};

BatchPtr write_rows(RowMembers members, const void* rows, std::size_t stride, std::size_t count);

/// C++ values to columns.
template <RowType T>
class RowWriter {
 public:
  /// A batch of the schema `schema_of<T>()`; needs at least one row.
  BatchPtr write(std::span<const T> rows) const {
    return write_rows(columns_of<T>(), rows.data(), sizeof(T), rows.size());
  }
};

}  // namespace libstream

// Compiled once, in the library: units that use typed rows would write some three hundred functions
// for them.
extern template class std::vector<libstream::DataType>;
extern template class std::vector<libstream::Field>;
extern template class std::vector<libstream::ColumnPtr>;
extern template class std::vector<libstream::BatchPtr>;
extern template class std::shared_ptr<const libstream::Column>;
extern template class std::shared_ptr<const libstream::Batch>;
