// JSON-lines of rows with every type. The first byte says where the bytes are cut.
#include "fuzz_input.hpp"
#include "json_parser.hpp"
#include "rows_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  static const Schema schema = Schema::parse(
      "a int, b string, c double, d timestamp, e boolean, f decimal(10,2), g array<bigint>, "
      "h struct<x: string, y: smallint>, i date, j binary, k bigint, l float, m decimal(38,0), "
      "_corrupt_record string");
  fuzz::Input input(bytes, size);
  const unsigned cut = input.byte();
  fuzz::check_rows(*json_parser(schema), schema, input.rest(), cut);
  return 0;
}
