#include "array_rows.hpp"
#include "code_points.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <charconv>

namespace libstream {
namespace {

constexpr std::size_t text_limit = std::size_t{1} << 30;

void check_size(const KernelCall& call, std::size_t row, std::size_t size) {
  if (size > text_limit) fail_row(call, row, "a text of more than 1 GiB");
}

template <bool left>
ColumnPtr pad_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    const std::string_view pad =
        call.arguments.size() == 3 ? text_at(call.arguments[2], i) : std::string_view(" ");
    const auto wanted = static_cast<std::size_t>(
        std::max(value_at<std::int32_t>(call.arguments[1], i), std::int32_t{0}));
    const std::size_t size = characters(text);
    if (size >= wanted || pad.empty()) {
      out = character_range(text, 0, wanted);
      return true;
    }
    check_size(call, i, (wanted - size) * 4);
    const std::size_t missing = wanted - size;
    const std::size_t of_pad = characters(pad);
    if (!left) out = text;
    for (std::size_t k = 0; k < missing / of_pad; ++k) out += pad;
    out += character_range(pad, 0, missing % of_pad);
    if (left) out += text;
    return true;
  });
}

ColumnPtr reverse_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    for (std::size_t end = text.size(); end > 0;) {
      std::size_t begin = end - 1;
      while (begin > 0 && !begins_character(text[begin])) --begin;
      out += text.substr(begin, end - begin);
      end = begin;
    }
    return true;
  });
}

ColumnPtr repeat_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    const std::int32_t times = value_at<std::int32_t>(call.arguments[1], i);
    if (times <= 0) return true;
    check_size(call, i, text.size() * static_cast<std::size_t>(times));
    for (std::int32_t k = 0; k < times; ++k) out += text;
    return true;
  });
}

/// Words begin behind blanks.
ColumnPtr initcap_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    bool first = true;
    for_characters(text_at(call.arguments[0], i), [&](std::int32_t point, std::string_view bytes) {
      if (point < 0) {
        out += bytes;
      } else {
        append_code_point(first ? utf8proc_totitle(point) : utf8proc_tolower(point), out);
      }
      first = bytes == " ";
    });
    return true;
  });
}

/// translate(text, from, to): characters one by one, those without a partner dropped.
ColumnPtr translate_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view from = text_at(call.arguments[1], i);
    const std::string_view to = text_at(call.arguments[2], i);
    for_characters(text_at(call.arguments[0], i), [&](std::int32_t, std::string_view bytes) {
      // A character starts where its first byte is, so this finds whole ones only.
      const std::size_t place = from.find(bytes);
      if (place == std::string_view::npos) {
        out += bytes;
      } else {
        const std::size_t index = characters(from.substr(0, place));
        out += character_range(to, index, index + 1);
      }
    });
    return true;
  });
}

ColumnPtr ascii_kernel(const KernelCall& call) {
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    utf8proc_int32_t point = 0;
    if (!text.empty()) {
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &point);
    }
    out = std::max(point, 0);
    return true;
  });
}
/// The character of the low eight bits; negative numbers have none.
ColumnPtr chr_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::int64_t number = value_at<std::int64_t>(call.arguments[0], i);
    if (number >= 0) append_code_point(static_cast<std::int32_t>(number & 0xff), out);
    return true;
  });
}

constexpr char upper_digits[] = "0123456789ABCDEF";

ColumnPtr hex_bytes_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    for (const char c : text_at(call.arguments[0], i)) {
      const auto byte = static_cast<unsigned char>(c);
      out += upper_digits[byte >> 4];
      out += upper_digits[byte & 15];
    }
    return true;
  });
}
ColumnPtr hex_number_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    auto value = static_cast<std::uint64_t>(value_at<std::int64_t>(call.arguments[0], i));
    do {
      out += upper_digits[value & 15];
      value >>= 4;
    } while (value != 0);
    std::reverse(out.begin(), out.end());
    return true;
  });
}
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/// Null where a character is no hexadecimal digit; an odd number of them starts with half a byte.
ColumnPtr unhex_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    int high = text.size() % 2 == 1 ? 0 : -1;
    for (const char c : text) {
      const int digit = hex_digit(c);
      if (digit < 0) return false;
      if (high < 0) {
        high = digit;
      } else {
        out += static_cast<char>(high << 4 | digit);
        high = -1;
      }
    }
    return true;
  });
}

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ColumnPtr base64_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view bytes = text_at(call.arguments[0], i);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
      const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
      std::uint32_t word = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        word = word << 8 | (k < count ? static_cast<unsigned char>(bytes[at + k]) : 0U);
      }
      for (std::size_t k = 0; k < 4; ++k) {
        out += k <= count ? alphabet[word >> (18 - 6 * k) & 63] : '=';
      }
    }
    return true;
  });
}
ColumnPtr unbase64_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    std::uint32_t word = 0;
    int bits = 0;
    bool ended = false;
    for (const char c : text_at(call.arguments[0], i)) {
      if (c == '\r' || c == '\n') continue;
      ended = ended || c == '=';
      if (c == '=') continue;
      const std::size_t digit = alphabet.find(c);
      if (digit == std::string_view::npos || ended) {
        fail_row(call, i, shown(call.arguments[0], i) + " is no base64 text");
      }
      word = word << 6 | static_cast<std::uint32_t>(digit);
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        out += static_cast<char>(word >> bits);
      }
    }
    return true;
  });
}

