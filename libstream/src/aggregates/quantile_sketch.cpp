#include "object.hpp"
#include "percentages.hpp"

#include <algorithm>

namespace libstream::aggregates {
namespace {

/// Ranks of a stream within `error` · rows (Greenwald and Khanna 2001), values as doubles. New
/// values wait in a buffer, so that most rows cost one push_back.
class QuantileSketch {
 public:
  explicit QuantileSketch(double error) : error_(error) {}

  void clear() {
    samples_.clear();
    buffer_.clear();
    count_ = 0;
  }
  void add(double value) {
    buffer_.push_back(value);
    if (buffer_.size() == buffer_limit) flush();
  }
  void merge(QuantileSketch& other) {
    flush();
    other.flush();
    if (other.count_ == 0) return;
    if (count_ == 0) {
      samples_ = other.samples_;
      count_ = other.count_;
      return;
    }
    const auto slack = [&](std::int64_t count) {
      return static_cast<std::int64_t>(2 * error_ * static_cast<double>(count));
    };
    std::vector<Sample> merged;
    merged.reserve(samples_.size() + other.samples_.size());
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < samples_.size() && j < other.samples_.size()) {
      const bool own = samples_[i].value < other.samples_[j].value;
      Sample next = own ? samples_[i++] : other.samples_[j++];
      // Between two samples of the other side, so its rank there is that much less certain.
      if (own ? j > 0 : i > 0) next.delta += slack(own ? other.count_ : count_);
      merged.push_back(next);
    }
    merged.insert(merged.end(), samples_.begin() + static_cast<std::ptrdiff_t>(i), samples_.end());
    merged.insert(merged.end(), other.samples_.begin() + static_cast<std::ptrdiff_t>(j),
                  other.samples_.end());
    count_ += other.count_;
    samples_ = std::move(merged);
    compress();
  }

  /// Not empty. Of a flushed sketch.
  double quantile(double p) const {
    if (p <= error_) return samples_.front().value;
    if (p >= 1 - error_) return samples_.back().value;
    const auto rank = static_cast<std::int64_t>(std::ceil(p * static_cast<double>(count_)));
    std::int64_t widest = 0;
    for (const Sample& sample : samples_) widest = std::max(widest, sample.delta + sample.gap);
    const std::int64_t tolerance = widest / 2;
    std::int64_t least = 0;
    for (const Sample& sample : samples_) {
      least += sample.gap;
      if (least + sample.delta - tolerance <= rank && rank <= least + tolerance) {
        return sample.value;
      }
    }
    return samples_.back().value;
  }

  // Of a flushed sketch: the count, then value, gap and delta of each sample.
  void write(std::string& bytes) const {
    bytes.resize(sizeof count_ + samples_.size() * sizeof(Sample));
    std::memcpy(bytes.data(), &count_, sizeof count_);
    if (!samples_.empty()) {
      std::memcpy(bytes.data() + sizeof count_, samples_.data(), samples_.size() * sizeof(Sample));
    }
  }
  void read(std::string_view bytes) {
    clear();
    const std::size_t size = (bytes.size() - sizeof count_) / sizeof(Sample);
    if (bytes.size() < sizeof count_ || bytes.size() != sizeof count_ + size * sizeof(Sample)) {
      throw Error(ErrorCode::corrupt, "a quantile sketch has the wrong length");
    }
    std::memcpy(&count_, bytes.data(), sizeof count_);
    samples_.resize(size);
    if (size > 0) {
      std::memcpy(samples_.data(), bytes.data() + sizeof count_, size * sizeof(Sample));
    }
  }

