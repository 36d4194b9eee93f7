#include "frame.hpp"

#include <libstream/error.hpp>

#include <cstring>

namespace libstream::checkpoint {
namespace {

constexpr std::string_view magic = "lstream";
constexpr std::uint32_t version = 1;
constexpr std::size_t header_size = 24;
constexpr std::size_t crc_size = 4;

template <typename T>
void append_little_endian(std::string& to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

template <typename T>
T little_endian(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
  }
  return value;
}

std::string hexadecimal(std::uint32_t value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) {
    text[7 - i] = digits[(value >> (4 * i)) & 0xf];
  }
  return text;
}

[[noreturn]] void corrupt(const std::string& what, const std::string& why) {
  throw Error(ErrorCode::corrupt, what + " is corrupt: " + why +
                                      "; restore the checkpoint from a copy, or start over with "
                                      "an empty checkpoint and an empty output");
}

}  // namespace

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

std::string frame(FileKind kind, std::string body) {
  std::string header;
  header.append(magic);
  header.push_back(static_cast<char>(kind));
  append_little_endian<std::uint32_t>(header, version);
  append_little_endian<std::uint32_t>(header, 0);
  append_little_endian<std::uint64_t>(header, body.size());
  // Moved up within its memory, where that has room: large ones would be made anew page by page.
  body.insert(0, header);
  append_little_endian<std::uint32_t>(body, crc32c(as_bytes(body)));
  return body;
}

std::uint32_t frame_crc(std::string_view bytes) {
  LIBSTREAM_ASSERT(bytes.size() >= header_size + crc_size, "a frame has a header and a CRC");
  return little_endian<std::uint32_t>(bytes, bytes.size() - crc_size);
}

std::string_view unframe(FileKind kind, std::string_view bytes, const std::string& what) {
  if (bytes.size() < header_size + crc_size) {
    corrupt(what, std::to_string(bytes.size()) + " bytes are less than any such file has (CRC " +
                      hexadecimal(crc32c(as_bytes(bytes))) + ")");
  }
  const auto stored = frame_crc(bytes);
  const auto actual = crc32c(as_bytes(bytes.substr(0, bytes.size() - crc_size)));
  if (stored != actual) {
    corrupt(what, "its CRC32C is " + hexadecimal(actual) + ", but " + hexadecimal(stored) +
                      " was stored");
  }
  const auto crc = " (CRC " + hexadecimal(stored) + ")";
  if (bytes.substr(0, magic.size()) != magic) {
    corrupt(what, "it does not begin with the mark of a checkpoint file" + crc);
  }
  const auto file_version = little_endian<std::uint32_t>(bytes, 8);
  if (file_version > version) {
    throw Error(ErrorCode::incompatible,
                what + " has format " + std::to_string(file_version) +
                    ", which a newer libstream wrote; this one reads formats up to " +
                    std::to_string(version) + ": use the newer one");
  }
  if (bytes[magic.size()] != static_cast<char>(kind)) {
    corrupt(what, std::string("it is a file of kind '") + bytes[magic.size()] + "', not '" +
                      static_cast<char>(kind) + "'" + crc);
  }
  const auto length = little_endian<std::uint64_t>(bytes, 16);
  if (length != bytes.size() - header_size - crc_size) {
    corrupt(what, "its header says " + std::to_string(length) + " bytes, it has " +
                      std::to_string(bytes.size() - header_size - crc_size) + crc);
  }
  return bytes.substr(header_size, bytes.size() - header_size - crc_size);
}

}  // namespace libstream::checkpoint
