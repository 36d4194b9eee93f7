#include "console_sink.hpp"

#include "staged_rows.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cstdio>

namespace libstream {
namespace {

/// Characters, not bytes, of UTF-8 text.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string first_characters(std::string_view text, std::size_t count) {
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if ((text[i] & 0xc0) == 0x80) continue;
    if (count-- == 0) break;
  }
  return std::string(text.substr(0, i));
}

struct TableStyle {
  std::size_t rows = 20;
  std::size_t width = 20;  ///< 0: whole cells
};

std::string cell_text(const Value& value, const DataType& type, std::size_t width) {
  std::string text = to_text(value, type);
  std::size_t at = 0;
  while ((at = text.find('\n', at)) != std::string::npos) text.replace(at, 1, "\\n"), at += 2;
  if (width == 0 || characters(text) <= width) return text;
  return width < 4 ? first_characters(text, width) : first_characters(text, width - 3) + "...";
}

/// Lines of the table as Structured Streaming prints them.
std::string table_text(const Schema& schema, const std::vector<BatchPtr>& batches,
                       const TableStyle& style) {
  std::vector<std::vector<std::string>> lines(1);
  for (const Field& field : schema) lines[0].push_back(field.name);
  bool more = false;
  for (const BatchPtr& batch : batches) {
    for (std::size_t row = 0; row < batch->rows; ++row) {
      more = lines.size() > style.rows;
      if (more) break;
      std::vector<std::string>& line = lines.emplace_back();
      for (std::size_t i = 0; i < schema.size(); ++i) {
        line.push_back(cell_text(batch->columns[i]->value(row), schema[i].type, style.width));
      }
    }
  }
  std::vector<std::size_t> widths(schema.size(), 3);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], characters(line[i]));
    }
  }
  std::string rule = "+";
  for (const std::size_t width : widths) rule += std::string(width, '-') + "+";
  std::string text = rule + "\n";
  for (std::size_t n = 0; n < lines.size(); ++n) {
    text += "|";
    for (std::size_t i = 0; i < lines[n].size(); ++i) {
      const std::string blanks(widths[i] - characters(lines[n][i]), ' ');
      // Cut cells stand right, whole ones left.
      text += (style.width != 0 ? blanks + lines[n][i] : lines[n][i] + blanks) + "|";
    }
    text += "\n";
    if (n == 0) text += rule + "\n";
  }
  text += rule + "\n";
  if (more) text += "only showing top " + std::to_string(style.rows) + " rows\n";
  return text + "\n";
}

class ConsoleSink final : public Sink {
 public:
  ConsoleSink(const TableStyle& style, std::function<void(std::string_view)> print)
      : style_(style), print_(std::move(print)) {}

  std::string describe() const override { return "ConsoleSink"; }
  void set_schema(const Schema& schema) override { schema_ = schema; }
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return staged_rows_writer(schema_);
  }

  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    static const std::string rule(43, '-');
    print_(rule + "\nBatch: " + std::to_string(number(epoch)) + "\n" + rule + "\n" +
           table_text(schema_, staged_rows(handles), style_));
  }

 private:
  TableStyle style_;
  std::function<void(std::string_view)> print_;
  Schema schema_;
};

}  // namespace

std::shared_ptr<Sink> console_sink(const SinkSpec& spec) {
  return console_sink(spec, [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  });
}

std::shared_ptr<Sink> console_sink(const SinkSpec& spec,
                                   std::function<void(std::string_view)> print) {
  const Options& options = spec.options;
  options.check_known({"numRows", "truncate"}, "the console sink");
  TableStyle style;
  const std::int64_t rows = options.integer("numRows").value_or(20);
  if (rows < 0) throw Error(ErrorCode::invalid_argument, "option numRows is below 0");
  style.rows = static_cast<std::size_t>(rows);
  const std::string truncate = options.get("truncate", "true");
  if (!truncate.empty() && truncate[0] >= '0' && truncate[0] <= '9') {
    style.width = static_cast<std::size_t>(*options.integer("truncate"));
  } else {
    style.width = options.boolean("truncate", true) ? 20 : 0;
  }
  return std::make_shared<ConsoleSink>(style, std::move(print));
}

}  // namespace libstream