  /// Moves the buffer into the samples.
  void flush() {
    if (buffer_.empty()) return;
    std::sort(buffer_.begin(), buffer_.end(), less<double>);
    std::vector<Sample> merged;
    merged.reserve(samples_.size() + buffer_.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < buffer_.size(); ++i) {
      while (at < samples_.size() && !less(buffer_[i], samples_[at].value)) {
        merged.push_back(samples_[at++]);
      }
      ++count_;
      const bool extreme = merged.empty() || (at == samples_.size() && i + 1 == buffer_.size());
      const auto delta =
          extreme ? 0 : static_cast<std::int64_t>(2 * error_ * static_cast<double>(count_));
      merged.push_back({buffer_[i], 1, delta});
    }
    merged.insert(merged.end(), samples_.begin() + static_cast<std::ptrdiff_t>(at), samples_.end());
    samples_ = std::move(merged);
    buffer_.clear();
    if (samples_.size() > compress_limit) compress();
  }

 private:
  static constexpr std::size_t buffer_limit = 4096;
  static constexpr std::size_t compress_limit = 10'000;
  struct Sample {
    double value;
    std::int64_t gap;    ///< least rank minus that of the sample before
    std::int64_t delta;  ///< greatest rank minus least rank
  };

  /// Joins neighbours as far as the error allows; keeps the first and the last sample.
  void compress() {
    const double limit = 2 * error_ * static_cast<double>(count_);
    std::vector<Sample> kept;
    Sample head = samples_.back();
    for (std::size_t i = samples_.size() - 1; i-- > 1;) {
      const Sample& sample = samples_[i];
      if (static_cast<double>(sample.gap + head.gap + head.delta) < limit) {
        head.gap += sample.gap;
      } else {
        kept.push_back(head);
        head = sample;
      }
    }
    kept.push_back(head);
    if (samples_.size() > 1) kept.push_back(samples_.front());
    std::reverse(kept.begin(), kept.end());
    samples_ = std::move(kept);
  }

  double error_;
  std::int64_t count_ = 0;
  std::vector<Sample> samples_;
  std::vector<double> buffer_;
};

template <class T>
struct QuantilePolicy {
  struct Object {
    QuantileSketch sketch;
    QuantileSketch other;  // a merge reads into it
    void clear() { sketch.clear(); }
  };
  Percentages percentages;
  double error;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types{TypeId::binary};
  DataType result_type;

  QuantilePolicy(const DataType& type, Percentages wanted, double relative_error)
      : percentages(std::move(wanted)),
        error(relative_error),
        argument_types{type},
        result_type(percentages.type(type)) {}

  std::unique_ptr<Object> make() const {
    return std::make_unique<Object>(Object{QuantileSketch(error), QuantileSketch(error)});
  }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    o.sketch.add(static_cast<double>(arguments[0]->values<T>()[row]));
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    o.other.read(columns[0]->string(row));
    o.sketch.merge(o.other);
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    QuantileSketch flushed = o.sketch;
    flushed.flush();
    std::string bytes;
    flushed.write(bytes);
    builders[0].append_string(bytes);
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    if (o == nullptr) return builder.append_null();
    QuantileSketch flushed = o->sketch;
    flushed.flush();
    percentages.append(builder, [&](ColumnBuilder& to, double p) {
      to.append(static_cast<T>(flushed.quantile(p)));
    });
  }
};

}  // namespace

AggregatePtr resolve_percentile_approx(const Request& request) {
  const DataType& type = request.arguments[0];
  if (type.id() == TypeId::boolean || !is_fixed_width(type)) {
    wrong_types(request, "a number, date, timestamp or interval");
  }
  double accuracy = 10'000;
  if (request.options.size() > 1 &&
      (!number_of(request.options[1], accuracy) || accuracy < 1 || accuracy > 2'147'483'647)) {
    wrong_types(request, "an accuracy between 1 and 2147483647 behind the percentage");
  }
  Percentages percentages = Percentages::parse(request);
  return visit_storage(type, [&](auto zero) -> AggregatePtr {
    using Policy = QuantilePolicy<decltype(zero)>;
    return std::make_shared<ObjectAggregate<Policy>>(
        request, Policy(type, std::move(percentages), 1 / accuracy));
  });
}

}  // namespace libstream::aggregates
