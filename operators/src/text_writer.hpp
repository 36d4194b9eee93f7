#pragma once

#include <libstream/batch.hpp>
#include <libstream/schema.hpp>

#include <memory>
#include <string>

namespace libstream {

/// Appends rows as text to one buffer, without memory of its own per row.
class TextWriter {
 public:
  virtual ~TextWriter() = default;
  /// What a file begins with; empty but for CSV headers.
  virtual std::string header() const = 0;
  virtual void write(const Batch& batch, std::string& out) = 0;
};

struct CsvStyle {
  bool header = false;
  char separator = ',';
  char quote = '"';
  std::string null_value;
};

/// One object a line, keys in schema order, nulls left out, timestamps ISO-8601 in UTC, binary as
/// base64, NaN and Infinity as strings.
std::unique_ptr<TextWriter> json_writer(const Schema& schema);
/// Lines end with "\n"; quotes where RFC 4180 asks for them and around empty strings, so that they
/// read back as such and not as null.
std::unique_ptr<TextWriter> csv_writer(const Schema& schema, const CsvStyle& style);

}  // namespace libstream
