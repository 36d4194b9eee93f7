#include "../functions/spark_hash.hpp"
#include "object.hpp"
#include "percentages.hpp"

#include <limits>

namespace libstream::aggregates {
namespace {

constexpr std::uint64_t prime = (std::uint64_t{1} << 31) - 1;

/// The generator of java.util.Random, which the hash functions of the sketch come from.
class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed)
      : state_((static_cast<std::uint64_t>(seed) ^ multiplier) & mask) {}
  /// In [0, prime).
  std::int64_t next() {
    for (;;) {
      state_ = (state_ * multiplier + 0xb) & mask;
      const std::uint64_t bits = state_ >> 17;
      if (bits < prime) return static_cast<std::int64_t>(bits);
    }
  }

 private:
  static constexpr std::uint64_t multiplier = 0x5deece66dULL;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;
  std::uint64_t state_;
};

/// Counts of values, too high by eps · rows at most with the given confidence. Written as
/// Spark's org.apache.spark.util.sketch.CountMinSketch reads it, numbers highest byte first.
struct CountMin {
  std::int64_t total = 0;
  std::vector<std::int64_t> counts;  // depth × width
  void clear() {
    total = 0;
    std::fill(counts.begin(), counts.end(), 0);
  }
};

template <class T>
void append_number(T value, std::string& bytes) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift));
  }
}
std::int64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return static_cast<std::int64_t>(value);
}

struct CountMinPolicy {
  using Object = CountMin;
  std::size_t depth = 0;
  std::size_t width = 0;
  std::vector<std::int64_t> factors;  // one a row of the table
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types{TypeId::binary};
  DataType result_type = TypeId::binary;

  std::unique_ptr<Object> make() const {
    auto sketch = std::make_unique<Object>();
    sketch->counts.assign(depth * width, 0);
    return sketch;
  }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    const Column& column = *arguments[0];
    ++o.total;
    if (column.type().is_string_like()) return add_text(o, column.string(row));
    const std::int64_t value = visit_whole(column, row);
    for (std::size_t d = 0; d < depth; ++d) {
      std::uint64_t hash =
          static_cast<std::uint64_t>(factors[d]) * static_cast<std::uint64_t>(value);
      hash += static_cast<std::uint64_t>(static_cast<std::int64_t>(hash) >> 32);
      ++o.counts[d * width + (hash & prime) % width];
    }
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    const std::string_view bytes = columns[0]->string(row);
    const std::size_t table = header + depth * 8;
    if (bytes.size() != table + o.counts.size() * 8) {
      throw Error(ErrorCode::corrupt, "a count-min sketch has the wrong length");
    }
    o.total += number_at(bytes, 4);
    for (std::size_t i = 0; i < o.counts.size(); ++i)
      o.counts[i] += number_at(bytes, table + i * 8);
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    finish(&o, builders[0]);
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    const std::unique_ptr<Object> none = o == nullptr ? make() : nullptr;
    if (o == nullptr) o = none.get();
    std::string bytes;
    append_number(std::int32_t{1}, bytes);  // version
    append_number(o->total, bytes);
    append_number(static_cast<std::int32_t>(depth), bytes);
    append_number(static_cast<std::int32_t>(width), bytes);
    for (const std::int64_t factor : factors) append_number(factor, bytes);
    for (const std::int64_t count : o->counts) append_number(count, bytes);
    builder.append_string(bytes);
  }

 private:
  static constexpr std::size_t header = 4 + 8 + 4 + 4;

  static std::int64_t visit_whole(const Column& column, std::size_t row) {
    switch (column.type().id()) {
      case TypeId::smallint:
        return column.values<std::int16_t>()[row];
      case TypeId::integer:
        return column.values<std::int32_t>()[row];
      default:
        return column.values<std::int64_t>()[row];
    }
  }
  void add_text(Object& o, std::string_view text) const {
    const std::uint32_t first = spark_murmur3_bytes(text, 0);
    const std::uint32_t second = spark_murmur3_bytes(text, first);
    for (std::size_t d = 0; d < depth; ++d) {
      const auto hash = static_cast<std::int32_t>(first + static_cast<std::uint32_t>(d) * second);
      const std::int64_t place = std::int64_t{hash} % static_cast<std::int64_t>(width);
      ++o.counts[d * width + static_cast<std::size_t>(place < 0 ? -place : place)];
    }
  }
};

}  // namespace

AggregatePtr resolve_count_min(const Request& request) {
  const DataType& type = request.arguments[0];
  if (!type.is_integral() && !type.is_string_like()) {
    wrong_types(request, "a whole number, string or binary value");
  }
  double eps = 0;
  double confidence = 0;
  double seed = 0;
  if (request.options.size() != 3 || !number_of(request.options[0], eps) ||
      !number_of(request.options[1], confidence) || !number_of(request.options[2], seed) ||
      !(eps > 0) || eps < 1e-6 || !(confidence > 0 && confidence < 1)) {
    wrong_types(request,
                "constants behind the value: an error above 0, a confidence between 0 and 1, a "
                "seed");
  }
  CountMinPolicy policy;
  policy.depth = static_cast<std::size_t>(std::ceil(-std::log1p(-confidence) / std::log(2.0)));
  policy.width = static_cast<std::size_t>(std::ceil(2 / eps));
  JavaRandom random(static_cast<std::int64_t>(seed));
  for (std::size_t d = 0; d < policy.depth; ++d) policy.factors.push_back(random.next());
  policy.argument_types = {type};
  return std::make_shared<ObjectAggregate<CountMinPolicy>>(request, std::move(policy));
}

}  // namespace libstream::aggregates
