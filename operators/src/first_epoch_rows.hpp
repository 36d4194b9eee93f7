#pragma once

#include "static_plan.hpp"

#include <libstream/static_side.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace libstream {

/// The rows of a bounded plan that an operation takes in the query's first epoch and never again.
/// They are loaded when that epoch begins, and again where it is repeated: its decision has them in
/// the state.
class FirstEpochRows final : public StaticSide {
 public:
  explicit FirstEpochRows(std::unique_ptr<StaticPlan> plan) : plan_(std::move(plan)) {}

  std::string describe() const override { return plan_->describe(); }
  std::string prepare(Epoch epoch, const EpochContext& context) override;

  /// Of the first epoch, while it runs.
  std::vector<BatchPtr> batches() const;

 private:
  std::unique_ptr<StaticPlan> plan_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::vector<BatchPtr> batches_;
};

/// `factory`, whose operator gets the rows at `input` before all others. With `keys` each task gets
/// those of its own key groups, without any the first task gets all.
OperatorFactory with_first_epoch_rows(OperatorFactory factory, std::size_t input,
                                      std::vector<std::uint32_t> keys,
                                      std::shared_ptr<const FirstEpochRows> rows);

}  // namespace libstream
