#include "json_parser.hpp"

#include "json_shape.hpp"
#include "scalar_text.hpp"

#include <libstream/error.hpp>

#include <simdjson.h>

#include <cstring>
#include <unordered_map>
#include <utility>

namespace libstream {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(blanks);
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

/// Puts simdjson values into columns. Returns false for a value that is none of the column's type.
class ValueReader {
 public:
  std::size_t string_bytes = 0;

  bool append(ondemand::value value, ColumnBuilder& builder) {
    bool null = false;
    if (value.is_null().get(null) != simdjson::SUCCESS) return false;
    if (null) {
      builder.append_null();
      return true;
    }
    switch (builder.type().id()) {
      case TypeId::null:
        builder.append_null();
        return true;
      case TypeId::boolean: {
        bool flag = false;
        if (value.get_bool().get(flag) != simdjson::SUCCESS) return false;
        builder.append(static_cast<std::uint8_t>(flag));
        return true;
      }
      case TypeId::smallint:
      case TypeId::integer:
      case TypeId::bigint: {
        std::int64_t number = 0;
        return value.get_int64().get(number) == simdjson::SUCCESS &&
               append_integer(builder, number);
      }
      case TypeId::float32:
      case TypeId::float64:
        return append_real(value, builder);
      case TypeId::decimal:
      case TypeId::string:
        return append_raw(value, builder);
      case TypeId::array:
        return append_array(value, builder);
      case TypeId::structure:
        return append_structure(value, builder);
      default:
        return append_quoted(value, builder);
    }
  }

 private:
  bool append_quoted(ondemand::value value, ColumnBuilder& builder) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return false;
    string_bytes += text.size();
    return append_text(builder, text, scratch_);
  }

  bool append_real(ondemand::value value, ColumnBuilder& builder) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    double number = 0;
    if (type == ondemand::json_type::string) {  // "NaN", "Infinity": JSON has no other way
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS || text.empty()) return false;
      const char first = text[text[0] == '-' || text[0] == '+' ? 1 : 0];
      if ((first >= '0' && first <= '9') || first == '.') return false;
      return append_text(builder, text, scratch_);
    }
    if (value.get_double().get(number) != simdjson::SUCCESS) return false;
    if (builder.type().id() == TypeId::float32) {
      builder.append(static_cast<float>(number));
    } else {
      builder.append(number);
    }
    return true;
  }

  /// Strings, and for string columns the JSON text of anything else.
  bool append_raw(ondemand::value value, ColumnBuilder& builder) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    if (type == ondemand::json_type::string) return append_quoted(value, builder);
    std::string_view raw;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (value.get_object().get(object) != simdjson::SUCCESS ||
          object.raw_json().get(raw) != simdjson::SUCCESS) {
        return false;
      }
    } else if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS ||
          array.raw_json().get(raw) != simdjson::SUCCESS) {
        return false;
      }
    } else if (type == ondemand::json_type::number) {
      ondemand::number number;
      raw = value.raw_json_token();
      // Integers beyond 64 bits and reals beyond double are still text and decimals.
      const auto error = value.get_number().get(number);
      if (error != simdjson::SUCCESS && !is_number(trimmed(raw))) return false;
    } else {
      bool flag = false;
      raw = value.raw_json_token();
      if (value.get_bool().get(flag) != simdjson::SUCCESS) return false;
    }
    if (builder.type().id() == TypeId::decimal && type != ondemand::json_type::number) return false;
    raw = trimmed(raw);
    string_bytes += raw.size();
    return append_text(builder, raw, scratch_);
  }

  static bool is_number(std::string_view text) {
    std::size_t i = text.empty() || text[0] != '-' ? 0 : 1;
    const auto digits = [&] {
      const std::size_t begin = i;
      while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
      return i - begin;
    };
    const bool zero = i < text.size() && text[i] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (i < text.size() && text[i] == '.' && (++i, digits() == 0)) return false;
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      ++i;
      if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
      if (digits() == 0) return false;
    }
    return i == text.size();
  }

  bool append_array(ondemand::value value, ColumnBuilder& builder) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return false;
    ColumnBuilder& elements = builder.child(0);
    const std::size_t before = elements.size();
    for (auto element : array) {
      ondemand::value item;
      if (std::move(element).get(item) != simdjson::SUCCESS || !append(item, elements)) {
        return false;  // the elements so far go with the row
      }
    }
    builder.append_array(elements.size() - before);
    return true;
  }

  bool append_structure(ondemand::value value, ColumnBuilder& builder) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    const std::vector<Field>& fields = builder.type().fields();
    const std::size_t row = builder.size();
    for (auto member : object) {
      ondemand::field field;
      std::string_view key;
      if (std::move(member).get(field) != simdjson::SUCCESS ||
          field.unescaped_key().get(key) != simdjson::SUCCESS) {
        return false;
      }
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].name != key) continue;
        if (builder.child(i).size() > row) builder.child(i).truncate(row);
        if (!append(field.value(), builder.child(i))) return false;
        break;
      }
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (builder.child(i).size() == row) builder.child(i).append_null();
    }
    builder.append_structure();
    return true;
  }

  std::string scratch_;
};

