#pragma once

#include "row_builder.hpp"

#include <libstream/logical_plan.hpp>
#include <libstream/source.hpp>

#include <memory>
#include <string>

namespace libstream {

/// How a file's bytes become rows.
struct FileFormat {
  enum class Kind : std::uint8_t { json, csv, text };
  Kind kind = Kind::json;
  MalformedMode mode = MalformedMode::permissive;
  std::string corrupt_column = "_corrupt_record";
  // CSV
  bool header = false;
  char separator = ',';
  char quote = '"';   ///< 0: no quoting
  char escape = '"';  ///< besides the doubled quote
  std::string null_value;
};

/// How much an epoch takes, and in which order.
struct FileSelection {
  enum class Order : std::uint8_t { time, name };
  Order order = Order::time;
  std::uint64_t max_files = 0;  ///< 0: no limit
  std::uint64_t max_bytes = 0;
  std::string glob;  ///< of names; empty: all
};

/// Files of a directory; new files are new data. A position is the number of files taken; their
/// names are state, so that a file is read once. Takes names as they are found: a file must appear
/// whole (written elsewhere, then renamed).
std::shared_ptr<Source> file_source(const SourceSpec& spec, const Environment& environment);

/// Throws Error(invalid_argument) for options that do not exist, contradict or do not parse.
FileFormat file_format(const SourceSpec& spec);
FileSelection file_selection(const SourceSpec& spec);

/// Reads the files named by units of `file_unit`.
std::unique_ptr<SourceReader> file_reader(const Schema& schema, const FileFormat& format,
                                          std::shared_ptr<FileSystem> files);
ReadUnit file_unit(const std::string& path, std::uint64_t size);

}  // namespace libstream
