// Expression text: an Error with a place, or an expression whose text reads the same. The text has
// parentheses of its own, so that of an expression near the limit of depth may be beyond it.
#include "fuzz_input.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>

#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  const fuzz::Input input(bytes, size);
  std::string text;
  try {
    text = expr(input.rest()).to_string();
  } catch (const Error&) {
    return 0;
  }
  std::string again;
  try {
    again = expr(text).to_string();
  } catch (const Error& error) {
    const bool deep =
        std::string_view(error.what()).find("is nested more than") != std::string::npos;
    LIBSTREAM_ASSERT(deep, error.what());
    return 0;
  }
  LIBSTREAM_ASSERT(again == text, "text that reads the same");
  return 0;
}
