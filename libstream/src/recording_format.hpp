#pragma once

#include <libstream/recording.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Messages and frames of recordings as bytes: recording.capnp is the format's document.
namespace libstream {

inline constexpr std::size_t frame_head_bytes = 32;

struct SegmentHead {
  std::uint32_t number = 0;
  std::string source;
  std::string kind;
  std::string query_id;
  std::uint32_t splits = 1;
  Schema schema;
  std::uint64_t previous_bytes = 0;
};

struct FrameHead {
  enum class Kind : std::uint16_t { segment = 1, epoch = 2 };
  Kind kind = Kind::segment;
  std::uint32_t body_bytes = 0;
  std::uint32_t body_crc = 0;
  std::uint64_t chunk_bytes = 0;
};

/// Rows that a partition staged: chunks, and where their bytes are.
struct StagedChunks {
  std::vector<RecordedChunk> chunks;
  std::string bytes;  ///< where they are small, else empty
  std::string file;   ///< name in _staging, else empty
};

std::string encode_segment(const SegmentHead& head);
/// The frame of an epoch as far as its chunks, which the caller appends.
std::string encode_epoch(const RecordedEpoch& epoch);
/// Head of a frame. Throws Error(corrupt) where the bytes are none.
FrameHead decode_frame_head(std::string_view bytes);
/// Bodies, checked against their head. Throw Error(corrupt).
SegmentHead decode_segment(const FrameHead& head, std::string_view body);
RecordedEpoch decode_epoch(const FrameHead& head, std::string_view body);

/// Handles of the recording sink. Decoding throws Error(corrupt).
std::string encode_note(const RecordedEpoch& epoch);
RecordedEpoch decode_note(std::string_view bytes);
std::string encode_staged(const StagedChunks& staged);
StagedChunks decode_staged(std::string_view bytes);

/// Compresses batches to a chunk, whose bytes are appended to `bytes`.
RecordedChunk encode_chunk(const Schema& schema, std::span<const BatchPtr> batches,
                           std::int64_t split, std::string& bytes);
/// Throws Error(corrupt) where the bytes are not those of the chunk.
void check_chunk(const RecordedChunk& chunk, std::string_view bytes);
std::vector<BatchPtr> decode_chunk(const RecordedChunk& chunk, std::string_view bytes,
                                   const Schema& schema);

}  // namespace libstream
