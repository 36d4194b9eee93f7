#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/batch.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace libstream {

/// The arguments and filters of several aggregates, evaluated a batch at a time. Plain columns pass
/// by reference. Arguments of an aggregate with a filter are evaluated for the rows that pass it
/// only, so that `sum(1 / x) FILTER (WHERE x <> 0)` divides by no zero.
class AggregateArguments {
 public:
  explicit AggregateArguments(const std::vector<AggregateCall>& calls);

  void evaluate(const Batch& batch, const EpochContext& context);
  /// Of the last batch; values at rows that the mask excludes are unspecified.
  std::span<const ColumnPtr> arguments(std::size_t aggregate) const {
    return inputs_[aggregate].columns;
  }
  /// 1 where the row counts; nullptr = all rows.
  const std::uint8_t* mask(std::size_t aggregate) const {
    const Input& input = inputs_[aggregate];
    return input.filtered ? input.mask.data() : nullptr;
  }

 private:
  static constexpr std::uint32_t direct = 0x80000000U;  // else: index into the evaluator's results
  struct Input {
    std::vector<std::uint32_t> places;  // of each argument
    bool filtered = false;
    std::uint32_t filter_place = 0;
    std::optional<Evaluator> own;  // arguments behind a filter
    std::vector<ColumnPtr> columns;
    std::vector<std::uint8_t> mask;
  };
  void evaluate_filtered(Input& input, const Batch& batch, const EpochContext& context);

  std::vector<Input> inputs_;
  std::optional<Evaluator> evaluator_;
};

}  // namespace libstream