/// Part `n` between separators, from 1, negative ones from the end; empty outside.
ColumnPtr split_part_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    const std::string_view separator = text_at(call.arguments[1], i);
    std::int64_t part = value_at<std::int32_t>(call.arguments[2], i);
    if (part == 0) fail_row(call, i, "the index 0 of split_part", "parts count from 1");
    std::int64_t parts = 1;
    const auto next = [&](std::size_t from) {
      return separator.empty() ? std::string_view::npos : text.find(separator, from);
    };
    if (part < 0) {
      for (auto at = next(0); at != std::string_view::npos; at = next(at + separator.size())) {
        ++parts;
      }
      part += parts + 1;
      if (part <= 0) return true;
    }
    std::size_t begin = 0;
    for (; part > 1; --part) {
      const auto at = next(begin);
      if (at == std::string_view::npos) return true;
      begin = at + separator.size();
    }
    const auto end = next(begin);
    out = text.substr(begin, end == std::string_view::npos ? end : end - begin);
    return true;
  });
}

/// What stands before separator number `count`, of negative ones behind it, counted from the end.
ColumnPtr substring_index_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    const std::string_view separator = text_at(call.arguments[1], i);
    std::int64_t count = value_at<std::int32_t>(call.arguments[2], i);
    if (count == 0 || separator.empty()) return true;
    if (count > 0) {
      auto at = text.find(separator);
      while (--count > 0 && at != std::string_view::npos) at = text.find(separator, at + 1);
      out = text.substr(0, at);
      return true;
    }
    auto at = text.rfind(separator);
    while (++count < 0 && at != std::string_view::npos) {
      at = at == 0 ? std::string_view::npos : text.rfind(separator, at - 1);
    }
    out = at == std::string_view::npos ? text : text.substr(at + separator.size());
    return true;
  });
}

/// Insertions, deletions and changes of characters; above an optional limit -1.
ColumnPtr levenshtein_kernel(const KernelCall& call) {
  std::vector<std::int32_t> points[2];
  std::vector<std::int32_t> costs;
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    for (std::size_t side = 0; side < 2; ++side) {
      points[side].clear();
      for_characters(text_at(call.arguments[side], i), [&](std::int32_t point, std::string_view b) {
        points[side].push_back(point < 0 ? -static_cast<unsigned char>(b[0]) : point);
      });
    }
    costs.resize(points[1].size() + 1);
    for (std::size_t k = 0; k < costs.size(); ++k) costs[k] = static_cast<std::int32_t>(k);
    for (std::size_t row = 0; row < points[0].size(); ++row) {
      std::int32_t diagonal = costs[0]++;
      for (std::size_t k = 1; k < costs.size(); ++k) {
        const std::int32_t change = diagonal + (points[0][row] == points[1][k - 1] ? 0 : 1);
        diagonal = costs[k];
        costs[k] = std::min({change, costs[k] + 1, costs[k - 1] + 1});
      }
    }
    out = costs.back();
    if (call.arguments.size() == 3 && out > value_at<std::int32_t>(call.arguments[2], i)) out = -1;
    return true;
  });
}

/// locate(search, text[, from]): in characters from 1; 0 = not there, or no place to start from.
ColumnPtr locate_kernel(const KernelCall& call) {
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    const bool anywhere = call.arguments.size() < 3;
    if (!anywhere && call.arguments[2].is_null(i)) return true;
    if (call.arguments[0].is_null(i) || call.arguments[1].is_null(i)) return false;
    const std::string_view text = text_at(call.arguments[1], i);
    const std::int32_t from = anywhere ? 1 : value_at<std::int32_t>(call.arguments[2], i);
    if (from < 1) return true;
    const std::string_view before = character_range(text, 0, static_cast<std::size_t>(from) - 1);
    if (characters(before) + 1 < static_cast<std::uint32_t>(from)) return true;
    const auto at = text.find(text_at(call.arguments[0], i), before.size());
    if (at == std::string_view::npos) return true;
    out = static_cast<std::int32_t>(characters(text.substr(0, at))) + 1;
    return true;
  });
}

