#include "../functions/spark_hash.hpp"
#include "object.hpp"
#include "percentages.hpp"

#include <algorithm>

namespace libstream::aggregates {
namespace {

/// HyperLogLog++ (Heule, Nunkesser and Hall 2013): 64-bit hashes, linear counting below the
/// thresholds of the paper. Between there and five times the registers, where the paper corrects
/// the bias by measured tables, we take the estimator of Ertl (2017), which has none.
class HyperLogLog {
 public:
  explicit HyperLogLog(int precision)
      : precision_(precision), registers_(std::size_t{1} << precision, 0) {}

  void clear() { std::fill(registers_.begin(), registers_.end(), std::uint8_t{0}); }
  void add(std::uint64_t hash) {
    const auto index = static_cast<std::size_t>(hash >> (64 - precision_));
    const std::uint64_t rest = hash << precision_ | std::uint64_t{1} << (precision_ - 1);
    set(index, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
  }
  void merge(std::string_view bytes) {
    if (bytes.size() == registers_.size()) {
      for (std::size_t i = 0; i < bytes.size(); ++i) set(i, static_cast<std::uint8_t>(bytes[i]));
      return;
    }
    if (bytes.size() % entry_size != 0) damaged();
    for (; !bytes.empty(); bytes.remove_prefix(entry_size)) {
      std::uint32_t index = 0;
      std::memcpy(&index, bytes.data(), sizeof index);
      if (index >= registers_.size()) damaged();
      set(index, static_cast<std::uint8_t>(bytes[4]));
    }
  }
  /// All registers, or the few that are set as index and value.
  void write(std::string& bytes) const {
    bytes.clear();
    const auto zeros =
        static_cast<std::size_t>(std::count(registers_.begin(), registers_.end(), 0));
    const std::size_t set = registers_.size() - zeros;
    if (set * entry_size >= registers_.size()) {
      bytes.assign(registers_.begin(), registers_.end());
      return;
    }
    for (std::uint32_t i = 0; i < registers_.size(); ++i) {
      if (registers_[i] == 0) continue;
      bytes.append(reinterpret_cast<const char*>(&i), sizeof i);
      bytes.push_back(static_cast<char>(registers_[i]));
    }
  }

  std::int64_t estimate() const {
    const auto m = static_cast<double>(registers_.size());
    double inverse = 0;
    double zeros = 0;
    for (const std::uint8_t value : registers_) {
      inverse += std::ldexp(1.0, -value);
      zeros += value == 0 ? 1 : 0;
    }
    const double raw = alpha() * m * m / inverse;
    const double counted = zeros > 0 ? m * std::log(m / zeros) : 0;
    if (zeros > 0 && counted <= threshold()) return std::llround(counted);
    return std::llround(raw > 5 * m ? raw : unbiased());
  }

 private:
  static constexpr std::size_t entry_size = 5;

  [[noreturn]] static void damaged() {
    throw Error(ErrorCode::corrupt, "a sketch of approx_count_distinct has the wrong length");
  }
  void set(std::size_t index, std::uint8_t value) {
    registers_[index] = std::max(registers_[index], value);
  }
  double alpha() const {
    switch (precision_) {
      case 4:
        return 0.673;
      case 5:
        return 0.697;
      case 6:
        return 0.709;
      default:
        return 0.7213 / (1 + 1.079 / static_cast<double>(registers_.size()));
    }
  }
  double threshold() const {
    static constexpr double thresholds[] = {10,   20,   40,    80,    220,   400,    900,   1800,
                                            3100, 6500, 11500, 20000, 50000, 120000, 350000};
    return thresholds[std::clamp(precision_ - 4, 0, 14)];
  }
  double unbiased() const {
    const auto m = static_cast<double>(registers_.size());
    const auto top = static_cast<std::size_t>(64 - precision_ + 1);
    std::vector<double> counts(top + 1, 0);
    for (const std::uint8_t value : registers_) counts[std::min<std::size_t>(value, top)] += 1;
    double z = m * tau(1 - counts[top] / m);
    for (std::size_t k = top - 1; k >= 1; --k) z = 0.5 * (z + counts[k]);
    z += m * sigma(counts[0] / m);
    return m * m / (2 * std::log(2.0)) / z;
  }
  static double sigma(double x) {
    if (x == 1) return std::numeric_limits<double>::infinity();
    double y = 1;
    double z = x;
    for (double last = -1; last != z;) {
      x *= x;
      last = z;
      z += x * y;
      y += y;
    }
    return z;
  }
  static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1;
    double z = 1 - x;
    for (double last = -1; last != z;) {
      x = std::sqrt(x);
      last = z;
      y *= 0.5;
      z -= (1 - x) * (1 - x) * y;
    }
    return z / 3;
  }

  int precision_;
  std::vector<std::uint8_t> registers_;
};

struct DistinctCountPolicy {
  using Object = HyperLogLog;
  int precision;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types{TypeId::binary};
  DataType result_type = TypeId::bigint;

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(precision); }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    o.add(spark_xxhash64(*arguments[0], row, 42));
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    o.merge(columns[0]->string(row));
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    std::string bytes;
    o.write(bytes);
    builders[0].append_string(bytes);
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    builder.append(o == nullptr ? std::int64_t{0} : o->estimate());
  }
};

}  // namespace

AggregatePtr resolve_approx_count_distinct(const Request& request) {
  double deviation = 0.05;
  if (!request.options.empty() && !number_of(request.options[0], deviation)) deviation = 0;
  // Registers so that the standard error is at most what is asked for.
  const int precision =
      deviation > 0 ? static_cast<int>(std::ceil(2 * std::log2(1.106 / deviation))) : 0;
  if (precision < 4 || precision > 24) {
    wrong_types(request, "a relative standard deviation between 0.0003 and 0.39");
  }
  DistinctCountPolicy policy{precision, {request.arguments[0]}};
  return std::make_shared<ObjectAggregate<DistinctCountPolicy>>(request, std::move(policy));
}

}  // namespace libstream::aggregates
