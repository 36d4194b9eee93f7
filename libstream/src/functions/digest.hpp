#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace libstream {

// Digests as raw bytes (RFC 1321, FIPS 180-4), for SQL functions; not for secrets.
std::string md5_digest(std::string_view bytes);
std::string sha1_digest(std::string_view bytes);
/// `bits`: 224, 256 (or 0), 384 or 512; empty for others.
std::string sha2_digest(std::string_view bytes, std::int32_t bits);
std::uint32_t crc32_checksum(std::string_view bytes);

}  // namespace libstream