std::optional<Signature> resolve_hex(std::span<const BoundPtr> a) {
  if (!is_scalar(a[0])) return std::nullopt;
  if (a[0]->type.is_string_like()) return signature({a[0]->type}, TypeId::string);
  const bool number = a[0]->type.is_numeric() || is_id(a[0], TypeId::null);
  return signature({number ? TypeId::bigint : TypeId::string}, TypeId::string);
}
Kernel hex_for(std::span<const BoundPtr> a, const DataType&) {
  return a[0]->type.is_string_like() ? hex_bytes_kernel : hex_number_kernel;
}
std::optional<Signature> resolve_reverse(std::span<const BoundPtr> a) {
  if (is_array(a[0])) return signature({a[0]->type}, a[0]->type);
  return takes<TypeId::string, TypeId::string>(a);
}
Kernel reverse_for(std::span<const BoundPtr>, const DataType& type) {
  return type.id() == TypeId::array ? reverse_arrays : reverse_kernel;
}
std::optional<Signature> resolve_pad(std::span<const BoundPtr> a) {
  std::vector<DataType> types{TypeId::string, TypeId::integer, TypeId::string};
  types.resize(a.size());
  for (const BoundPtr& argument : a) {
    if (!is_scalar(argument)) return std::nullopt;
  }
  return signature(std::move(types), TypeId::string);
}
std::optional<Signature> resolve_locate(std::span<const BoundPtr> a) {
  auto result = takes<TypeId::string, TypeId::string, TypeId::integer, TypeId::integer>(a);
  if (result) result->nullable = a[0]->nullable || a[1]->nullable;
  return result;
}
std::optional<Signature> resolve_levenshtein(std::span<const BoundPtr> a) {
  auto result = takes<TypeId::string, TypeId::string, TypeId::integer, TypeId::integer>(a);
  return result;
}

}  // namespace

std::span<const Function> text_functions() {
  static const std::vector<Function> rows = [] {
    constexpr auto text = TypeId::string;
    constexpr auto number = TypeId::integer;
    TableBuilder t;
    t.add("lpad", "lpad(string, length[, pad])", 2, 3, resolve_pad, always<pad_kernel<true>>)
        .fallible = true;
    t.add("rpad", "rpad(string, length[, pad])", 2, 3, resolve_pad, always<pad_kernel<false>>)
        .fallible = true;
    t.add("repeat", "repeat(string, times)", 2, 2, takes<text, number, text>, always<repeat_kernel>)
        .fallible = true;
    t.add("initcap", "initcap(string)", 1, 1, takes<text, text>, always<initcap_kernel>);
    t.add("translate", "translate(string, from, to)", 3, 3, takes<text, text, text, text>,
          always<translate_kernel>);
    t.add("ascii", "ascii(string)", 1, 1, takes<text, number>, always<ascii_kernel>);
    for (const char* name : {"chr", "char"}) {
      t.add(name, "chr(number)", 1, 1, takes<TypeId::bigint, text>, always<chr_kernel>);
    }
    t.add("hex", "hex(number, string or binary)", 1, 1, resolve_hex, hex_for);
    t.add("unhex", "unhex(string)", 1, 1, may_take<text, TypeId::binary>, always<unhex_kernel>);
    t.add("base64", "base64(binary)", 1, 1, takes<TypeId::binary, text>, always<base64_kernel>);
    t.add("unbase64", "unbase64(string)", 1, 1, takes<text, TypeId::binary>,
          always<unbase64_kernel>)
        .fallible = true;
    t.add("split_part", "split_part(string, separator, part)", 3, 3,
          takes<text, text, number, text>, always<split_part_kernel>)
        .fallible = true;
    t.add("substring_index", "substring_index(string, separator, count)", 3, 3,
          takes<text, text, number, text>, always<substring_index_kernel>);
    t.add("levenshtein", "levenshtein(string, string[, limit])", 2, 3, resolve_levenshtein,
          always<levenshtein_kernel>);
    for (const char* name : {"locate", "position"}) {
      t.add(name, "locate(search, string[, from])", 2, 3, resolve_locate, always<locate_kernel>)
          .nulls = NullRule::own;
    }
    t.add("reverse", "reverse(string or array)", 1, 1, resolve_reverse, reverse_for);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
