#include "array_rows.hpp"
#include "utf8.hpp"

#include <utf8proc.h>

#include <cstring>
#include <utility>

namespace libstream {
namespace {

template <bool to_upper>
void change_case_unicode(std::string_view text, StringHeap& heap) {
  // A code point may grow, by at most three bytes for one.
  char* place = heap.reserve(text.size() * 4);
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = 0;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
    const auto length =
        utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (length <= 0) {
      place[size++] = text[at++];  // no UTF-8: bytes stay as they are
      continue;
    }
    at += static_cast<std::size_t>(length);
    if (to_upper && point == 0xdf) {  // ß has no capital of one letter
      place[size++] = 'S';
      place[size++] = 'S';
      continue;
    }
    point = to_upper ? utf8proc_toupper(point) : utf8proc_tolower(point);
    size += static_cast<std::size_t>(
        utf8proc_encode_char(point, reinterpret_cast<utf8proc_uint8_t*>(place + size)));
  }
  heap.append_reserved(size);
}

template <bool to_upper>
ColumnPtr case_kernel(const KernelCall& call) {
  const Vector& a = call.arguments[0];
  StringHeap heap(call.rows, call.rows * 16);
  constexpr char first = to_upper ? 'a' : 'A';
  for (std::size_t i = 0; i < call.rows; ++i) {
    const std::string_view text = text_at(a, i);
    if (!is_ascii(text)) {
      change_case_unicode<to_upper>(text, heap);
      continue;
    }
    char* place = heap.reserve(text.size() + 1);
    for (std::size_t j = 0; j < text.size(); ++j) {
      const auto offset = static_cast<unsigned char>(text[j] - first);
      place[j] = static_cast<char>(text[j] ^ (offset < 26 ? 0x20 : 0));
    }
    heap.append_reserved(text.size());
  }
  return heap.finish(call.type, call.validity);
}

ColumnPtr length_kernel(const KernelCall& call) {
  const bool binary = call.arguments[0].column->type().id() == TypeId::binary;
  return map_values<std::int32_t, StringView>(
      call, [binary](const StringView& a) { return binary ? a.length : characters(a.view()); });
}
ColumnPtr octet_length_kernel(const KernelCall& call) {
  return map_values<std::int32_t, StringView>(call, [](const StringView& a) { return a.length; });
}

/// Results that are parts of the first argument: `part(text, row)` chooses.
template <class F>
ColumnPtr parts(const KernelCall& call, F part) {
  auto views = allocate_values<StringView>(call.rows);
  auto* out = views->as<StringView>();
  const Vector& a = call.arguments[0];
  // A part of an inline string points into the column of views: it is short, so inline again.
  for (std::size_t i = 0; i < call.rows; ++i) out[i] = StringView(part(text_at(a, i), i));
  return Column::fixed(call.type, call.rows, std::move(views), call.validity, heaps_of(call));
}

std::int64_t whole_at(const Vector& vector, std::size_t row) {
  return vector.column->values<std::int32_t>()[vector.constant ? 0 : row];
}

/// substring(text, position from 1 or from the end, [length]), in characters.
ColumnPtr substring_kernel(const KernelCall& call) {
  const bool open = call.arguments.size() == 2;
  return parts(call, [&](std::string_view text, std::size_t row) {
    const std::int64_t position = whole_at(call.arguments[1], row);
    const std::int64_t wanted =
        open ? std::numeric_limits<std::int32_t>::max() : whole_at(call.arguments[2], row);
    return sql_substring(text, position, wanted);
  });
}
template <bool left>
ColumnPtr side_kernel(const KernelCall& call) {
  return parts(call, [&](std::string_view text, std::size_t row) {
    const auto size = static_cast<std::int64_t>(characters(text));
    const std::int64_t count = std::clamp<std::int64_t>(whole_at(call.arguments[1], row), 0, size);
    return left ? character_range(text, 0, static_cast<std::size_t>(count))
                : character_range(text, static_cast<std::size_t>(size - count),
                                  static_cast<std::size_t>(size));
  });
}

/// Cuts blanks, or any of the characters given as a second argument (`cut_first`: the first).
template <bool left, bool right, bool cut_first = false>
ColumnPtr trim_kernel(const KernelCall& call) {
  const bool given = call.arguments.size() == 2;
  const Vector& whole = call.arguments[given && cut_first ? 1 : 0];
  auto views = allocate_values<StringView>(call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) {
    std::string_view text = text_at(whole, i);
    const std::string_view cut = given ? text_at(call.arguments[cut_first ? 0 : 1], i) : " ";
    while (left && !text.empty() && contains_character(cut, first_character(text))) {
      text.remove_prefix(first_character(text).size());
    }
    while (right && !text.empty() && contains_character(cut, last_character(text))) {
      text.remove_suffix(last_character(text).size());
    }
    views->as<StringView>()[i] = StringView(text);
  }
  return Column::fixed(call.type, call.rows, std::move(views), call.validity, heaps_of(call));
}

ColumnPtr concat_kernel(const KernelCall& call) {
  StringHeap heap(call.rows, call.rows * 24);
  for (std::size_t i = 0; i < call.rows; ++i) {
    std::size_t size = 0;
    for (const Vector& part : call.arguments) size += text_at(part, i).size();
    char* place = heap.reserve(size + 1);
    for (const Vector& part : call.arguments) {
      const std::string_view text = text_at(part, i);
      std::memcpy(place, text.data(), text.size());
      place += text.size();
    }
    heap.append_reserved(size);
  }
  return heap.finish(call.type, call.validity);
}

/// concat_ws(separator, text or array of texts, …): nulls are left out.
ColumnPtr concat_ws_kernel(const KernelCall& call) {
  const Vector& separator = call.arguments[0];
  return make_texts(call, [&](std::size_t i, std::string& out) {
    if (separator.is_null(i)) return false;
    const std::string_view between = text_at(separator, i);
    bool first = true;
    const auto add = [&](std::string_view text) {
      if (!std::exchange(first, false)) out += between;
      out += text;
    };
    for (const Vector& part : call.arguments.subspan(1)) {
      if (part.is_null(i)) continue;
      if (part.column->type().id() != TypeId::array) {
        add(text_at(part, i));
        continue;
      }
      const Column& elements = *part.column->child(0);
      const auto [begin, end] = range_of(part, i);
      for (std::size_t k = begin; k < end; ++k) {
        if (!elements.is_null(k)) add(elements.string(k));
      }
    }
    return true;
  });
}

ColumnPtr replace_kernel(const KernelCall& call) {
  StringHeap heap(call.rows, call.rows * 24);
  for (std::size_t i = 0; i < call.rows; ++i) {
    const std::string_view text = text_at(call.arguments[0], i);
    const std::string_view search = text_at(call.arguments[1], i);
    const std::string_view by =
        call.arguments.size() == 3 ? text_at(call.arguments[2], i) : std::string_view("");
    std::size_t hits = 0;
    for (auto at = text.find(search); !search.empty() && at != std::string_view::npos;
         at = text.find(search, at + search.size())) {
      ++hits;
    }
    if (hits == 0) {
      heap.append(text);
      continue;
    }
    const std::size_t size = text.size() - hits * search.size() + hits * by.size();
    char* place = heap.reserve(size + 1);
    std::size_t from = 0;
    for (auto at = text.find(search); at != std::string_view::npos; at = text.find(search, from)) {
      std::memcpy(place, text.data() + from, at - from);
      place += at - from;
      std::memcpy(place, by.data(), by.size());
      place += by.size();
      from = at + search.size();
    }
    std::memcpy(place, text.data() + from, text.size() - from);
    heap.append_reserved(size);
  }
  return heap.finish(call.type, call.validity);
}

ColumnPtr starts_kernel(const KernelCall& call) {
  return map_pairs<std::uint8_t, StringView, StringView>(
      call, [](const StringView& a, const StringView& b) {
        return a.view().starts_with(b.view()) ? 1 : 0;
      });
}
ColumnPtr ends_kernel(const KernelCall& call) {
  return map_pairs<std::uint8_t, StringView, StringView>(
      call, [](const StringView& a, const StringView& b) {
        return a.view().ends_with(b.view()) ? 1 : 0;
      });
}
ColumnPtr contains_kernel(const KernelCall& call) {
  return map_pairs<std::uint8_t, StringView, StringView>(
      call, [](const StringView& a, const StringView& b) {
        return a.view().find(b.view()) != std::string_view::npos ? 1 : 0;
      });
}
/// Place of a text in another, in characters from 1; 0 = not there.
ColumnPtr position_kernel(const KernelCall& call) {
  return map_pairs<std::int32_t, StringView, StringView>(
      call, [](const StringView& a, const StringView& b) {
        const std::string_view text = a.view();
        const auto at = text.find(b.view());
        return at == std::string_view::npos ? 0U : characters(text.substr(0, at)) + 1;
      });
}

template <TypeId result>
std::optional<Signature> strings_to(std::span<const BoundPtr> a) {
  for (const BoundPtr& argument : a) {
    if (!is_scalar(argument)) return std::nullopt;
  }
  return signature(std::vector<DataType>(a.size(), TypeId::string), result);
}
std::optional<Signature> resolve_length(std::span<const BoundPtr> a) {
  if (!is_scalar(a[0])) return std::nullopt;
  return signature({is_id(a[0], TypeId::binary) ? TypeId::binary : TypeId::string},
                   TypeId::integer);
}
/// A text, then whole numbers.
std::optional<Signature> text_and_numbers(std::span<const BoundPtr> a) {
  std::vector<DataType> types(a.size(), TypeId::integer);
  types[0] = TypeId::string;
  return is_scalar(a[0]) ? std::optional(signature(std::move(types), TypeId::string))
                         : std::nullopt;
}
std::optional<Signature> resolve_concat_ws(std::span<const BoundPtr> a) {
  if (!is_scalar(a[0])) return std::nullopt;
  std::vector<DataType> types;
  for (const BoundPtr& argument : a) {
    types.push_back(is_array(argument) ? DataType::array(TypeId::string, true)
                                       : DataType(TypeId::string));
    if (is_id(argument, TypeId::structure)) return std::nullopt;
  }
  return signature(std::move(types), TypeId::string, a[0]->nullable);
}
/// Texts, or bytes where all are, or arrays.
std::optional<Signature> resolve_concat(std::span<const BoundPtr> a) {
  if (std::any_of(a.begin(), a.end(), is_array)) return resolve_array_concat(a);
  const bool bytes = !a.empty() && std::all_of(a.begin(), a.end(), [](const BoundPtr& argument) {
    return is_id(argument, TypeId::binary);
  });
  if (bytes) return signature(std::vector<DataType>(a.size(), TypeId::binary), TypeId::binary);
  return strings_to<TypeId::string>(a);
}
Kernel concat_for(std::span<const BoundPtr>, const DataType& type) {
  return type.id() == TypeId::array ? concat_arrays : concat_kernel;
}

template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

}  // namespace

