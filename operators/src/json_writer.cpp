#include "scalar_text.hpp"
#include "text_writer.hpp"

#include <libstream/error.hpp>

#include <cmath>

namespace libstream {
namespace {

void write_escape(unsigned char c, std::string& out) {
  static constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
  }
}

void write_quoted(std::string_view text, std::string& out) {
  out += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, begin, i - begin);
    write_escape(c, out);
    begin = i + 1;
  }
  out.append(text, begin);
  out += '"';
}

template <class T>
void write_json_real(T value, std::string& out) {
  if (std::isfinite(value)) {
    write_real(value, out);
    return;
  }
  out += '"';
  write_real(value, out);
  out += '"';
}

/// Writes values of one column, with the `"name":` before each.
struct Cell {
  Cell(const Field& field) : id(field.type.id()), type(field.type) {  // NOLINT: implicit
    write_quoted(field.name, key);
    key += ':';
    if (id != TypeId::array && id != TypeId::structure) return;
    for (const Field& child : field.type.fields()) children.emplace_back(child);
  }

  void write(const Column& column, std::size_t row, std::string& out) const;
  void write_nested(const Column& column, std::size_t row, std::string& out) const;

  std::string key;
  TypeId id;
  DataType type;
  std::vector<Cell> children;
};

void Cell::write(const Column& column, std::size_t row, std::string& out) const {
  switch (id) {
    case TypeId::boolean:
      out += column.values<std::uint8_t>()[row] ? "true" : "false";
      return;
    case TypeId::smallint:
      write_integer(column.values<std::int16_t>()[row], out);
      return;
    case TypeId::integer:
      write_integer(column.values<std::int32_t>()[row], out);
      return;
    case TypeId::bigint:
      write_integer(column.values<std::int64_t>()[row], out);
      return;
    case TypeId::float32:
      write_json_real(column.values<float>()[row], out);
      return;
    case TypeId::float64:
      write_json_real(column.values<double>()[row], out);
      return;
    case TypeId::decimal:
      write_decimal(type.is_wide_decimal() ? column.values<int128>()[row]
                                           : int128{column.values<std::int64_t>()[row]},
                    type.scale(), out);
      return;
    case TypeId::string:
      write_quoted(column.string(row), out);
      return;
    case TypeId::binary:
      out += '"';
      write_base64(column.string(row), out);
      out += '"';
      return;
    case TypeId::date:
      out += '"';
      write_date(column.values<std::int32_t>()[row], out);
      out += '"';
      return;
    case TypeId::timestamp:
      out += '"';
      write_instant(column.values<std::int64_t>()[row], out);
      out += '"';
      return;
    default:
      write_nested(column, row, out);
  }
}

void Cell::write_nested(const Column& column, std::size_t row, std::string& out) const {
  if (id == TypeId::array) {
    const Column& elements = *column.child(0);
    out += '[';
    for (std::int32_t i = column.offsets()[row]; i < column.offsets()[row + 1]; ++i) {
      const auto element = static_cast<std::size_t>(i);
      if (i != column.offsets()[row]) out += ',';
      if (children[0].id == TypeId::null || elements.is_null(element)) {
        out += "null";  // leaving it out would move the others
      } else {
        children[0].write(elements, element, out);
      }
    }
    out += ']';
    return;
  }
  LIBSTREAM_ASSERT(id == TypeId::structure, "refused when the writer was made");
  out += '{';
  bool first = true;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const Column& field = *column.child(i);
    if (children[i].id == TypeId::null || field.is_null(row)) continue;
    if (!first) out += ',';
    first = false;
    out += children[i].key;
    children[i].write(field, row, out);
  }
  out += '}';
}

void check_writable(const DataType& type, const std::string& name) {
  if (type.id() == TypeId::day_interval || type.id() == TypeId::month_interval) {
    throw Error(ErrorCode::analysis, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                "column \"" + name + "\" is an " + type.to_string() +
                    ", which JSON files cannot hold; cast it to string");
  }
  if (type.id() != TypeId::array && type.id() != TypeId::structure) return;
  for (const Field& field : type.fields()) check_writable(field.type, name + "." + field.name);
}

class JsonWriter final : public TextWriter {
 public:
  explicit JsonWriter(const Schema& schema) {
    for (const Field& field : schema) {
      check_writable(field.type, field.name);
      cells_.emplace_back(field);
    }
  }

  std::string header() const override { return {}; }

  void write(const Batch& batch, std::string& out) override {
    LIBSTREAM_ASSERT(batch.columns.size() == cells_.size(), "a batch of the writer's schema");
    for (std::size_t row = 0; row < batch.rows; ++row) {
      out += '{';
      bool first = true;
      for (std::size_t i = 0; i < cells_.size(); ++i) {
        const Column& column = *batch.columns[i];
        if (cells_[i].id == TypeId::null || column.is_null(row)) continue;
        if (!first) out += ',';
        first = false;
        out += cells_[i].key;
        cells_[i].write(column, row, out);
      }
      out += "}\n";
    }
  }

 private:
  std::vector<Cell> cells_;
};

}  // namespace

std::unique_ptr<TextWriter> json_writer(const Schema& schema) {
  return std::make_unique<JsonWriter>(schema);
}

}  // namespace libstream
