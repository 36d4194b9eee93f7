#pragma once

#include <libstream/column.hpp>
#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// How C++ types lie in columns. Not included by users directly; see typed_stream.hpp.
namespace libstream {

/// A struct named in BOOST_DESCRIBE_STRUCT.
template <class T>
concept Described = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
/// An enum named in BOOST_DESCRIBE_ENUM or defined by BOOST_DEFINE_ENUM_CLASS; text in columns.
template <class T>
concept DescribedEnum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <Described T>
using MembersOf = boost::describe::describe_members<T, boost::describe::mod_public |
                                                           boost::describe::mod_inherited>;

/// Type of a struct's member, by its descriptor.
template <class T, class D>
using MemberType = std::remove_cvref_t<decltype(std::declval<T&>().*D::pointer)>;
/// Calls `f.operator()<D...>()` with the descriptors of the members: one call for all, where
/// mp_for_each would compile one a member.
template <Described T, class F>
constexpr auto each_member(F&& f) {
  return [&]<template <class...> class List, class... D>(List<D...>*) {
    return f.template operator()<D...>();
  }(static_cast<MembersOf<T>*>(nullptr));
}

/// Where C++ types and columns do not fit: filled while a query is analysed, thrown as one Error.
class FieldProblems {
 public:
  void add(const std::string& path, const std::string& problem) {
    text_ += (text_.empty() ? "" : "; ") + path + " " + problem;
  }
  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Where values lie that belong to rows one after the other: every `stride` bytes, as a member of
/// structs does. Reading and writing are compiled once a type so, not once a member.
template <class T>
struct Places {
  T* first = nullptr;
  std::size_t stride = 0;

  T& operator[](std::size_t i) const {
    using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
    return *reinterpret_cast<T*>(reinterpret_cast<Byte*>(first) + i * stride);
  }
};

/// `type()`: of the column that is written. `check`: whether a column can be read. `read`: rows
/// [begin, end) to places 0, 1, …; throws Error(data) at a null. `write`: one value. Where
/// `storage` is named, `stored` gives what lies in the column.
template <class T>
struct FieldType;

template <class T>
concept StreamField = requires {
  { FieldType<T>::type() } -> std::same_as<DataType>;
};
/// Types of a described struct's members, as arguments of List.
template <class T, template <class...> class List>
struct MemberTypes {
  template <class M>
  using TypeOf = std::remove_cvref_t<decltype(std::declval<T&>().*M::pointer)>;
  using type = boost::mp11::mp_rename<boost::mp11::mp_transform<TypeOf, MembersOf<T>>, List>;
};
template <class... M>
struct AreFields {
  static constexpr bool value = (StreamField<M> && ...);
};
/// A described struct of fields that columns hold.
template <class T>
concept DescribedRow = Described<T> && MemberTypes<T, AreFields>::type::value;

[[noreturn]] void throw_null_field();
[[noreturn]] void throw_unknown_enumerator(std::string_view text, const std::string& known);
void add_type_problem(FieldProblems& problems, const std::string& path, const DataType& field,
                      const DataType& column);
void add_missing_column(FieldProblems& problems, const std::string& path, std::string_view name,
                        const std::vector<Field>& columns);
void check_no_nulls(const Column& column, std::size_t begin, std::size_t end);

/// Reads values stored as S, one after the other.
template <class S, class T, class Convert>
void read_as(const Column& column, std::size_t begin, std::size_t end, Places<T> at,
             Convert convert) {
  const S* values = column.values<S>() + begin;
  for (std::size_t i = 0; i < end - begin; ++i) at[i] = convert(values[i]);
}

/// A type whose values lie in the column as `Storage`, and that reads narrower ones too. Compiled
/// in the library.
template <class T, class Storage, TypeId Id>
struct NumberField {
  using storage = Storage;
  static DataType type() { return Id; }
  static storage stored(const T& value) { return static_cast<storage>(value); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems);
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at);
  static void write(ColumnBuilder& builder, const T& value) { builder.append(stored(value)); }
};

template <>
struct FieldType<bool> : NumberField<bool, std::uint8_t, TypeId::boolean> {};
template <>
struct FieldType<std::int16_t> : NumberField<std::int16_t, std::int16_t, TypeId::smallint> {};
template <>
struct FieldType<std::int32_t> : NumberField<std::int32_t, std::int32_t, TypeId::integer> {};
template <>
struct FieldType<std::int64_t> : NumberField<std::int64_t, std::int64_t, TypeId::bigint> {};
template <>
struct FieldType<long long> : NumberField<long long, std::int64_t, TypeId::bigint> {};
template <>
struct FieldType<float> : NumberField<float, float, TypeId::float32> {};
template <>
struct FieldType<double> : NumberField<double, double, TypeId::float64> {};

/// Text. A `std::string_view` is valid during the call that gets the row. Compiled in the library.
template <class T>
struct TextField {
  static DataType type() { return TypeId::string; }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems);
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at);
  static void write(ColumnBuilder& builder, const T& value) { builder.append_string(value); }
};
template <>
struct FieldType<std::string> : TextField<std::string> {};
template <>
struct FieldType<std::string_view> : TextField<std::string_view> {};

