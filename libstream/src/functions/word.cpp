#include "code_points.hpp"
#include "text_rows.hpp"
#include "utf8.hpp"

#include <array>

namespace libstream {
namespace {

constexpr auto text = TypeId::string;
constexpr auto whole = TypeId::integer;

/// overlay(text, replacement, position[, length]): without a length that of the replacement.
ColumnPtr overlay_kernel(const KernelCall& call) {
  constexpr std::int64_t to_end = std::numeric_limits<std::int32_t>::max();
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view into = text_at(call.arguments[0], i);
    const std::string_view by = text_at(call.arguments[1], i);
    const std::int64_t position = value_at<std::int32_t>(call.arguments[2], i);
    const std::int64_t given =
        call.arguments.size() == 4 ? value_at<std::int32_t>(call.arguments[3], i) : -1;
    const std::int64_t length = given >= 0 ? given : characters(by);
    out += sql_substring(into, 1, position - 1);
    out += by;
    out += sql_substring(into, position + length, to_end);
    return true;
  });
}

/// elt(n, text, …): the n-th of the others, from 1.
ColumnPtr elt_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    if (call.arguments[0].is_null(i)) return false;
    const std::int64_t index = value_at<std::int32_t>(call.arguments[0], i);
    const auto last = static_cast<std::int64_t>(call.arguments.size()) - 1;
    if (index < 1 || index > last) {
      fail_row(call, i,
               "there is no text " + std::to_string(index) + " among " + std::to_string(last));
    }
    const Vector& chosen = call.arguments[static_cast<std::size_t>(index)];
    if (chosen.is_null(i)) return false;
    out = text_at(chosen, i);
    return true;
  });
}

/// Place of a word in "a,b,c" from 1; 0 = not there.
ColumnPtr find_in_set_kernel(const KernelCall& call) {
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    const std::string_view word = text_at(call.arguments[0], i);
    std::string_view rest = text_at(call.arguments[1], i);
    if (word.find(',') != std::string_view::npos) return true;
    for (std::int32_t place = 1;; ++place) {
      const std::size_t end = rest.find(',');
      if (rest.substr(0, end) == word) {
        out = place;
        return true;
      }
      if (end == std::string_view::npos) return true;
      rest.remove_prefix(end + 1);
    }
  });
}

/// The letter and three digits of Soundex; texts that begin with no ASCII letter stay.
ColumnPtr soundex_kernel(const KernelCall& call) {
  //                                   ABCDEFGHIJKLMNOPQRSTUVWXYZ
  constexpr std::string_view codes = "01230127022455012623017202";
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  const auto code_of = [&](char c) {
    return c >= 'A' && c <= 'Z' ? codes[static_cast<std::size_t>(c - 'A')] : '0';
  };
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string_view word = text_at(call.arguments[0], i);
    const char first = word.empty() ? '\0' : upper(word[0]);
    if (first < 'A' || first > 'Z') {
      out = word;
      return true;
    }
    out += first;
    char last = code_of(first);
    for (std::size_t at = 1; at < word.size() && out.size() < 4; ++at) {
      const char code = code_of(upper(word[at]));
      if (code == '7') continue;  // H and W do not part equal codes
      if (code != '0' && code != last) out += code;
      last = code;
    }
    out.resize(4, '0');
    return true;
  });
}

/// mask(text[, upper[, lower[, digit[, other]]]]): null leaves characters of that kind.
ColumnPtr mask_kernel(const KernelCall& call) {
  std::array<std::string_view, 4> by{"X", "x", "n", ""};
  std::array<bool, 4> keeps{false, false, false, true};
  return make_texts(call, [&](std::size_t i, std::string& out) {
    if (call.arguments[0].is_null(i)) return false;
    for (std::size_t kind = 0; kind + 1 < call.arguments.size(); ++kind) {
      const Vector& argument = call.arguments[kind + 1];
      keeps[kind] = argument.is_null(i);
      if (keeps[kind]) continue;
      by[kind] = text_at(argument, i);
      if (characters(by[kind]) != 1) {
        fail_row(call, i, "mask takes single characters, not " + shown(argument, i));
      }
    }
    for_characters(text_at(call.arguments[0], i), [&](std::int32_t point, std::string_view bytes) {
      const auto category = point < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(point);
      const std::size_t kind = category == UTF8PROC_CATEGORY_LU   ? 0
                               : category == UTF8PROC_CATEGORY_LL ? 1
                               : category == UTF8PROC_CATEGORY_ND ? 2
                                                                  : 3;
      out += keeps[kind] ? bytes : by[kind];
    });
    return true;
  });
}

