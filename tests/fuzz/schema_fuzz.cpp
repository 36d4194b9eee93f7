// Text of schemas and types.
#include "fuzz_input.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  const fuzz::Input input(bytes, size);
  try {
    const auto schema = Schema::parse(input.rest());
    LIBSTREAM_ASSERT(Schema::parse(schema.to_string()) == schema, "text that reads the same");
  } catch (const Error&) {
  }
  try {
    const auto type = DataType::parse(input.rest());
    LIBSTREAM_ASSERT(DataType::parse(type.to_string()) == type, "text that reads the same");
  } catch (const Error&) {
  }
  return 0;
}