/// Times are µs since 1970 in a timestamp column; whole days are a date.
template <class Duration>
struct FieldType<std::chrono::sys_time<Duration>> {
  using T = std::chrono::sys_time<Duration>;
  static constexpr bool date = std::is_same_v<Duration, std::chrono::days>;
  using storage = std::conditional_t<date, std::int32_t, std::int64_t>;
  static DataType type() { return date ? TypeId::date : TypeId::timestamp; }
  static storage stored(const T& value) {
    using Unit = std::conditional_t<date, std::chrono::days, std::chrono::microseconds>;
    return static_cast<storage>(std::chrono::floor<Unit>(value).time_since_epoch().count());
  }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != type().id()) add_type_problem(problems, path, type(), column);
  }
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
    using Unit = std::conditional_t<date, std::chrono::days, std::chrono::microseconds>;
    read_as<storage>(column, begin, end, at, [](storage value) {
      return std::chrono::floor<Duration>(std::chrono::sys_time<Unit>(Unit(value)));
    });
  }
  static void write(ColumnBuilder& builder, const T& value) { builder.append(stored(value)); }
};

/// A bigint that counts the duration's own unit; reads intervals too.
template <class Rep, class Period>
struct FieldType<std::chrono::duration<Rep, Period>> {
  using T = std::chrono::duration<Rep, Period>;
  using storage = std::int64_t;
  static DataType type() { return TypeId::bigint; }
  static storage stored(const T& value) { return static_cast<storage>(value.count()); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::bigint && column.id() != TypeId::day_interval) {
      add_type_problem(problems, path, type(), column);
    }
  }
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
    const bool interval = column.type().id() == TypeId::day_interval;
    read_as<std::int64_t>(column, begin, end, at, [interval](std::int64_t value) {
      return interval ? std::chrono::floor<T>(std::chrono::microseconds(value))
                      : T(static_cast<Rep>(value));
    });
  }
  static void write(ColumnBuilder& builder, const T& value) { builder.append(stored(value)); }
};

/// The names of an enum, in their order.
template <DescribedEnum T>
constexpr auto enumerators() {
  struct Named {
    std::string_view name;
    T value;
  };
  return []<class... E>(boost::mp11::mp_list<E...>) {
    return std::array<Named, sizeof...(E)>{Named{E::name, E::value}...};
  }(boost::mp11::mp_rename<boost::describe::describe_enumerators<T>, boost::mp11::mp_list>());
}
template <DescribedEnum T>
std::string_view enumerator_name(T value) {
  for (const auto& e : enumerators<T>()) {
    if (e.value == value) return e.name;
  }
  return {};
}

template <DescribedEnum T>
struct FieldType<T> {
  static DataType type() { return TypeId::string; }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::string) add_type_problem(problems, path, type(), column);
  }
  static T parse(std::string_view text) {
    static constexpr auto all = enumerators<T>();
    for (const auto& e : all) {
      if (text == e.name) return e.value;
    }
    std::string known;
    for (const auto& e : all) known += (known.empty() ? "" : ", ") + std::string(e.name);
    throw_unknown_enumerator(text, known);
  }
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
    for (std::size_t row = begin; row < end; ++row) {
      if (!column.is_null(row)) at[row - begin] = parse(column.string(row));
    }
  }
  static void write(ColumnBuilder& builder, const T& value) {
    builder.append_string(enumerator_name(value));
  }
};

/// Absent is null.
template <StreamField T>
struct FieldType<std::optional<T>> {
  static DataType type() { return FieldType<T>::type(); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    FieldType<T>::check(column, path, problems);
  }
  static void read(const Column& column, std::size_t begin, std::size_t end,
                   Places<std::optional<T>> at) {
    if (begin == end) return;
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string_view>) {
      // What stands at a null can be read: all at once, then the nulls out.
      for (std::size_t i = 0; i < end - begin; ++i) at[i].emplace();
      FieldType<T>::read(column, begin, end, Places<T>{&*at[0], at.stride});
      if (!column.has_validity()) return;
      for (std::size_t row = begin; row < end; ++row) {
        if (column.is_null(row)) at[row - begin].reset();
      }
    } else {
      for (std::size_t row = begin; row < end; ++row) {
        std::optional<T>& value = at[row - begin];
        value.reset();
        if (!column.is_null(row)) {
          FieldType<T>::read(column, row, row + 1, Places<T>{&value.emplace(), 0});
        }
      }
    }
  }
  static void write(ColumnBuilder& builder, const std::optional<T>& value) {
    if (value) {
      FieldType<T>::write(builder, *value);
    } else {
      builder.append_null();
    }
  }
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// Reads a field that has no room for a null unless it is a std::optional.
template <class T>
void read_field(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
  if constexpr (!is_optional<T>) {
    if (column.has_validity()) check_no_nulls(column, begin, end);
  }
  FieldType<T>::read(column, begin, end, at);
}

