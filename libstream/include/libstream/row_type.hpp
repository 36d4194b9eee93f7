#pragma once

#include <libstream/batch.hpp>
#include <libstream/field_type.hpp>

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

/// Columns that rows of T become.
template <RowType T>
Schema schema_of() {
  if constexpr (Described<T>) {
    return Schema(FieldType<T>::fields());
  } else {
    return Schema{{"value", FieldType<T>::type(), is_optional<T>}};
  }
}

/// Columns to C++ values: a batch and a column at a time.
template <RowType T>
class RowReader {
 public:
  /// Throws Error(analysis) that names every field that does not fit, with both types.
  explicit RowReader(const Schema& schema) {
    FieldProblems problems;
    if constexpr (Described<T>) {
      columns_ = FieldType<T>::places(schema.fields(), type_name<T>(), problems);
    } else {
      const auto found = schema.size() == 1 ? std::size_t{0} : schema.find("value").value_or(npos);
      if (found == npos) {
        add_missing_column(problems, type_name<T>(), "value", schema.fields());
      } else {
        FieldType<T>::check(schema[found].type, type_name<T>(), problems);
      }
      columns_ = {static_cast<std::uint32_t>(found)};
    }
    if (!problems.empty()) {
      throw Error(ErrorCode::analysis, "TYPE_MISMATCH",
                  "as<" + type_name<T>() + ">(): " + problems.text());
    }
  }

  /// Replaces `rows`. Views in them are valid as long as `batch` is. Throws Error(data) at a null
  /// for a field that is no std::optional, naming the field.
  void read(const Batch& batch, std::vector<T>& rows) const {
    rows.resize(batch.rows);
    if constexpr (Described<T>) {
      std::size_t next = 0;
      boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
        using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
        named(member.name, [&] {
          T* values = rows.data();
          read_field<M>(
              *batch.columns[columns_[next]], 0, batch.rows,
              [values, member](std::size_t row) -> M& { return values[row].*member.pointer; });
        });
        ++next;
      });
    } else {
      named("value", [&] {
        read_field<T>(*batch.columns[columns_[0]], 0, batch.rows,
                      [&](std::size_t row) -> T& { return rows[row]; });
      });
    }
  }
  /// Columns of the schema that are read.
  const std::vector<std::uint32_t>& columns() const { return columns_; }

 private:
  static constexpr auto npos = static_cast<std::size_t>(-1);

  template <class F>
  static void named(const char* field, F&& f) {
    try {
      f();
    } catch (const Error& error) {
      throw Error(error.code(), type_name<T>() + "." + field + ": " + error.what());
    }
  }

  std::vector<std::uint32_t> columns_;
};

/// C++ values to columns.
template <RowType T>
class RowWriter {
 public:
  /// A batch of the schema `schema_of<T>()`; needs at least one row.
  BatchPtr write(std::span<const T> rows) const {
    std::vector<ColumnPtr> columns;
    if constexpr (Described<T>) {
      boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
        using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
        columns.push_back(
            column<M>(rows, [member](const T& row) -> const M& { return row.*member.pointer; }));
      });
    } else {
      columns.push_back(column<T>(rows, [](const T& row) -> const T& { return row; }));
    }
    return make_batch(std::move(columns), rows.size());
  }

 private:
  template <class M, class Get>
  static ColumnPtr column(std::span<const T> rows, Get get) {
    if constexpr (requires { typename FieldType<M>::storage; }) {
      using Storage = typename FieldType<M>::storage;
      auto buffer = Buffer::allocate(rows.size() * sizeof(Storage));
      auto* values = buffer->template as<Storage>();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        values[i] = FieldType<M>::stored(get(rows[i]));
      }
      return Column::fixed(FieldType<M>::type(), rows.size(), std::move(buffer));
    } else {
      ColumnBuilder builder(FieldType<M>::type(), rows.size());
      for (const T& row : rows) FieldType<M>::write(builder, get(row));
      return builder.finish();
    }
  }
};

}  // namespace libstream
