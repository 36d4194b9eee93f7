#include "code_points.hpp"
#include "text_rows.hpp"

#include <libstream/schema.hpp>

#include <array>
#include <utility>

namespace libstream {
namespace {

enum class Charset { ascii, latin, utf8, utf16, utf16_big, utf16_little, utf32 };

constexpr std::array<std::pair<std::string_view, Charset>, 7> charsets{
    {{"us-ascii", Charset::ascii},
     {"iso-8859-1", Charset::latin},
     {"utf-8", Charset::utf8},
     {"utf-16", Charset::utf16},
     {"utf-16be", Charset::utf16_big},
     {"utf-16le", Charset::utf16_little},
     {"utf-32", Charset::utf32}}};

Charset charset_at(const KernelCall& call, std::size_t row) {
  const std::string_view wanted = text_at(call.arguments[1], row);
  for (const auto& [name, charset] : charsets) {
    if (same_name(name, wanted)) return charset;
  }
  fail_row(call, row, "there is no character set " + shown(call.arguments[1], row),
           "use us-ascii, iso-8859-1, utf-8, utf-16, utf-16be, utf-16le or utf-32");
}

void append_unit(std::uint32_t unit, bool little, std::string& out) {
  const auto low = static_cast<char>(unit & 0xff);
  const auto high = static_cast<char>(unit >> 8 & 0xff);
  out += little ? low : high;
  out += little ? high : low;
}

/// False where the character set has no such character.
bool append_encoded(Charset charset, std::uint32_t point, std::string& out) {
  switch (charset) {
    case Charset::ascii:
    case Charset::latin:
      if (point >= (charset == Charset::ascii ? 0x80U : 0x100U)) return false;
      out += static_cast<char>(point);
      return true;
    case Charset::utf8:
      append_code_point(static_cast<std::int32_t>(point), out);
      return true;
    case Charset::utf32:
      append_unit(point >> 16, false, out);
      append_unit(point & 0xffff, false, out);
      return true;
    default: {
      const bool little = charset == Charset::utf16_little;
      if (point < 0x10000) {
        append_unit(point, little, out);
      } else {
        append_unit(0xd800 + ((point - 0x10000) >> 10), little, out);
        append_unit(0xdc00 + ((point - 0x10000) & 0x3ff), little, out);
      }
      return true;
    }
  }
}

ColumnPtr encode_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const Charset charset = charset_at(call, i);
    const std::string_view text = text_at(call.arguments[0], i);
    if (charset == Charset::utf16 && !text.empty()) append_unit(0xfeff, false, out);
    for_characters(text, [&](std::int32_t point, std::string_view) {
      if (point < 0 || !append_encoded(charset, static_cast<std::uint32_t>(point), out)) {
        fail_row(call, i,
                 shown(call.arguments[0], i) + " has a character that is not in " +
                     shown(call.arguments[1], i));
      }
    });
    return true;
  });
}

std::uint32_t unit_at(std::string_view bytes, std::size_t at, bool little) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  const auto second = static_cast<unsigned char>(bytes[at + 1]);
  return little ? first | static_cast<std::uint32_t>(second) << 8
                : static_cast<std::uint32_t>(first) << 8 | second;
}

bool decode_utf16(std::string_view bytes, bool little, std::string& out) {
  if (bytes.size() % 2 != 0) return false;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint32_t point = unit_at(bytes, at, little);
    if (point >= 0xd800 && point < 0xe000) {
      if (point >= 0xdc00 || at + 4 > bytes.size()) return false;
      const std::uint32_t low = unit_at(bytes, at + 2, little);
      if (low < 0xdc00 || low >= 0xe000) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      at += 2;
    }
    append_code_point(static_cast<std::int32_t>(point), out);
  }
  return true;
}

bool decode_utf32(std::string_view bytes, std::string& out) {
  if (bytes.size() % 4 != 0) return false;
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    const std::uint32_t point = unit_at(bytes, at, false) << 16 | unit_at(bytes, at + 2, false);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    append_code_point(static_cast<std::int32_t>(point), out);
  }
  return true;
}

/// False where the bytes are none of the character set.
bool append_decoded(Charset charset, std::string_view bytes, std::string& out) {
  switch (charset) {
    case Charset::ascii:
    case Charset::latin:
      for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (charset == Charset::ascii && byte >= 0x80) return false;
        append_code_point(byte, out);
      }
      return true;
    case Charset::utf8: {
      bool fine = true;
      for_characters(bytes, [&](std::int32_t point, std::string_view) { fine &= point >= 0; });
      out += bytes;
      return fine;
    }
    case Charset::utf32:
      return decode_utf32(bytes, out);
    case Charset::utf16: {
      const bool little = bytes.starts_with("\xff\xfe");
      const bool marked = little || bytes.starts_with("\xfe\xff");
      return decode_utf16(bytes.substr(marked ? 2 : 0), little, out);
    }
    default:
      return decode_utf16(bytes, charset == Charset::utf16_little, out);
  }
}

ColumnPtr decode_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    if (!append_decoded(charset_at(call, i), text_at(call.arguments[0], i), out)) {
      fail_row(call, i, "bytes that are no text of " + shown(call.arguments[1], i));
    }
    return true;
  });
}

std::optional<Signature> resolve_decode(std::span<const BoundPtr> a) {
  const bool bytes =
      is_id(a[0], TypeId::binary) || is_id(a[0], TypeId::string) || is_id(a[0], TypeId::null);
  if (!bytes || !is_scalar(a[1])) return std::nullopt;
  return signature({TypeId::binary, TypeId::string}, TypeId::string);
}

}  // namespace

std::span<const Function> encoding_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("encode", "encode(string, charset)", 2, 2,
          takes<TypeId::string, TypeId::string, TypeId::binary>, always<encode_kernel>)
        .fallible = true;
    t.add("decode", "decode(binary, charset)", 2, 2, resolve_decode, always<decode_kernel>)
        .fallible = true;
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