std::span<const Function> string_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    constexpr auto text = strings_to<TypeId::string>;
    constexpr auto truth = strings_to<TypeId::boolean>;
    constexpr auto number = strings_to<TypeId::integer>;
    for (const char* name : {"upper", "ucase"}) {
      t.add(name, "upper(string)", 1, 1, text, only<case_kernel<true>>);
    }
    for (const char* name : {"lower", "lcase"}) {
      t.add(name, "lower(string)", 1, 1, text, only<case_kernel<false>>);
    }
    for (const char* name : {"length", "char_length", "character_length", "len"}) {
      t.add(name, "length(string)", 1, 1, resolve_length, only<length_kernel>);
    }
    t.add("octet_length", "octet_length(string)", 1, 1, resolve_length, only<octet_length_kernel>);
    for (const char* name : {"substring", "substr"}) {
      t.add(name, "substring(string, position[, length])", 2, 3, text_and_numbers,
            only<substring_kernel>);
    }
    t.add("left", "left(string, count)", 2, 2, text_and_numbers, only<side_kernel<true>>);
    t.add("right", "right(string, count)", 2, 2, text_and_numbers, only<side_kernel<false>>);
    // trim(characters, string) in this order, btrim(string, characters) in that.
    t.add("btrim", "btrim(string[, characters])", 1, 2, text, only<trim_kernel<true, true>>);
    t.add("trim", "trim([characters, ]string)", 1, 2, text, only<trim_kernel<true, true, true>>);
    t.add("ltrim", "ltrim([characters, ]string)", 1, 2, text, only<trim_kernel<true, false, true>>);
    t.add("rtrim", "rtrim([characters, ]string)", 1, 2, text, only<trim_kernel<false, true, true>>);
    t.add("concat", "concat(string, …) or concat(array, …)", 0, any_number, resolve_concat,
          concat_for);
    t.add("concat_ws", "concat_ws(separator, string or array, …)", 1, any_number, resolve_concat_ws,
          only<concat_ws_kernel>);
    t.back().nulls = NullRule::own;
    t.add("replace", "replace(string, search[, replacement])", 2, 3, text, only<replace_kernel>);
    for (const char* name : {"starts_with", "startswith"}) {
      t.add(name, "starts_with(string, string)", 2, 2, truth, only<starts_kernel>);
    }
    for (const char* name : {"ends_with", "endswith"}) {
      t.add(name, "ends_with(string, string)", 2, 2, truth, only<ends_kernel>);
    }
    t.add("contains", "contains(string, string)", 2, 2, truth, only<contains_kernel>);
    t.add("instr", "instr(string, search)", 2, 2, number, only<position_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
