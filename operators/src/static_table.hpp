#pragma once

#include "static_index.hpp"
#include "static_plan.hpp"

#include <libstream/static_side.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// One version of a join's bounded side: immutable, shared by all tasks.
struct StaticTable {
  std::uint64_t number = 0;  ///< tells versions apart
  std::size_t size = 0;      ///< rows
  BatchPtr rows;             ///< where asked for, with a row of nulls behind the last
  /// Over all rows; null where each task makes its own.
  std::shared_ptr<const StaticIndex> index;
};

/// Keeps the table of the newest epoch.
class StaticTableSide final : public StaticSide {
 public:
  struct Form {
    Schema schema;
    std::vector<std::uint32_t> keys;
    std::vector<bool> null_safe;
    bool null_row = false;
    bool shared_index = true;
  };
  StaticTableSide(std::unique_ptr<StaticPlan> plan, Form form);

  std::string describe() const override { return plan_->describe(); }
  std::string prepare(Epoch epoch, const EpochContext& context) override;

  /// Of an epoch that was prepared last.
  std::shared_ptr<const StaticTable> table(Epoch epoch) const;
  const Form& form() const { return form_; }

 private:
  std::shared_ptr<const StaticTable> make_table();

  std::unique_ptr<StaticPlan> plan_;
  const Form form_;
  std::uint64_t versions_ = 0;
  std::string version_;
  bool stale_ = false;        ///< the plan has rows that are in no table yet
  mutable std::mutex mutex_;  ///< guards what follows
  std::optional<Epoch> epoch_;
  std::shared_ptr<const StaticTable> table_;
};

}  // namespace libstream
