// Expression text: an Error with a place, or an expression whose text reads the same.
#include "fuzz_input.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  const fuzz::Input input(bytes, size);
  std::string text;
  try {
    text = expr(input.rest()).to_string();
  } catch (const Error&) {
    return 0;
  }
  const auto again = expr(text).to_string();  // an Error here is a bug
  LIBSTREAM_ASSERT(again == text, "text that reads the same");
  return 0;
}
