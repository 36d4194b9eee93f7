#include "type_parser.hpp"

#include <libstream/error.hpp>
#include <libstream/type.hpp>

#include <array>

namespace libstream {
namespace {

struct TypeName {
  TypeId id;
  const char* name;
};
constexpr std::array names{TypeName{TypeId::null, "void"},
                           TypeName{TypeId::boolean, "boolean"},
                           TypeName{TypeId::smallint, "smallint"},
                           TypeName{TypeId::integer, "int"},
                           TypeName{TypeId::bigint, "bigint"},
                           TypeName{TypeId::float32, "float"},
                           TypeName{TypeId::float64, "double"},
                           TypeName{TypeId::string, "string"},
                           TypeName{TypeId::binary, "binary"},
                           TypeName{TypeId::date, "date"},
                           TypeName{TypeId::timestamp, "timestamp"},
                           TypeName{TypeId::day_interval, "interval day to second"},
                           TypeName{TypeId::month_interval, "interval year to month"}};

}  // namespace

DataType::DataType(TypeId id) : id_(id) {
  LIBSTREAM_ASSERT(id != TypeId::decimal && id != TypeId::array && id != TypeId::structure,
                   "types with parameters have factories of their own");
}

DataType DataType::decimal(int precision, int scale) {
  LIBSTREAM_ASSERT(precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision,
                   "decimal out of range");
  DataType type;
  type.id_ = TypeId::decimal;
  type.precision_ = static_cast<std::uint8_t>(precision);
  type.scale_ = static_cast<std::uint8_t>(scale);
  return type;
}

DataType DataType::array(DataType element, bool element_nullable) {
  DataType type;
  type.id_ = TypeId::array;
  type.fields_ = std::make_shared<const std::vector<Field>>(
      std::vector<Field>{Field{"element", std::move(element), element_nullable}});
  return type;
}

DataType DataType::structure(std::vector<Field> fields) {
  DataType type;
  type.id_ = TypeId::structure;
  type.fields_ = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

const std::vector<Field>& DataType::fields() const {
  static const std::vector<Field> none;
  return fields_ ? *fields_ : none;
}

const DataType& DataType::element() const {
  LIBSTREAM_ASSERT(id_ == TypeId::array, "element of a type that is no array");
  return fields_->front().type;
}

std::size_t DataType::width() const {
  switch (id_) {
    case TypeId::null:
    case TypeId::structure:
      return 0;
    case TypeId::boolean:
      return 1;
    case TypeId::smallint:
      return 2;
    case TypeId::integer:
    case TypeId::float32:
    case TypeId::date:
    case TypeId::month_interval:
    case TypeId::array:
      return 4;
    case TypeId::bigint:
    case TypeId::float64:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return 8;
    case TypeId::decimal:
      return precision_ > 18 ? 16 : 8;
    case TypeId::string:
    case TypeId::binary:
      return 16;
  }
  return 0;
}

bool DataType::is_integral() const {
  return id_ == TypeId::smallint || id_ == TypeId::integer || id_ == TypeId::bigint;
}

bool DataType::is_numeric() const {
  return is_integral() || id_ == TypeId::float32 || id_ == TypeId::float64 ||
         id_ == TypeId::decimal;
}

std::string DataType::to_string() const {
  switch (id_) {
    case TypeId::decimal:
      return "decimal(" + std::to_string(precision_) + "," + std::to_string(scale_) + ")";
    case TypeId::array:
      return "array<" + element().to_string() + ">";
    case TypeId::structure: {
      std::string text = "struct<";
      for (const auto& field : fields()) {
        if (text.size() > 7) text += ", ";
        text += quote_name(field.name) + ": " + field.type.to_string();
      }
      return text + ">";
    }
    default:
      break;
  }
  for (const auto& entry : names) {
    if (entry.id == id_) return entry.name;
  }
  return "unknown";
}

bool operator==(const DataType& a, const DataType& b) {
  if (a.id_ != b.id_ || a.precision_ != b.precision_ || a.scale_ != b.scale_) return false;
  if (a.fields_ == b.fields_) return true;
  return a.fields() == b.fields();
}

}  // namespace libstream
