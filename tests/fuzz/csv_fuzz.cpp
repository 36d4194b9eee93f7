// CSV rows with every type a cell can have. The first byte says where the bytes are cut, the bits
// of the second one how the file is written.
#include "csv_parser.hpp"
#include "fuzz_input.hpp"
#include "rows_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace libstream;
  static const Schema schema = Schema::parse(
      "a int, b string, c double, d timestamp, e boolean, f decimal(10,2), i date, j binary, "
      "k bigint, _corrupt_record string");
  fuzz::Input input(bytes, size);
  const unsigned cut = input.byte();
  const unsigned style = input.byte();
  FileFormat format;
  format.kind = FileFormat::Kind::csv;
  format.header = (style & 1) != 0;
  if ((style & 2) != 0) format.separator = ';';
  if ((style & 4) != 0) format.quote = '\0';
  if ((style & 8) != 0) format.escape = '\\';
  if ((style & 16) != 0) format.null_value = "NA";
  fuzz::check_rows(*csv_parser(schema, format), schema, input.rest(), cut);
  return 0;
}
