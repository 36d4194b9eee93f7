#include "rows_fuzz.hpp"

#include "scalar_text.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace libstream::fuzz {
namespace {

constexpr std::size_t padding = 64;  // as Chunk promises

struct Parsed {
  std::string rows;
  SourceMetrics metrics;
};

bool lines_are_utf8(const char* begin, std::size_t size, bool last) {
  while (!last && size > 0 && begin[size - 1] != '\n') --size;
  const std::string_view lines(begin, size);
  return replace_invalid_utf8(lines) == lines;
}

Parsed parse(RecordParser& parser, const Schema& schema, std::string_view bytes,
             std::size_t first) {
  RowBuilder rows(schema, "_corrupt_record", MalformedMode::permissive);
  Parsed parsed;
  const auto take = [&] {
    if (rows.rows() > 0) parsed.rows += to_text(*rows.finish()) + "\n";
  };
  parser.start_file("input");
  rows.start_file("input");
  std::size_t at = 0;
  std::size_t end = first;
  // Exactly as long as is promised, for the address sanitizer to see what is read behind it.
  std::vector<char> memory;
  const auto fill = [&] {
    memory.assign(end - at + padding, '\0');
    std::memcpy(memory.data(), bytes.data() + at, end - at);
    return at;
  };
  std::size_t filled = fill();
  while (at < bytes.size()) {
    const bool last = end == bytes.size();
    const char* begin = memory.data() + (at - filled);
    const Chunk chunk{begin, begin + (end - at), last, lines_are_utf8(begin, end - at, last)};
    const auto taken = at == end ? 0 : parser.parse(chunk, rows);
    at += taken;
    if (rows.full()) {
      take();
    } else if (at < end && last) {
      LIBSTREAM_ASSERT(taken > 0, "a parser takes every record of a whole file");
    } else if (!last) {
      end = bytes.size();
      filled = fill();
    }
  }
  take();
  parsed.metrics = rows.metrics();
  return parsed;
}

}  // namespace

void check_rows(RecordParser& parser, const Schema& schema, std::string_view bytes, unsigned cut) {
  const auto whole = parse(parser, schema, bytes, bytes.size());
  const auto parts = parse(parser, schema, bytes, bytes.size() * (cut % 256) / 256);
  LIBSTREAM_ASSERT(whole.rows == parts.rows, "a chunk's end changes no row");
  LIBSTREAM_ASSERT(whole.metrics.rows == parts.metrics.rows &&
                       whole.metrics.malformed_rows == parts.metrics.malformed_rows,
                   "a chunk's end changes no count");
}

}  // namespace libstream::fuzz
