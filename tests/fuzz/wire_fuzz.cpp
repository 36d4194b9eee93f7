// Encoded batches, behind a frame that fits: what is decoded is encoded so that it decodes the
// same.
#include "fuzz_input.hpp"

#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <string>

namespace {

using namespace libstream;

template <class T>
void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// As wire.cpp frames a message: magic, version, length, CRC32C of these and the body, zero.
std::string framed(std::string_view body) {
  std::string bytes = "LSBT";
  append<std::uint32_t>(bytes, 1);
  append<std::uint64_t>(bytes, body.size());
  append<std::uint32_t>(bytes, crc32c(bytes_of(body), crc32c(bytes_of(bytes))));
  append<std::uint32_t>(bytes, 0);
  return bytes.append(body);
}

std::string text_of(const Schema& schema, const std::vector<BatchPtr>& batches) {
  constexpr std::size_t readable = 100'000;  // rows without columns take no bytes
  std::string text = schema.to_string();
  for (const auto& batch : batches) {
    text += "\n" + std::to_string(batch->rows) + " rows";
    if (batch->rows <= readable) text += ": " + to_text(*batch);
  }
  return text;
}

void check(std::string_view bytes) {
  Schema schema;
  const auto batches = decode_batches(bytes, schema);
  Schema again;
  const auto decoded = decode_batches(encode_batches(schema, batches), again);
  LIBSTREAM_ASSERT(text_of(again, decoded) == text_of(schema, batches), "the same rows");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const fuzz::Input input(bytes, size);
  try {
    check(framed(input.rest()));
  } catch (const Error&) {
  }
  return 0;
}
