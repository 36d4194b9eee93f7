#include "scalar_text.hpp"
#include "text_writer.hpp"

#include <libstream/error.hpp>

namespace libstream {
namespace {

class CsvWriter final : public TextWriter {
 public:
  CsvWriter(const Schema& schema, const CsvStyle& style) : schema_(schema), style_(style) {
    special_ = {style.separator, style.quote, '\n', '\r'};
    for (const Field& field : schema) {
      const TypeId id = field.type.id();
      if (id != TypeId::array && id != TypeId::structure && id != TypeId::day_interval &&
          id != TypeId::month_interval) {
        continue;
      }
      throw Error(ErrorCode::analysis, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                  "column \"" + field.name + "\" is a " + field.type.to_string() +
                      ", which CSV files cannot hold; select its parts or write JSON");
    }
  }

  std::string header() const override {
    std::string line;
    if (!style_.header) return line;
    for (std::size_t i = 0; i < schema_.size(); ++i) {
      if (i != 0) line += style_.separator;
      write_text(schema_[i].name, line);
    }
    line += '\n';
    return line;
  }

  void write(const Batch& batch, std::string& out) override {
    LIBSTREAM_ASSERT(batch.columns.size() == schema_.size(), "a batch of the writer's schema");
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const std::size_t begin = out.size();
      for (std::size_t i = 0; i < schema_.size(); ++i) {
        if (i != 0) out += style_.separator;
        const Column& column = *batch.columns[i];
        if (schema_[i].type.id() == TypeId::null || column.is_null(row)) {
          out += style_.null_value;
        } else {
          write_cell(schema_[i].type, column, row, out);
        }
      }
      // An empty line is no row for readers.
      if (out.size() == begin) out.append(2, style_.quote);
      out += '\n';
    }
  }

 private:
  void write_text(std::string_view text, std::string& out) const {
    const bool plain = !text.empty() && text != style_.null_value &&
                       text.find_first_of(special_) == std::string_view::npos;
    if (plain) {
      out += text;
      return;
    }
    out += style_.quote;
    for (const char c : text) {
      if (c == style_.quote) out += c;
      out += c;
    }
    out += style_.quote;
  }

  void write_cell(const DataType& type, const Column& column, std::size_t row,
                  std::string& out) const {
    switch (type.id()) {
      case TypeId::boolean:
        out += column.values<std::uint8_t>()[row] ? "true" : "false";
        return;
      case TypeId::smallint:
        return write_integer(column.values<std::int16_t>()[row], out);
      case TypeId::integer:
        return write_integer(column.values<std::int32_t>()[row], out);
      case TypeId::bigint:
        return write_integer(column.values<std::int64_t>()[row], out);
      case TypeId::float32:
        return write_real(column.values<float>()[row], out);
      case TypeId::float64:
        return write_real(column.values<double>()[row], out);
      case TypeId::decimal:
        return write_decimal(type.is_wide_decimal() ? column.values<int128>()[row]
                                                    : int128{column.values<std::int64_t>()[row]},
                             type.scale(), out);
      case TypeId::string:
        return write_text(column.string(row), out);
      case TypeId::binary:
        return write_base64(column.string(row), out);
      case TypeId::date:
        return write_date(column.values<std::int32_t>()[row], out);
      case TypeId::timestamp:
        return write_instant(column.values<std::int64_t>()[row], out);
      default:
        LIBSTREAM_ASSERT(false, "refused when the writer was made");
    }
  }

  const Schema schema_;
  const CsvStyle style_;
  std::string special_;
};

}  // namespace

std::unique_ptr<TextWriter> csv_writer(const Schema& schema, const CsvStyle& style) {
  return std::make_unique<CsvWriter>(schema, style);
}

}  // namespace libstream
