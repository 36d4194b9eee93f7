// Entries of the log and `meta`: any bytes are an Error, or something that is written again the
// same way. A first byte of 0: bytes as they are; 1: the body of an entry; else: of `meta`. The
// frame around a body is put right, for no fuzzer finds a CRC.
#include "entry_codec.hpp"
#include "frame.hpp"
#include "fuzz_input.hpp"

#include <libstream/error.hpp>

#include <string>

namespace {

using namespace libstream;
using namespace libstream::checkpoint;

constexpr std::uint64_t index = 3;
const std::string query = "query-1";

void entry(std::string_view bytes) {
  const auto stored = decode_entry(bytes, index, query, "the input");
  const auto written = encode_entry(stored, query);
  const auto again = decode_entry(written, index, query, "what was written");
  LIBSTREAM_ASSERT(encode_entry(again, query) == written, "what was read is written the same");
}

void meta(std::string_view bytes) {
  const auto written = encode_meta(decode_meta(bytes, "the input"));
  const auto again = encode_meta(decode_meta(written, "what was written"));
  LIBSTREAM_ASSERT(again == written, "what was read is written the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::Input input(bytes, size);
  try {
    switch (input.byte()) {
      case 0:
        entry(input.rest());
        break;
      case 1:
        entry(frame(FileKind::entry, std::string(input.rest())));
        break;
      default:
        meta(frame(FileKind::meta, std::string(input.rest())));
    }
  } catch (const Error&) {
  }
  return 0;
}
