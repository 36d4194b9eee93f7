#pragma once

#include <libstream/error.hpp>
#include <libstream/row_type.hpp>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// C++ values as bytes of the state store. Not included by users directly.
namespace libstream {

/// False for a type that only views what others own, or that has a field of such a type.
template <class T>
inline constexpr bool owns_fields = !std::is_same_v<T, std::string_view>;
template <class T>
inline constexpr bool owns_fields<std::optional<T>> = owns_fields<T>;
template <class T>
inline constexpr bool owns_fields<std::vector<T>> = owns_fields<T>;
template <class... M>
struct AllOwn {
  static constexpr bool value = (owns_fields<M> && ...);
};
template <Described T>
inline constexpr bool owns_fields<T> = MemberTypes<T, AllOwn>::type::value;

[[noreturn]] void throw_short_state();
[[noreturn]] void throw_state_layout(const std::string& type, const std::string& was,
                                     const std::string& is, const std::string& problem);

/// Little-endian; strings and vectors with a 4-byte count, optionals behind a byte, enums by their
/// names, structs field by field.
template <class T>
struct StateBytes {
  static_assert(StreamField<T> && !std::is_same_v<T, std::string_view>,
                "libstream: state must own its fields: use types of field_type.hpp, and "
                "std::string instead of std::string_view");

  template <class N>
  static void append_plain(std::string& bytes, const N& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class N>
  static N take_plain(std::string_view& bytes) {
    if (bytes.size() < sizeof(N)) throw_short_state();
    N value;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    return value;
  }
  static std::string_view take_text(std::string_view& bytes) {
    const auto size = take_plain<std::uint32_t>(bytes);
    if (bytes.size() < size) throw_short_state();
    const auto text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
  }

  static void append(std::string& bytes, const T& value) {
    if constexpr (DescribedEnum<T>) {
      const std::string_view name = enumerator_name(value);
      append_plain(bytes, static_cast<std::uint32_t>(name.size()));
      bytes.append(name);
    } else if constexpr (std::is_same_v<T, std::string>) {
      append_plain(bytes, static_cast<std::uint32_t>(value.size()));
      bytes.append(value);
    } else if constexpr (Described<T>) {
      each_member<T>([&]<class... D>() {
        (StateBytes<MemberType<T, D>>::append(bytes, value.*D::pointer), ...);
      });
    } else {
      static_assert(std::is_trivially_copyable_v<T>);
      append_plain(bytes, value);
    }
  }

  static void take(std::string_view& bytes, T& value) {
    if constexpr (DescribedEnum<T>) {
      value = FieldType<T>::parse(take_text(bytes));
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = take_text(bytes);
    } else if constexpr (Described<T>) {
      each_member<T>([&]<class... D>() {
        (StateBytes<MemberType<T, D>>::take(bytes, value.*D::pointer), ...);
      });
    } else {
      value = take_plain<T>(bytes);
    }
  }
};

template <class T>
struct StateBytes<std::optional<T>> {
  static void append(std::string& bytes, const std::optional<T>& value) {
    bytes.push_back(value ? '\1' : '\0');
    if (value) StateBytes<T>::append(bytes, *value);
  }
  static void take(std::string_view& bytes, std::optional<T>& value) {
    value.reset();
    if (StateBytes<bool>::template take_plain<char>(bytes) != 0) {
      StateBytes<T>::take(bytes, value.emplace());
    }
  }
};

template <class T>
struct StateBytes<std::vector<T>> {
  static void append(std::string& bytes, const std::vector<T>& values) {
    StateBytes<bool>::append_plain(bytes, static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) StateBytes<T>::append(bytes, value);
  }
  static void take(std::string_view& bytes, std::vector<T>& values) {
    const auto size = StateBytes<bool>::template take_plain<std::uint32_t>(bytes);
    values.clear();
    for (std::uint32_t i = 0; i < size; ++i) StateBytes<T>::take(bytes, values.emplace_back());
  }
};

/// Reads states of the layout they were written in: as S is now, or with fewer fields, in any
/// order. Fields that S has gained keep the values that S{} gives them.
template <class S>
class StateLayout {
 public:
  /// Text of the layout, kept beside the states.
  static std::string text() { return schema_of<S>().to_string(); }

  /// `was`: the text that was kept. Throws Error(incompatible) with both where a field is gone or
  /// of another type.
  explicit StateLayout(const std::string& was) : same_(was == text()) {
    if (same_) return;
    const auto refuse = [&](const std::string& problem) {
      throw_state_layout(type_name<S>(), was, text(), problem);
    };
    if constexpr (Described<S>) {
      const Schema old = Schema::parse(was);
      const Schema now = schema_of<S>();
      for (const Field& field : old) {
        const auto place = now.find(field.name);
        if (!place) refuse("field " + field.name + " is gone");
        if (!(now[*place] == field)) refuse("field " + field.name + " has another type");
        order_.push_back(*place);
      }
    } else {
      refuse("its type is another");
    }
  }
  bool same() const { return same_; }

  void take(std::string_view& bytes, S& value) const {
    if (same_) return StateBytes<S>::take(bytes, value);
    if constexpr (Described<S>) {
      value = S{};
      for (const std::size_t wanted : order_) {
        std::size_t place = 0;
        each_member<S>([&]<class... D>() {
          ((place++ == wanted ? StateBytes<MemberType<S, D>>::take(bytes, value.*D::pointer)
                              : void()),
           ...);
        });
      }
    }
  }

 private:
  bool same_;
  std::vector<std::size_t> order_;
};

}  // namespace libstream
