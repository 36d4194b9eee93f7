#include "text_writer.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/state_columns.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace libstream {
namespace {

class JsonLines final : public StateLines {
 public:
  explicit JsonLines(const Schema& schema) : writer_(json_writer(schema)) {}
  std::string header() const override { return {}; }
  void write(const Batch& rows, std::string& out) override { writer_->write(rows, out); }

 private:
  std::unique_ptr<TextWriter> writer_;
};

/// Columns that a CSV file can hold.
class CsvLines final : public StateLines {
 public:
  explicit CsvLines(const Schema& schema) {
    std::vector<Field> fields;
    for (const Field& field : schema) add(field.name, field.type, fields);
    CsvStyle style;
    style.header = true;
    writer_ = csv_writer(Schema(std::move(fields)), style);
  }
  std::string header() const override { return writer_->header(); }
  void write(const Batch& rows, std::string& out) override {
    std::vector<ColumnPtr> columns;
    for (const ColumnPtr& column : rows.columns) flatten(column, {}, columns);
    writer_->write(*make_batch(std::move(columns), rows.rows), out);
  }

 private:
  static void add(const std::string& name, const DataType& type, std::vector<Field>& fields) {
    if (type.id() == TypeId::structure) {
      for (const Field& field : type.fields()) add(name + "." + field.name, field.type, fields);
    } else {
      fields.push_back({name, type.id() == TypeId::array ? DataType(TypeId::string) : type, true});
    }
  }

  /// `around`: the structures that the column is in; where one is null, so is the field.
  static void flatten(const ColumnPtr& column, std::vector<const Column*> around,
                      std::vector<ColumnPtr>& columns) {
    const auto& type = column->type();
    if (type.id() == TypeId::structure) {
      around.push_back(column.get());
      for (std::size_t i = 0; i < column->children(); ++i) {
        flatten(column->child(i), around, columns);
      }
      return;
    }
    const bool text = type.id() == TypeId::array;
    if (!text && around.empty()) {
      columns.push_back(column);
      return;
    }
    ColumnBuilder builder(text ? DataType(TypeId::string) : type);
    for (std::size_t row = 0; row < column->size(); ++row) {
      const auto null = [row](const Column* outer) { return outer->is_null(row); };
      if (column->is_null(row) || std::ranges::any_of(around, null)) {
        builder.append_null();
      } else if (text) {
        builder.append_string(to_text(column->value(row), type));
      } else {
        builder.append_from(*column, row);
      }
    }
    columns.push_back(builder.finish());
  }

  std::unique_ptr<TextWriter> writer_;
};

}  // namespace

std::unique_ptr<StateLines> state_lines(const Schema& schema, LineFormat format) {
  if (format == LineFormat::json) return std::make_unique<JsonLines>(schema);
  return std::make_unique<CsvLines>(schema);
}

}  // namespace libstream
