#pragma once

#include "row_builder.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace libstream {

/// Bytes of a file from a record's beginning; 64 zero bytes are readable behind `end`.
struct Chunk {
  const char* begin = nullptr;
  const char* end = nullptr;
  bool last = false;        ///< the file ends at `end`
  bool valid_utf8 = false;  ///< all complete lines are UTF-8; false: unknown
};

/// Splits bytes into records and puts their fields into columns. One object a reader.
class RecordParser {
 public:
  virtual ~RecordParser() = default;
  virtual void start_file(const std::string& path) = 0;
  /// Parses whole records until `rows` is full or none is left; returns the bytes taken. Nothing
  /// taken with a row builder that is not full: more bytes are needed.
  virtual std::size_t parse(const Chunk& chunk, RowBuilder& rows) = 0;
};

/// Longest record; longer ones are malformed, so that a missing line end or quote cannot take all
/// memory.
inline constexpr std::size_t record_limit_bytes = 16 * 1024 * 1024;

/// A record on a line of its own, without its line end ("\n" or "\r\n").
struct Line {
  std::string_view text;
  std::size_t taken = 0;  ///< bytes with the line end; 0: incomplete
};
Line next_line(const char* begin, const Chunk& chunk);

/// Bytes of a byte order mark at the begin of a file's first chunk: 3 or 0.
std::size_t byte_order_mark(const Chunk& chunk);

}  // namespace libstream
