#pragma once

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>

#include <string>
#include <string_view>

namespace libstream::checkpoint {

/// What a file of a checkpoint holds; the character is part of its magic.
enum class FileKind : char {
  meta = 'M',
  entry = 'E',
  changes = 'C',
  handle = 'H',
  run = 'R',
};

/// Puts a body between magic, version, length and CRC32C:
///   "lstream" kind(1) | version u32 | zero u32 | length u64 | body | crc u32, little-endian;
/// the CRC covers all before it. Header and body are multiples of 8 bytes for Cap'n Proto.
std::string frame(FileKind kind, std::string body);

/// Checks everything and returns the body, a view into `bytes`. `what` names file and epoch in the
/// Error(corrupt); a whole file of a newer version is Error(incompatible).
std::string_view unframe(FileKind kind, std::string_view bytes, const std::string& what);

constexpr std::size_t frame_overhead = 28;

/// The CRC at the end of a frame.
std::uint32_t frame_crc(std::string_view bytes);

std::span<const std::byte> as_bytes(std::string_view text);

}  // namespace libstream::checkpoint
