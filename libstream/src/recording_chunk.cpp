#include "recording_format.hpp"

#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <lz4.h>

namespace libstream {
namespace {

[[noreturn]] void corrupt(const std::string& what) { throw Error(ErrorCode::corrupt, what); }

std::uint32_t crc_of(std::string_view bytes) {
  return crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

/// LZ4 cannot shrink by more.
constexpr std::uint64_t best_ratio = 255;

}  // namespace

RecordedChunk encode_chunk(const Schema& schema, std::span<const BatchPtr> batches,
                           std::int64_t split, std::string& bytes) {
  const auto raw = encode_batches(schema, batches);
  if (raw.size() > LZ4_MAX_INPUT_SIZE) {
    throw Error(ErrorCode::unsupported, "a batch of " + std::to_string(raw.size()) +
                                            " bytes is too large to record; its source must make "
                                            "smaller ones");
  }
  const auto begin = bytes.size();
  const auto room = LZ4_compressBound(static_cast<int>(raw.size()));
  bytes.resize(begin + static_cast<std::size_t>(room));
  const auto size =
      LZ4_compress_default(raw.data(), bytes.data() + begin, static_cast<int>(raw.size()), room);
  LIBSTREAM_ASSERT(size > 0, "there is room for any input");
  bytes.resize(begin + static_cast<std::size_t>(size));
  RecordedChunk chunk;
  chunk.bytes = static_cast<std::uint32_t>(size);
  chunk.raw_bytes = static_cast<std::uint32_t>(raw.size());
  chunk.crc = crc_of(std::string_view(bytes).substr(begin));
  for (const auto& batch : batches) chunk.rows += static_cast<std::uint32_t>(batch->rows);
  chunk.split = split;
  return chunk;
}

void check_chunk(const RecordedChunk& chunk, std::string_view bytes) {
  if (bytes.size() != chunk.bytes) corrupt("rows are cut off");
  if (crc_of(bytes) != chunk.crc) corrupt("the checksum of rows is wrong");
}

std::vector<BatchPtr> decode_chunk(const RecordedChunk& chunk, std::string_view bytes,
                                   const Schema& schema) {
  check_chunk(chunk, bytes);
  if (chunk.raw_bytes > best_ratio * chunk.bytes + 64) corrupt("the size of rows makes no sense");
  std::string raw(chunk.raw_bytes, '\0');
  const auto size =
      LZ4_decompress_safe(bytes.data(), raw.data(), static_cast<int>(bytes.size()),
                          static_cast<int>(raw.size()));
  if (size < 0 || static_cast<std::size_t>(size) != raw.size()) {
    corrupt("rows cannot be decompressed");
  }
  Schema found;
  auto batches = decode_batches(raw, found);
  std::uint64_t rows = 0;
  for (const auto& batch : batches) rows += batch->rows;
  if (!(found == schema) || rows != chunk.rows) corrupt("rows are not those announced");
  return batches;
}

}  // namespace libstream