class JsonParser final : public RecordParser {
 public:
  explicit JsonParser(const Schema& schema) : shape_(schema) {
    for (std::size_t i = 0; i < schema.size(); ++i) columns_.emplace(schema[i].name, i);
  }

  void start_file(const std::string&) override { first_ = true; }

  std::size_t parse(const Chunk& chunk, RowBuilder& rows) override {
    const char* p = chunk.begin;
    if (first_) p += byte_order_mark(chunk);
    while (!rows.full()) {
      const Line line = next_line(p, chunk);
      if (line.taken == 0) break;
      read_line(line.text, chunk.valid_utf8, rows);
      p += line.taken;
      rows.add_lines(1);
    }
    first_ = first_ && p == chunk.begin;
    return static_cast<std::size_t>(p - chunk.begin);
  }

 private:
  void read_line(std::string_view line, bool valid_utf8, RowBuilder& rows) {
    if (line.size() > record_limit_bytes) {
      rows.malformed(line.substr(0, 1024), "the record is longer than 16 MiB");
      return;
    }
    if (shape_.known() && (valid_utf8 || simdjson::validate_utf8(line.data(), line.size()))) {
      if (shape_.read(line, rows)) {
        rows.end_full_row();
        return;
      }
      rows.discard_row();
    }
    if (line.find_first_not_of(blanks) == std::string_view::npos) return;
    if (const char* reason = read_any(line, rows)) {
      rows.malformed(line, reason);
      return;
    }
    rows.end_row();
    shape_.learn(line, rows);
  }

  /// Returns nullptr, or what is wrong.
  const char* read_any(std::string_view line, RowBuilder& rows) {
    ondemand::document document;
    const simdjson::padded_string_view padded(line.data(), line.size(),
                                              line.size() + simdjson::SIMDJSON_PADDING);
    auto error = parser_.iterate(padded).get(document);
    if (error != simdjson::SUCCESS) return simdjson::error_message(error);
    ondemand::object object;
    error = document.get_object().get(object);
    if (error != simdjson::SUCCESS) return "the record is no JSON object";
    for (auto member : object) {
      ondemand::field field;
      std::string_view key;
      error = std::move(member).get(field);
      if (error == simdjson::SUCCESS) error = field.unescaped_key().get(key);
      if (error != simdjson::SUCCESS) return simdjson::error_message(error);
      const auto found = columns_.find(key);
      if (found == columns_.end() || found->second == rows.corrupt_column()) continue;
      ColumnBuilder& builder = rows.column(found->second);
      if (builder.size() > rows.rows()) builder.truncate(rows.rows());  // a repeated key
      if (!values_.append(field.value(), builder)) {
        reason_ = "the value of \"" + std::string(found->first) + "\" is no " +
                  builder.type().to_string();
        return reason_.c_str();
      }
    }
    rows.add_bytes(values_.string_bytes);
    values_.string_bytes = 0;
    // At the end there is no location.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS
               ? nullptr
               : "there is text behind the record";
  }

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> columns_;
  ondemand::parser parser_;
  ValueReader values_;
  JsonShape shape_;
  std::string reason_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<RecordParser> json_parser(const Schema& schema) {
  return std::make_unique<JsonParser>(schema);
}

std::size_t byte_order_mark(const Chunk& chunk) {
  return std::string_view(chunk.begin, chunk.end).starts_with("\xEF\xBB\xBF") ? 3 : 0;
}

Line next_line(const char* begin, const Chunk& chunk) {
  const auto left = static_cast<std::size_t>(chunk.end - begin);
  if (left == 0) return {};
  const auto* const newline = static_cast<const char*>(std::memchr(begin, '\n', left));
  if (newline == nullptr && !chunk.last) return {};
  const std::size_t length = newline ? static_cast<std::size_t>(newline - begin) : left;
  Line line{{begin, length}, newline ? length + 1 : length};
  if (length > 0 && begin[length - 1] == '\r') line.text.remove_suffix(1);
  return line;
}

}  // namespace libstream
