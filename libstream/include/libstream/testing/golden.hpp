#pragma once

#include <libstream/error.hpp>
#include <libstream/memory.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

namespace golden {

/// A row as a line: its values parted by " | ", line breaks and backslashes in texts escaped.
inline std::string line_of(const Row& row, const Schema& schema) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += " | ";
    for (const char c : to_text(row[i], schema[i].type)) {
      if (c == '\n') {
        line += "\\n";
      } else if (c == '\\') {
        line += "\\\\";
      } else {
        line += c;
      }
    }
  }
  return line;
}

inline std::vector<std::string> sorted_lines(const std::vector<Row>& rows, const Schema& schema) {
  std::vector<std::string> lines;
  for (const auto& row : rows) lines.push_back(line_of(row, schema));
  std::sort(lines.begin(), lines.end());
  return lines;
}

inline void append(std::string& text, const char* sign, const std::vector<std::string>& lines) {
  constexpr std::size_t most = 20;
  for (std::size_t i = 0; i < lines.size() && i < most; ++i) text += sign + lines[i] + "\n";
  if (lines.size() > most) {
    text += sign + std::string("… and ") + std::to_string(lines.size() - most) + " more\n";
  }
}

/// What to read where two multisets of sorted lines differ; empty where they do not.
inline std::string difference(const std::vector<std::string>& wanted,
                              const std::vector<std::string>& found) {
  std::vector<std::string> missing;
  std::vector<std::string> surplus;
  std::set_difference(wanted.begin(), wanted.end(), found.begin(), found.end(),
                      std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(surplus));
  if (missing.empty() && surplus.empty()) return {};
  auto text = std::to_string(missing.size()) + " of " + std::to_string(wanted.size()) +
              " rows missing (-), " + std::to_string(surplus.size()) + " of " +
              std::to_string(found.size()) + " too many (+)\n";
  append(text, "- ", missing);
  append(text, "+ ", surplus);
  return text;
}

}  // namespace golden

/// Compares rows, in any order, with a file that has a line each. Empty where they agree, so
///   CHECK(golden_difference(output, "tests/means.golden") == "");
/// prints what is missing and what is too much. With LIBSTREAM_WRITE_GOLDEN=1 in the environment
/// the file is written instead, which counts as a difference: look at it, and run again without.
/// Throws Error(io) where the file cannot be read or written.
inline std::string golden_difference(const std::vector<Row>& rows, const Schema& schema,
                                     const std::string& path) {
  const auto found = golden::sorted_lines(rows, schema);
  const char* write = std::getenv("LIBSTREAM_WRITE_GOLDEN");
  if (write != nullptr && std::string_view(write) == "1") {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    for (const auto& line : found) file << line << '\n';
    if (!file.flush()) throw Error(ErrorCode::io, "cannot write the golden file " + path);
    return "wrote " + std::to_string(found.size()) + " rows to " + path +
           ": look at them, and run again without LIBSTREAM_WRITE_GOLDEN\n";
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(ErrorCode::io, "cannot read the golden file " + path +
                                   "; run with LIBSTREAM_WRITE_GOLDEN=1 to write it");
  }
  std::vector<std::string> wanted;
  for (std::string line; std::getline(file, line);) wanted.push_back(line);
  std::sort(wanted.begin(), wanted.end());
  const auto text = golden::difference(wanted, found);
  return text.empty() ? text : path + ": " + text;
}

inline std::string golden_difference(const MemoryTable& table, const std::string& path) {
  const auto rows = table.rows();
  const std::lock_guard lock(table.shared()->mutex);
  return golden_difference(rows, table.shared()->schema, path);
}

}  // namespace libstream
