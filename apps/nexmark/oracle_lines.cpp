#include "oracle_lines.hpp"

#include <libstream/column.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <cstdio>

namespace libstream::apps {
namespace {

std::string cell(const Column& column, std::size_t row) {
  if (column.is_null(row)) return "null";
  switch (column.type().id()) {
    case TypeId::bigint:
    case TypeId::timestamp:
      return std::to_string(column.values<std::int64_t>()[row]);
    case TypeId::integer:
    case TypeId::date:
      return std::to_string(column.values<std::int32_t>()[row]);
    case TypeId::string:
      return std::string(column.string(row));
    case TypeId::float64: {
      char text[32];
      std::snprintf(text, sizeof text, "%.17g", column.values<double>()[row]);
      return text;
    }
    default:
      throw Error(ErrorCode::unsupported,
                  "the oracle reads no columns of type " + column.type().to_string());
  }
}

}  // namespace

std::string line_of(const Batch& batch, std::size_t row, std::size_t begin, std::size_t end) {
  std::string line;
  for (std::size_t c = begin; c < std::min(end, batch.columns.size()); ++c) {
    line += cell(*batch.columns[c], row) + "|";
  }
  return line;
}

std::string compare(Lines expected, Lines got) {
  std::sort(expected.begin(), expected.end());
  std::sort(got.begin(), got.end());
  if (expected.empty()) return "the oracle expects no row: too few events to check anything";
  const auto at = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  if (at.first == expected.end() && at.second == got.end()) return "";
  return std::to_string(expected.size()) + " rows expected, " + std::to_string(got.size()) +
         " got; the first difference: expected " +
         (at.first == expected.end() ? "no more" : *at.first) + ", got " +
         (at.second == got.end() ? "no more" : *at.second);
}

}  // namespace libstream::apps
