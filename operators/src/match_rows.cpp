#include "gather_rows.hpp"

#include <libstream/value_codec.hpp>

#include <string>

namespace libstream {
namespace {

/// Entries of a list against rows of one column; `same(a, i, b, j)` compares two values that are
/// not null.
template <class Same>
void match(const RowList& list, std::size_t column, const Column& other,
           std::span<const std::uint32_t> others, std::vector<std::uint32_t>& keep, Same&& same) {
  keep.resize(list.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Column& mine = *list.batches[i]->columns[column];
    const std::uint32_t row = list.rows[i];
    bool equal = same(mine, row, other, others[i]);
    if (mine.has_validity() || other.has_validity()) {
      const bool null = mine.is_null(row);
      equal = null == other.is_null(others[i]) && (null || equal);
    }
    keep[kept] = static_cast<std::uint32_t>(i);
    kept += equal ? 1 : 0;
  }
  keep.resize(kept);
}

template <class T>
bool same_value(const Column& a, std::size_t i, const Column& b, std::size_t j) {
  return a.values<T>()[i] == b.values<T>()[j];
}
template <class T>
bool same_number(const Column& a, std::size_t i, const Column& b, std::size_t j) {
  return canonical_bits(a.values<T>()[i]) == canonical_bits(b.values<T>()[j]);
}

/// Any type; arrays by their encoding, which is equal where they are.
bool same_nested(const Column& a, std::size_t i, const Column& b, std::size_t j) {
  if (a.is_null(i) || b.is_null(j)) return a.is_null(i) && b.is_null(j);
  if (a.type().id() == TypeId::structure) {
    for (std::size_t f = 0; f < a.children(); ++f) {
      if (!same_nested(*a.child(f), i, *b.child(f), j)) return false;
    }
    return true;
  }
  if (a.type().width() == sizeof(std::int64_t) && a.type().id() != TypeId::float64) {
    return same_value<std::uint64_t>(a, i, b, j);
  }
  std::string left;
  std::string right;
  encode_value(a, i, left);
  encode_value(b, j, right);
  return left == right;
}

}  // namespace

void match_column(const RowList& list, std::size_t column, const Column& other,
                  std::span<const std::uint32_t> others, std::vector<std::uint32_t>& keep) {
  const auto run = [&](auto&& same) { match(list, column, other, others, keep, same); };
  const DataType& type = other.type();
  if (type.id() == TypeId::array || type.id() == TypeId::structure) return run(same_nested);
  if (type.id() == TypeId::float64) return run(same_number<double>);
  if (type.id() == TypeId::float32) return run(same_number<float>);
  if (type.is_string_like()) {
    return run([](const Column& a, std::size_t i, const Column& b, std::size_t j) {
      return a.string(i) == b.string(j);
    });
  }
  switch (type.width()) {
    case 0:
      return run([](const Column&, std::size_t, const Column&, std::size_t) { return true; });
    case 1:
      return run(same_value<std::uint8_t>);
    case 2:
      return run(same_value<std::uint16_t>);
    case 4:
      return run(same_value<std::uint32_t>);
    case 8:
      return run(same_value<std::uint64_t>);
    default:
      return run(same_value<int128>);
  }
}

void match_columns(const RowList& list, std::span<const std::uint32_t> columns, const Batch& other,
                   std::span<const std::uint32_t> other_columns,
                   std::span<const std::uint32_t> others, std::vector<std::uint8_t>& same) {
  same.assign(list.size(), 0);
  std::vector<std::uint32_t> keep;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    match_column(list, columns[k], *other.columns[other_columns[k]], others, keep);
    for (const std::uint32_t i : keep) ++same[i];
  }
  for (std::uint8_t& one : same) one = one == columns.size() ? 1 : 0;
}

}  // namespace libstream
