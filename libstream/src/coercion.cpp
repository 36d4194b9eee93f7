#include "function.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

int rank(TypeId id) {
  switch (id) {
    case TypeId::smallint:
      return 1;
    case TypeId::integer:
      return 2;
    default:
      return 3;
  }
}

bool is_real(const DataType& type) {
  return type.id() == TypeId::float32 || type.id() == TypeId::float64;
}

std::optional<DataType> common_numeric(const DataType& a, const DataType& b) {
  if (a.is_integral() && b.is_integral()) return rank(a.id()) >= rank(b.id()) ? a : b;
  if (is_real(a) || is_real(b)) return DataType(TypeId::float64);
  const DataType x = decimal_for(a);
  const DataType y = decimal_for(b);
  const int scale = std::max(x.scale(), y.scale());
  const int whole = std::max(x.precision() - x.scale(), y.precision() - y.scale());
  return bounded_decimal(whole + scale, scale);
}

/// A string beside another type is read as that type; beside whole numbers as bigint.
std::optional<DataType> common_with_string(const DataType& other) {
  if (other.is_integral()) return DataType(TypeId::bigint);
  if (other.is_numeric()) return DataType(TypeId::float64);
  switch (other.id()) {
    case TypeId::boolean:
    case TypeId::date:
    case TypeId::timestamp:
    case TypeId::binary:
    case TypeId::day_interval:
      return other;
    default:
      return std::nullopt;
  }
}

std::optional<DataType> common_structure(const DataType& a, const DataType& b) {
  if (a.fields().size() != b.fields().size()) return std::nullopt;
  std::vector<Field> fields;
  for (std::size_t i = 0; i < a.fields().size(); ++i) {
    auto type = common_type(a.fields()[i].type, b.fields()[i].type);
    if (!type) return std::nullopt;
    fields.push_back({a.fields()[i].name, *type, a.fields()[i].nullable || b.fields()[i].nullable});
  }
  return DataType::structure(std::move(fields));
}

}  // namespace

std::optional<DataType> common_type(const DataType& a, const DataType& b) {
  if (a == b) return a;
  if (a.id() == TypeId::null) return b;
  if (b.id() == TypeId::null) return a;
  if (a.is_numeric() && b.is_numeric()) return common_numeric(a, b);
  if (a.id() == TypeId::string) return common_with_string(b);
  if (b.id() == TypeId::string) return common_with_string(a);
  const auto is_time = [](const DataType& type) {
    return type.id() == TypeId::date || type.id() == TypeId::timestamp;
  };
  if (is_time(a) && is_time(b)) return DataType(TypeId::timestamp);
  if (a.id() == TypeId::array && b.id() == TypeId::array) {
    const auto element = common_type(a.element(), b.element());
    if (!element) return std::nullopt;
    return DataType::array(*element, a.fields()[0].nullable || b.fields()[0].nullable);
  }
  if (a.id() == TypeId::structure && b.id() == TypeId::structure) return common_structure(a, b);
  return std::nullopt;
}

std::optional<DataType> common_type(std::span<const BoundPtr> arguments) {
  DataType type;
  for (const BoundPtr& argument : arguments) {
    const auto next = common_type(type, argument->type);
    if (!next) return std::nullopt;
    type = *next;
  }
  return type;
}

DataType bounded_decimal(int precision, int scale) {
  if (precision <= 38) return DataType::decimal(precision, scale);
  const int whole = precision - scale;
  const int least_scale = std::min(scale, 6);
  return DataType::decimal(38, std::max(38 - whole, least_scale));
}

DataType decimal_for(const DataType& type) {
  switch (type.id()) {
    case TypeId::smallint:
      return DataType::decimal(5, 0);
    case TypeId::integer:
      return DataType::decimal(10, 0);
    case TypeId::bigint:
      return DataType::decimal(20, 0);
    case TypeId::null:
      return DataType::decimal(1, 0);
    default:
      LIBSTREAM_ASSERT(type.id() == TypeId::decimal, "a whole number or a decimal");
      return type;
  }
}

DataType decimal_for(const BoundExpression& argument) {
  if (argument.kind == BoundExpression::Kind::literal && argument.type.is_integral() &&
      !argument.value.is_null()) {
    int digits = 0;
    for (std::int64_t rest = argument.value.integer(); rest != 0; rest /= 10) ++digits;
    return DataType::decimal(std::max(digits, 1), 0);
  }
  return decimal_for(argument.type);
}

}  // namespace libstream