/// Luhn, "Computer for verifying numbers", US patent 2950048.
ColumnPtr luhn_kernel(const KernelCall& call) {
  return make_values<std::uint8_t>(call, [&](std::size_t i, std::uint8_t& out) {
    const std::string_view digits = text_at(call.arguments[0], i);
    int sum = 0;
    bool twice = false;
    for (std::size_t at = digits.size(); at-- > 0; twice = !twice) {
      if (digits[at] < '0' || digits[at] > '9') return true;
      const int digit = (digits[at] - '0') * (twice ? 2 : 1);
      sum += digit > 9 ? digit - 9 : digit;
    }
    out = !digits.empty() && sum % 10 == 0 ? 1 : 0;
    return true;
  });
}

/// In single quotes, with a backslash before those inside.
ColumnPtr quote_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    out += '\'';
    for (const char c : text_at(call.arguments[0], i)) {
      if (c == '\'') out += '\\';
      out += c;
    }
    out += '\'';
    return true;
  });
}

ColumnPtr bit_length_kernel(const KernelCall& call) {
  return map_values<std::int32_t, StringView>(call,
                                              [](const StringView& a) { return a.length * 8; });
}

std::optional<Signature> resolve_mask(std::span<const BoundPtr> a) {
  for (const BoundPtr& argument : a) {
    if (!is_scalar(argument)) return std::nullopt;
  }
  return signature(std::vector<DataType>(a.size(), text), text, a[0]->nullable);
}
std::optional<Signature> resolve_elt(std::span<const BoundPtr> a) {
  auto result = resolve_mask(a);
  if (!result) return result;
  const bool bytes = std::all_of(a.begin() + 1, a.end(), [](const BoundPtr& argument) {
    return is_id(argument, TypeId::binary);
  });
  if (bytes) result->arguments.assign(a.size(), TypeId::binary);
  if (bytes) result->type = TypeId::binary;
  result->arguments[0] = whole;
  result->nullable = true;
  return result;
}
std::optional<Signature> resolve_overlay(std::span<const BoundPtr> a) {
  std::vector<DataType> types{text, text, whole, whole};
  types.resize(a.size());
  if (!is_scalar(a[0]) || !is_scalar(a[1])) return std::nullopt;
  return signature(std::move(types), text);
}
std::optional<Signature> resolve_bit_length(std::span<const BoundPtr> a) {
  if (!is_scalar(a[0])) return std::nullopt;
  return signature({is_id(a[0], TypeId::binary) ? TypeId::binary : text}, whole);
}

}  // namespace

std::span<const Function> word_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("overlay", "overlay(string, replacement, position[, length])", 3, 4, resolve_overlay,
          always<overlay_kernel>);
    t.add("elt", "elt(n, string, …)", 2, any_number, resolve_elt, always<elt_kernel>);
    t.back().nulls = NullRule::own;
    t.back().fallible = true;
    t.add("find_in_set", "find_in_set(string, 'a,b,c')", 2, 2, takes<text, text, whole>,
          always<find_in_set_kernel>);
    t.add("soundex", "soundex(string)", 1, 1, takes<text, text>, always<soundex_kernel>);
    t.add("mask", "mask(string[, upper[, lower[, digit[, other]]]])", 1, 5, resolve_mask,
          always<mask_kernel>);
    t.back().nulls = NullRule::own;
    t.back().fallible = true;
    t.add("luhn_check", "luhn_check(string of digits)", 1, 1, takes<text, TypeId::boolean>,
          always<luhn_kernel>);
    t.add("quote", "quote(string)", 1, 1, takes<text, text>, always<quote_kernel>);
    t.add("bit_length", "bit_length(string or binary)", 1, 1, resolve_bit_length,
          always<bit_length_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
