// Recordings: the first byte chooses what the rest is. Checksums are put right, for no fuzzer finds
// one.
#include "fuzz_input.hpp"
#include "recording_format.hpp"

#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <cstring>
#include <string>

namespace {

using namespace libstream;

std::uint32_t crc_of(std::string_view bytes) {
  return crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

void note(std::string_view bytes) {
  const auto written = encode_note(decode_note(bytes));
  LIBSTREAM_ASSERT(encode_note(decode_note(written)) == written, "read and written the same");
}

void staged(std::string_view bytes) {
  const auto written = encode_staged(decode_staged(bytes));
  LIBSTREAM_ASSERT(encode_staged(decode_staged(written)) == written, "read and written the same");
}

void segment(std::string_view bytes) {
  FrameHead head;
  head.body_bytes = static_cast<std::uint32_t>(bytes.size());
  head.body_crc = crc_of(bytes);
  const auto written = encode_segment(decode_segment(head, bytes));
  const auto found = decode_frame_head(std::string_view(written).substr(0, frame_head_bytes));
  const auto body = std::string_view(written).substr(frame_head_bytes);
  LIBSTREAM_ASSERT(encode_segment(decode_segment(found, body)) == written,
                   "read and written the same");
}

void frame_head(std::string_view bytes) {
  std::string head(bytes.substr(0, frame_head_bytes));
  head.resize(frame_head_bytes);
  const auto crc =
      crc_of(std::string_view(head).substr(0, frame_head_bytes - sizeof(std::uint32_t)));
  std::memcpy(head.data() + frame_head_bytes - sizeof crc, &crc, sizeof crc);
  decode_frame_head(head);
}

/// A compressed block, behind four bytes each that say how many bytes and rows it holds.
void chunk(std::string_view bytes) {
  static const Schema schema = Schema::parse("a bigint, b string");
  RecordedChunk chunk;
  if (bytes.size() < 8) return;
  std::memcpy(&chunk.raw_bytes, bytes.data(), sizeof chunk.raw_bytes);
  std::memcpy(&chunk.rows, bytes.data() + 4, sizeof chunk.rows);
  bytes.remove_prefix(8);
  chunk.bytes = static_cast<std::uint32_t>(bytes.size());
  chunk.crc = crc_of(bytes);
  check_chunk(chunk, bytes);
  std::uint64_t rows = 0;
  for (const auto& batch : decode_chunk(chunk, bytes, schema)) rows += rows_of(*batch).size();
  LIBSTREAM_ASSERT(rows == chunk.rows, "as many rows as announced");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::Input input(bytes, size);
  const auto choice = input.byte();
  try {
    switch (choice % 5) {
      case 0:
        note(input.rest());
        break;
      case 1:
        staged(input.rest());
        break;
      case 2:
        segment(input.rest());
        break;
      case 3:
        frame_head(input.rest());
        break;
      default:
        chunk(input.rest());
    }
  } catch (const Error&) {
  }
  return 0;
}
