#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace libstream {
namespace {

constexpr std::uint64_t null_hash = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t combine_key = 0xa0761d6478bd642fULL;

std::uint64_t hash_view(const StringView& view) {
  if (!view.is_inline()) return hash_bytes(view.view());
  std::uint64_t low;
  std::uint64_t high;
  std::memcpy(&low, &view, 8);
  std::memcpy(&high, reinterpret_cast<const char*>(&view) + 8, 8);
  return mix(low ^ 0xe7037ed1a0b428dbULL, high ^ 0x8ebc6af09c88c6e3ULL);
}

std::uint64_t canonical(double value) {
  if (std::isnan(value)) return 0x7ff8000000000000ULL;
  return std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
}

/// The hash of each value; nested types go through this, so that templates end here.
std::vector<std::uint64_t> value_hashes(const Column& column);

template <class T, class Store>
void hash_integers(const Column& column, Store store) {
  const T* values = column.values<T>();
  for (std::size_t i = 0; i < column.size(); ++i) {
    store(i, hash_word(static_cast<std::uint64_t>(static_cast<std::int64_t>(values[i]))));
  }
}

template <class Store>
void hash_arrays(const Column& column, Store store) {
  const auto elements = value_hashes(*column.child(0));
  for (std::size_t i = 0; i < column.size(); ++i) {
    const auto begin = static_cast<std::size_t>(column.offsets()[i]);
    const auto end = static_cast<std::size_t>(column.offsets()[i + 1]);
    std::uint64_t hash = hash_word(end - begin);
    for (std::size_t e = begin; e < end; ++e) hash = mix(hash ^ elements[e], combine_key);
    store(i, hash);
  }
}

template <class Store>
void hash_structures(const Column& column, Store store) {
  std::vector<std::uint64_t> rows(column.size(), 1);
  for (std::size_t f = 0; f < column.children(); ++f) {
    const auto hashes = value_hashes(*column.child(f));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = mix(rows[i] ^ hashes[i], combine_key);
  }
  for (std::size_t i = 0; i < column.size(); ++i) store(i, rows[i]);
}

template <class Store>
void for_each_value_hash(const Column& column, Store store) {
  switch (column.type().id()) {
    case TypeId::boolean:
      return hash_integers<std::uint8_t>(column, store);
    case TypeId::smallint:
      return hash_integers<std::int16_t>(column, store);
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return hash_integers<std::int32_t>(column, store);
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return hash_integers<std::int64_t>(column, store);
    case TypeId::float32:
      for (std::size_t i = 0; i < column.size(); ++i) {
        store(i, hash_word(canonical(static_cast<double>(column.values<float>()[i]))));
      }
      return;
    case TypeId::float64:
      for (std::size_t i = 0; i < column.size(); ++i) {
        store(i, hash_word(canonical(column.values<double>()[i])));
      }
      return;
    case TypeId::decimal:
      if (!column.type().is_wide_decimal()) return hash_integers<std::int64_t>(column, store);
      for (std::size_t i = 0; i < column.size(); ++i) {
        const auto digits = column.values<int128>()[i];
        store(i, mix(static_cast<std::uint64_t>(digits) ^ combine_key,
                     static_cast<std::uint64_t>(digits >> 64) ^ null_hash));
      }
      return;
    case TypeId::string:
    case TypeId::binary: {
      const auto* views = column.values<StringView>();
      for (std::size_t i = 0; i < column.size(); ++i) store(i, hash_view(views[i]));
      return;
    }
    case TypeId::array:
      return hash_arrays(column, store);
    case TypeId::structure:
      return hash_structures(column, store);
    case TypeId::null:
      for (std::size_t i = 0; i < column.size(); ++i) store(i, null_hash);
      return;
  }
}

/// Calls `store(row, hash of its value)` for every row.
template <class Store>
void for_each_hash(const Column& column, Store store) {
  if (!column.has_validity()) return for_each_value_hash(column, store);
  for_each_value_hash(column, [&](std::size_t i, std::uint64_t hash) {
    store(i, column.is_null(i) ? null_hash : hash);
  });
}

std::vector<std::uint64_t> value_hashes(const Column& column) {
  std::vector<std::uint64_t> hashes(column.size());
  for_each_hash(column, [&hashes](std::size_t i, std::uint64_t hash) { hashes[i] = hash; });
  return hashes;
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

void hash_keys(const Batch& batch, std::span<const std::uint32_t> key_columns,
               std::span<std::uint64_t> hashes) {
  LIBSTREAM_ASSERT(hashes.size() == batch.rows, "one hash a row");
  if (key_columns.empty()) {
    std::fill(hashes.begin(), hashes.end(), 0);
    return;
  }
  std::uint64_t* out = hashes.data();
  for_each_hash(*batch.columns[key_columns[0]],
                [out](std::size_t i, std::uint64_t hash) { out[i] = hash; });
  for (std::size_t k = 1; k < key_columns.size(); ++k) {
    for_each_hash(*batch.columns[key_columns[k]], [out](std::size_t i, std::uint64_t hash) {
      // Turned, as the first column's is the hash of a value too: (a, b) is not (b, a), and the
      // keys (a, a) do not meet at zero.
      out[i] = mix(std::rotl(out[i], 23) ^ hash, combine_key);
    });
  }
}

}  // namespace libstream
