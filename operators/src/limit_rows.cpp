#include <libstream/error.hpp>
#include <libstream/operators/deduplicate.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

/// The state: one entry, the number of rows passed so far, in key group 0.
class LimitRows final : public Operator {
 public:
  explicit LimitRows(const LimitSpec& spec) : spec_(spec) {}

  void restore(const StateReader& state, Watermark /*late*/) override {
    state.for_each([this](std::uint32_t, std::string_view, std::string_view value) {
      if (value.size() != sizeof passed_) {
        throw Error(ErrorCode::corrupt,
                    "state entry of a limit has the wrong length; restart from an older "
                    "checkpoint");
      }
      std::memcpy(&passed_, value.data(), sizeof passed_);
    });
  }

  void start(const EpochStart&) override {
    if (!spec_.stateful) passed_ = 0;
    before_ = passed_;
    dropped_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const auto room = spec_.rows - std::min(passed_, spec_.rows);
    const auto taken = std::min<std::uint64_t>(room, batch->rows);
    passed_ += taken;
    dropped_ += batch->rows - taken;
    if (taken == batch->rows) {
      output.emit(std::move(batch));
    } else if (taken > 0) {
      output.emit(slice(*batch, 0, taken));
    }
    return Flow::done;
  }

  void collect_changes(ChangelogWriter& changes) override {
    if (!spec_.stateful || passed_ == before_) return;
    changes.put(0, {}, {reinterpret_cast<const char*>(&passed_), sizeof passed_});
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.filtered_rows = dropped_;
    if (!spec_.stateful) return metrics;
    metrics.stateful = true;
    metrics.state_rows = passed_ > 0 ? 1 : 0;
    metrics.state_updated = passed_ > before_ ? 1 : 0;
    metrics.state_bytes = sizeof passed_;
    return metrics;
  }

 private:
  LimitSpec spec_;
  std::uint64_t passed_ = 0;
  std::uint64_t before_ = 0;  ///< at the epoch's start
  std::uint64_t dropped_ = 0;
};

}  // namespace

OperatorFactory limit_rows(LimitSpec spec) {
  return [spec](const OperatorContext& context) -> std::unique_ptr<Operator> {
    LIBSTREAM_ASSERT(context.partitions == 1, "a limit counts in one task");
    return std::make_unique<LimitRows>(spec);
  };
}

}  // namespace libstream
