#pragma once

#include <libstream/column.hpp>
#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
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

/// `type()`: of the column that is written. `check`: whether a column can be read. `read`: rows
/// [begin, end) into `at(row)`; throws Error(data) at a null. `write`: one value.
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
template <class S, class Access, class Convert>
void read_as(const Column& column, std::size_t begin, std::size_t end, Access&& at,
             Convert&& convert) {
  const S* values = column.values<S>();
  for (std::size_t row = begin; row < end; ++row) at(row) = convert(values[row]);
}

/// A type whose values lie in the column as `Storage`, and that reads wider or narrower ones as
/// `reads` says.
template <class T, class Storage, TypeId Id>
struct NumberField {
  using storage = Storage;
  static DataType type() { return Id; }
  static storage stored(const T& value) { return static_cast<storage>(value); }

  static bool accepts(TypeId id) {
    if (id == Id) return true;
    if constexpr (std::is_same_v<T, bool>) return false;
    if (id == TypeId::smallint) return sizeof(T) > 2;
    if (id == TypeId::integer) return sizeof(T) > 4;
    return id == TypeId::float32 && Id == TypeId::float64;
  }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (!accepts(column.id())) add_type_problem(problems, path, type(), column);
  }
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    const auto convert = [](auto value) { return static_cast<T>(value); };
    if (column.type().id() == Id) return read_as<Storage>(column, begin, end, at, convert);
    if (column.type().id() == TypeId::smallint) {
      return read_as<std::int16_t>(column, begin, end, at, convert);
    }
    if (column.type().id() == TypeId::integer) {
      return read_as<std::int32_t>(column, begin, end, at, convert);
    }
    read_as<float>(column, begin, end, at, convert);
  }
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

/// Text. A `std::string_view` is valid during the call that gets the row.
template <class T>
requires std::same_as<T, std::string> || std::same_as<T, std::string_view>
struct FieldType<T> {
  static DataType type() { return TypeId::string; }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (!column.is_string_like()) add_type_problem(problems, path, type(), column);
  }
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    for (std::size_t row = begin; row < end; ++row) at(row) = column.string(row);
  }
  static void write(ColumnBuilder& builder, const T& value) { builder.append_string(value); }
};

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
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
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
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    const bool interval = column.type().id() == TypeId::day_interval;
    read_as<std::int64_t>(column, begin, end, at, [interval](std::int64_t value) {
      return interval ? std::chrono::floor<T>(std::chrono::microseconds(value))
                      : T(static_cast<Rep>(value));
    });
  }
  static void write(ColumnBuilder& builder, const T& value) { builder.append(stored(value)); }
};

template <DescribedEnum T>
struct FieldType<T> {
  using Enumerators = boost::describe::describe_enumerators<T>;
  static DataType type() { return TypeId::string; }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::string) add_type_problem(problems, path, type(), column);
  }
  static T parse(std::string_view text) {
    std::optional<T> found;
    boost::mp11::mp_for_each<Enumerators>([&](auto e) {
      if (!found && text == e.name) found = e.value;
    });
    if (found) return *found;
    std::string known;
    boost::mp11::mp_for_each<Enumerators>(
        [&](auto e) { known += (known.empty() ? "" : ", ") + std::string(e.name); });
    throw_unknown_enumerator(text, known);
  }
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    for (std::size_t row = begin; row < end; ++row) {
      if (!column.is_null(row)) at(row) = parse(column.string(row));
    }
  }
  static void write(ColumnBuilder& builder, const T& value) {
    std::string_view name;
    boost::mp11::mp_for_each<Enumerators>([&](auto e) {
      if (e.value == value) name = e.name;
    });
    builder.append_string(name);
  }
};

/// Absent is null.
template <StreamField T>
struct FieldType<std::optional<T>> {
  static DataType type() { return FieldType<T>::type(); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    FieldType<T>::check(column, path, problems);
  }
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    for (std::size_t row = begin; row < end; ++row) {
      if (column.is_null(row)) {
        at(row).reset();
      } else {
        at(row).emplace();
        FieldType<T>::read(column, row, row + 1, [&](std::size_t i) -> T& { return *at(i); });
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
template <class T, class Access>
void read_field(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
  if constexpr (!is_optional<T>) {
    if (column.has_validity()) check_no_nulls(column, begin, end);
  }
  FieldType<T>::read(column, begin, end, std::forward<Access>(at));
}

template <StreamField T>
requires(!std::same_as<T, bool>) struct FieldType<std::vector<T>> {
  static DataType type() { return DataType::array(FieldType<T>::type(), is_optional<T>); }
  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::array) return add_type_problem(problems, path, type(), column);
    FieldType<T>::check(column.element(), path + "[]", problems);
  }
  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto first = static_cast<std::size_t>(column.offsets()[row]);
      const auto last = static_cast<std::size_t>(column.offsets()[row + 1]);
      std::vector<T>& elements = at(row);
      elements.resize(last - first);
      read_field<T>(*column.child(0), first, last,
                    [&](std::size_t i) -> T& { return elements[i - first]; });
    }
  }
  static void write(ColumnBuilder& builder, const std::vector<T>& value) {
    for (const T& element : value) FieldType<T>::write(builder.child(0), element);
    builder.append_array(value.size());
  }
};

/// A struct within a struct.
template <DescribedRow T>
struct FieldType<T> {
  static std::vector<Field> fields() {
    std::vector<Field> fields;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      fields.push_back({member.name, FieldType<M>::type(), is_optional<M>});
    });
    return fields;
  }
  static DataType type() { return DataType::structure(fields()); }

  static void check(const DataType& column, const std::string& path, FieldProblems& problems) {
    if (column.id() != TypeId::structure) return add_type_problem(problems, path, type(), column);
    places(column.fields(), path, problems);
  }
  /// Where each member lies among `columns`.
  static std::vector<std::uint32_t> places(const std::vector<Field>& columns,
                                           const std::string& path, FieldProblems& problems) {
    std::vector<std::uint32_t> found;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      const std::string name = path + "." + member.name;
      std::size_t i = 0;
      while (i < columns.size() && !same_name(columns[i].name, member.name)) ++i;
      found.push_back(static_cast<std::uint32_t>(i));
      if (i == columns.size()) return add_missing_column(problems, name, member.name, columns);
      FieldType<M>::check(columns[i].type, name, problems);
    });
    return found;
  }

  template <class Access>
  static void read(const Column& column, std::size_t begin, std::size_t end, Access&& at) {
    FieldProblems none;
    const auto where = places(column.type().fields(), "", none);
    std::size_t next = 0;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      read_field<M>(*column.child(where[next++]), begin, end,
                    [&](std::size_t row) -> M& { return at(row).*member.pointer; });
    });
  }
  static void write(ColumnBuilder& builder, const T& value) {
    std::size_t next = 0;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      FieldType<M>::write(builder.child(next++), value.*member.pointer);
    });
    builder.append_structure();
  }
};

}  // namespace libstream
