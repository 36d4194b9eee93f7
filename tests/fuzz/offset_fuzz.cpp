// Offsets of sources, as a decision records them.
#include "fuzz_input.hpp"
#include "offset_json.hpp"

#include <libstream/error.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  const fuzz::Input input(bytes, size);
  try {
    const auto value = read_offset(Offset(input.rest()), "files");
    LIBSTREAM_ASSERT(read_offset(make_offset("files", value), "files") == value,
                     "what was read is written so that it reads the same");
  } catch (const Error&) {
  }
  return 0;
}
