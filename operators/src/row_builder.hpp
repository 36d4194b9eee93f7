#pragma once

#include <libstream/batch.hpp>
#include <libstream/source.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// What becomes of a row that cannot be read: option "mode".
enum class MalformedMode : std::uint8_t { permissive, drop, fail_fast };

/// Columns under construction, row by row, with the rule for malformed rows.
class RowBuilder {
 public:
  /// `corrupt_column`: takes the text of malformed rows where the schema has it as a string.
  RowBuilder(const Schema& schema, std::string_view corrupt_column, MalformedMode mode);

  ColumnBuilder& column(std::size_t index) { return columns_[index]; }
  std::size_t columns() const { return columns_.size(); }
  std::size_t rows() const { return rows_; }
  std::optional<std::size_t> corrupt_column() const { return corrupt_; }
  /// Enough rows or bytes for a batch.
  bool full() const { return rows_ >= limit_rows_ || string_bytes_ >= limit_bytes_; }
  void add_bytes(std::size_t bytes) { string_bytes_ += bytes; }

  /// Ends a row; columns that it did not set become null.
  void end_row();
  /// Ends a row whose columns were all set.
  void end_full_row() {
    ++rows_;
    ++metrics_.rows;
  }
  /// Takes back what was appended since the last end of a row.
  void discard_row();
  /// Counts a malformed record and keeps, drops or throws as the mode says.
  void malformed(std::string_view text, std::string_view reason);

  void start_file(const std::string& path);
  void add_lines(std::uint64_t lines) { line_ += lines; }
  const std::string& path() const { return path_; }

  BatchPtr finish();
  void reset_metrics() { metrics_ = {}; }
  const SourceMetrics& metrics() const { return metrics_; }

 private:
  std::vector<ColumnBuilder> columns_;
  std::optional<std::size_t> corrupt_;
  MalformedMode mode_;
  std::size_t rows_ = 0;
  std::size_t limit_rows_ = 0;
  std::size_t limit_bytes_ = 0;
  std::size_t string_bytes_ = 0;
  std::uint64_t line_ = 1;  ///< of the record being read
  std::string path_;
  SourceMetrics metrics_;
};

}  // namespace libstream
