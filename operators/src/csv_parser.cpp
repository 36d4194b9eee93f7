#include "csv_parser.hpp"

#include "scalar_text.hpp"

#include <simdjson.h>

#include <algorithm>

namespace libstream {
namespace {

constexpr std::size_t absent = ~std::size_t{0};

class CsvParser final : public RecordParser {
 public:
  CsvParser(const Schema& schema, const FileFormat& format) : schema_(schema), format_(format) {}

  void start_file(const std::string&) override {
    first_ = true;
    header_pending_ = format_.header;
    by_position_ = true;
  }

  std::size_t parse(const Chunk& chunk, RowBuilder& rows) override {
    const char* p = chunk.begin;
    if (first_) p += byte_order_mark(chunk);
    while (!rows.full() && p != chunk.end) {
      const char* const next = split(p, chunk);
      if (next == nullptr) break;
      const std::string_view record(p, static_cast<std::size_t>(next - p));
      take_record(record, chunk.valid_utf8, rows);
      rows.add_lines(lines_);
      p = next;
    }
    first_ = first_ && p == chunk.begin;
    return static_cast<std::size_t>(p - chunk.begin);
  }

 private:
  struct Cell {
    const char* begin = nullptr;  ///< nullptr: in `unescaped_`
    std::size_t offset = 0;
    std::size_t size = 0;
    bool quoted = false;
  };

  std::string_view text(const Cell& cell) const {
    return {cell.begin ? cell.begin : unescaped_.data() + cell.offset, cell.size};
  }

  /// Splits one record into `cells_`; returns what follows its line end, nullptr where it is cut.
  const char* split(const char* p, const Chunk& chunk) {
    cells_.clear();
    unescaped_.clear();
    error_ = nullptr;
    lines_ = 1;
    while (true) {
      Cell cell;
      if (p != chunk.end && *p == format_.quote && format_.quote != '\0') {
        p = read_quoted(p + 1, chunk, cell);
        if (p == nullptr) return nullptr;
      } else {
        cell.begin = p;
        while (p != chunk.end && *p != format_.separator && *p != '\n') ++p;
        cell.size = static_cast<std::size_t>(p - cell.begin);
        const bool line_end = p == chunk.end || *p == '\n';
        if (line_end && cell.size > 0 && p[-1] == '\r') --cell.size;
      }
      cells_.push_back(cell);
      if (p == chunk.end) return chunk.last ? p : nullptr;
      if (*p++ == '\n') return p;
    }
  }

  /// From behind the opening quote to the separator or line end; nullptr where the record is cut.
  const char* read_quoted(const char* p, const Chunk& chunk, Cell& cell) {
    cell.quoted = true;
    cell.begin = p;
    bool plain = true;
    const char* closed = nullptr;
    while (p != chunk.end) {
      const char c = *p;
      const bool more = p + 1 != chunk.end;
      if (!more && !chunk.last && (c == format_.quote || c == format_.escape)) return nullptr;
      const bool escapes = c == format_.escape && format_.escape != format_.quote && more &&
                           (p[1] == format_.quote || p[1] == format_.escape);
      if (escapes || (c == format_.quote && more && p[1] == format_.quote)) {
        keep_before(cell, p, plain);
        unescaped_ += p[1];
        p += 2;
        continue;
      }
      if (c == format_.quote) {
        closed = p;
        break;
      }
      if (c == '\n') ++lines_;
      if (!plain) unescaped_ += c;
      ++p;
    }
    return finish_quoted(closed, chunk, cell, plain);
  }

  /// Moves what was read of a cell so far to `unescaped_`.
  void keep_before(Cell& cell, const char* p, bool& plain) {
    if (!plain) return;
    plain = false;
    cell.offset = unescaped_.size();
    unescaped_.append(cell.begin, p);
  }

