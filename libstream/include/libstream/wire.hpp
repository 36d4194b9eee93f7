#pragma once

#include <libstream/batch.hpp>

#include <span>
#include <string>

namespace libstream {

/// Batches as bytes: a Cap'n Proto message with one Data blob per column buffer, framed by magic,
/// version, length and CRC32C. Little-endian, machine-independent. Used for staged rows, journals
/// and recordings.
std::string encode_batches(const Schema& schema, std::span<const BatchPtr> batches);
/// Throws Error(corrupt) on anything malformed: lengths are checked before memory is taken.
std::vector<BatchPtr> decode_batches(std::string_view bytes, Schema& schema);

}  // namespace libstream