template <StreamField T>
requires(!std::same_as<T, bool>) struct FieldType<std::vector<T>> {
  static DataType type() { return DataType::array(FieldType<T>::type(), is_optional<T>); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::array) return add_type_problem(problems, path, type(), column);
    FieldType<T>::check(column.element(), path + "[]", problems);
  }
  static void read(const Column& column, std::size_t begin, std::size_t end,
                   Places<std::vector<T>> at) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto first = static_cast<std::size_t>(column.offsets()[row]);
      const auto last = static_cast<std::size_t>(column.offsets()[row + 1]);
      std::vector<T>& elements = at[row - begin];
      elements.resize(last - first);
      read_field<T>(*column.child(0), first, last, Places<T>{elements.data(), sizeof(T)});
    }
  }
  static void write(ColumnBuilder& builder, const std::vector<T>& value) {
    for (const T& element : value) FieldType<T>::write(builder.child(0), element);
    builder.append_array(value.size());
  }
};

/// A column of values of T.
template <class T>
ColumnPtr write_column(Places<const T> values, std::size_t rows) {
  if constexpr (requires { typename FieldType<T>::storage; }) {
    using Storage = typename FieldType<T>::storage;
    auto buffer = Buffer::allocate(rows * sizeof(Storage));
    auto* stored = buffer->template as<Storage>();
    for (std::size_t i = 0; i < rows; ++i) stored[i] = FieldType<T>::stored(values[i]);
    return Column::fixed(FieldType<T>::type(), rows, std::move(buffer));
  } else {
    ColumnBuilder builder(FieldType<T>::type(), rows);
    for (std::size_t i = 0; i < rows; ++i) FieldType<T>::write(builder, values[i]);
    return builder.finish();
  }
}

/// What the library needs to know of a member of a struct; `structs` are those of rows one after
/// the other, every `stride` bytes.
struct RowMember {
  const char* name;
  bool nullable;
  DataType (*type)();
  void (*check)(const DataType& column, const std::string& path, FieldProblems& problems);
  void (*read)(const Column& column, std::size_t begin, std::size_t end, void* structs,
               std::size_t stride);
  void (*write)(ColumnBuilder& builder, const void* in_struct);
  ColumnPtr (*column)(const void* structs, std::size_t stride, std::size_t rows);
};

/// Member D (a descriptor) of T.
template <class T, class D>
struct MemberAccess {
  using M = MemberType<T, D>;
  static M* in(void* structs) { return &(static_cast<T*>(structs)->*D::pointer); }
  static const M* in(const void* structs) { return &(static_cast<const T*>(structs)->*D::pointer); }

  static void read(const Column& column, std::size_t begin, std::size_t end, void* structs,
                   std::size_t stride) {
    read_field<M>(column, begin, end, Places<M>{in(structs), stride});
  }
  static void write(ColumnBuilder& builder, const void* in_struct) {
    FieldType<M>::write(builder, *in(in_struct));
  }
  static ColumnPtr column(const void* structs, std::size_t stride, std::size_t rows) {
    return write_column<M>(Places<const M>{in(structs), stride}, rows);
  }
  static constexpr RowMember entry() {
    return {D::name, is_optional<M>, &FieldType<M>::type, &FieldType<M>::check, &read,
            &write,  &column};
  }
};

using RowMembers = std::span<const RowMember>;
template <class... D>
struct MemberTable {
  template <class T>
  static constexpr std::array<RowMember, sizeof...(D)> of{MemberAccess<T, D>::entry()...};
};
template <Described T>
RowMembers row_members() {
  return boost::mp11::mp_rename<MembersOf<T>, MemberTable>::template of<T>;
}

std::vector<Field> fields_of(RowMembers members);
/// Where each member lies among `columns`.
std::vector<std::uint32_t> places_of(RowMembers members, const std::vector<Field>& columns,
                                     const std::string& path, FieldProblems& problems);
void check_structure(RowMembers members, const DataType& column, const std::string& path,
                     FieldProblems& problems);
void read_structure(RowMembers members, const Column& column, std::size_t begin, std::size_t end,
                    void* structs, std::size_t stride);
void write_structure(RowMembers members, ColumnBuilder& builder, const void* in_struct);

/// A struct within a struct.
template <DescribedRow T>
struct FieldType<T> {
  static std::vector<Field> fields() { return fields_of(row_members<T>()); }
  static DataType type() { return DataType::structure(fields()); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    check_structure(row_members<T>(), column, path, problems);
  }
  static void read(const Column& column, std::size_t begin, std::size_t end, Places<T> at) {
    read_structure(row_members<T>(), column, begin, end, at.first, at.stride);
  }
  static void write(ColumnBuilder& builder, const T& value) {
    write_structure(row_members<T>(), builder, &value);
  }
};

}  // namespace libstream