  const char* finish_quoted(const char* closed, const Chunk& chunk, Cell& cell, bool plain) {
    if (closed == nullptr) {
      if (!chunk.last) return nullptr;
      error_ = "a quoted field is not closed";
      closed = chunk.end;
    }
    if (plain) {
      cell.size = static_cast<std::size_t>(closed - cell.begin);
    } else {
      cell.begin = nullptr;
      cell.size = unescaped_.size() - cell.offset;
    }
    const char* p = closed == chunk.end ? closed : closed + 1;
    const char* const behind = p;
    while (p != chunk.end && *p != format_.separator && *p != '\n') ++p;
    const bool line_end = p == chunk.end || *p == '\n';
    const bool carriage = line_end && p == behind + 1 && *behind == '\r';
    if (p != behind && !carriage) error_ = "there is text behind a closing quote";
    return p;
  }

  void take_record(std::string_view record, bool valid_utf8, RowBuilder& rows) {
    if (cells_.size() == 1 && !cells_[0].quoted && cells_[0].size == 0) return;
    while (!record.empty() && (record.back() == '\n' || record.back() == '\r')) {
      record.remove_suffix(1);
    }
    if (header_pending_) {
      header_pending_ = false;
      read_header(rows);
      return;
    }
    if (by_position_) {
      by_position_ = false;
      set_positions(rows);
    }
    if (record.size() > record_limit_bytes) {
      rows.malformed(record.substr(0, 1024), "the record is longer than 16 MiB");
      return;
    }
    const bool clean = valid_utf8 || simdjson::validate_utf8(record.data(), record.size());
    if (error_ == nullptr && cells_.size() != width_) {
      reason_ = std::to_string(cells_.size()) + " fields instead of " + std::to_string(width_);
      error_ = reason_.c_str();
    }
    for (std::size_t i = 0; error_ == nullptr && i < schema_.size(); ++i) {
      if (!append_cell(i, clean, rows)) {
        reason_ = "the value of \"" + schema_[i].name + "\" is no " + schema_[i].type.to_string();
        error_ = reason_.c_str();
      }
    }
    if (error_ != nullptr) {
      rows.malformed(record, error_);
    } else {
      rows.end_full_row();
    }
  }

  bool append_cell(std::size_t column, bool clean, RowBuilder& rows) {
    ColumnBuilder& builder = rows.column(column);
    if (cell_of_[column] == absent) {
      builder.append_null();
      return true;
    }
    const Cell& cell = cells_[cell_of_[column]];
    const std::string_view value = text(cell);
    const bool is_string = builder.type().id() == TypeId::string;
    const bool null = value.empty() ? !(cell.quoted && is_string) : value == format_.null_value;
    if (null) {
      builder.append_null();
      return true;
    }
    if (is_string) rows.add_bytes(value.size());
    if (is_string && !clean) {
      builder.append_string(replace_invalid_utf8(value));
      return true;
    }
    return append_text(builder, value, scratch_);
  }

  void set_positions(const RowBuilder& rows) {
    cell_of_.assign(schema_.size(), absent);
    width_ = 0;
    for (std::size_t i = 0; i < schema_.size(); ++i) {
      if (i != rows.corrupt_column()) cell_of_[i] = width_++;
    }
  }

  void read_header(const RowBuilder& rows) {
    std::vector<std::size_t> cells(schema_.size(), absent);
    for (std::size_t i = 0; i < schema_.size(); ++i) {
      if (i == rows.corrupt_column()) continue;
      for (std::size_t k = 0; k < cells_.size(); ++k) {
        if (!same_name(text(cells_[k]), schema_[i].name)) continue;
        if (cells[i] != absent) return;  // named twice
        cells[i] = k;
      }
      if (cells[i] == absent) return;
    }
    cell_of_ = std::move(cells);
    width_ = cells_.size();
    by_position_ = false;
  }

  const Schema schema_;
  const FileFormat format_;
  std::vector<Cell> cells_;
  std::string unescaped_;
  std::string scratch_;
  std::string reason_;
  const char* error_ = nullptr;
  std::uint64_t lines_ = 1;           ///< of the record in `cells_`
  std::vector<std::size_t> cell_of_;  ///< by column
  std::size_t width_ = 0;             ///< cells of a whole record
  bool first_ = true;
  bool header_pending_ = false;
  bool by_position_ = true;  ///< `cell_of_` is not known yet for this file
};

}  // namespace

std::unique_ptr<RecordParser> csv_parser(const Schema& schema, const FileFormat& format) {
  return std::make_unique<CsvParser>(schema, format);
}

}  // namespace libstream
