// The operator of state by key alone: random functions, timeouts and epochs against a loop, with
// counters, full outputs and a restart behind every barrier.
#include "../support/groups_model.hpp"
#include "../support/operator_test.hpp"

#include <libstream/operators/keyed_stream.hpp>

#include <doctest/doctest.h>

#include <random>

using namespace libstream;
using namespace libstream::test;

namespace {

const Schema rows_schema = Schema::parse("key bigint, value bigint, time timestamp");
const Schema states_schema = Schema::parse("key bigint, sum bigint, note string, last bigint");

template <class F, bool OneRow>
GroupOperatorSpec spec_of(const UserFunction& function) {
  using Function = TypedGroupFunction<std::optional<std::int64_t>, Reading, Kept, Told, F, OneRow>;
  GroupOperatorSpec spec;
  spec.name = "told";
  spec.keys = spec.initial_keys = {0};
  spec.key_fields = {rows_schema[0]};
  spec.event_column = 2;
  spec.watermarked = function.watermarked;
  spec.timeout = function.timeout;
  spec.function = [function, fields = spec.key_fields] {
    return std::make_unique<Function>(F{function}, "told", rows_schema, Schema(fields),
                                      states_schema);
  };
  return spec;
}

class RandomGroups {
 public:
  explicit RandomGroups(std::uint64_t seed) : chance_(seed) {
    UserFunction function{chance_(), static_cast<GroupTimeout>(pick(3)), pick(2) == 0};
    if (function.timeout == GroupTimeout::event_time) function.watermarked = true;
    model_.function = function;
    model_.one_row = pick(3) == 0;
    OperatorTest::Options options;
    options.partitions = static_cast<std::uint32_t>(1 + pick(4));
    options.restart_always = pick(3) == 0;
    options.refuse = pick(2) == 0;
    auto spec = model_.one_row ? spec_of<OneRowFunction, true>(function)
                               : spec_of<UserFunction, false>(function);
    shape_ = "timeouts by " + std::string(to_string(function.timeout)) + ", " +
             std::to_string(options.partitions) + " partitions" +
             (model_.one_row ? ", one row a call" : "") +
             (options.restart_always ? ", restarts" : "") + (options.refuse ? ", full" : "");
    std::vector<OperatorTest::Step> steps;
    steps.emplace_back(group_operator(std::move(spec)), std::vector<std::uint32_t>{0});
    test_.emplace(std::move(steps), rows_schema, options);
  }

  void run() {
    for (auto epochs = 3 + pick(12); epochs > 0; --epochs) run_epoch();
  }
  std::size_t rows() const { return rows_; }
  std::string shape() const { return shape_; }

 private:
  std::uint64_t pick(std::uint64_t count) { return chance_() % count; }
  static Value value(const std::optional<std::int64_t>& number) {
    return number ? Value(*number) : Value();
  }

  void give_initial_states() {
    std::vector<Row> rows;
    for (std::int64_t key = 0; key < 7; key += static_cast<std::int64_t>(1 + pick(3))) {
      const std::optional<std::int64_t> name = key == 6 ? std::nullopt : std::optional(key);
      const Kept kept{static_cast<std::int64_t>(pick(100)), "first", std::nullopt};
      model_.set_initial(name, kept);
      rows.push_back({value(name), kept.sum, kept.note, Value()});
    }
    test_->process_batch(batch_of(states_schema, rows), 1);
  }

  void run_epoch() {
    GroupsModel::Epoch epoch;
    now_ += static_cast<std::int64_t>(pick(3000));
    if (pick(3) != 0) watermark_ += static_cast<std::int64_t>(pick(3000));
    epoch.timestamp = now_;
    epoch.watermark = watermark_;
    test_->set_time(now_);
    if (!begun_ && pick(2) == 0) give_initial_states();
    begun_ = true;
    for (auto batches = pick(4); batches > 0; --batches) {
      std::vector<Row> rows;
      for (auto count = 1 + pick(12); count > 0; --count) {
        Reading reading{std::nullopt, static_cast<std::int64_t>(pick(9)), std::nullopt};
        if (pick(8) != 0) reading.key = static_cast<std::int64_t>(pick(6));
        if (pick(8) != 0) {
          reading.time =
              Instant(std::chrono::milliseconds(watermark_ + static_cast<int>(pick(6000)) - 2000));
        }
        epoch.rows.push_back(reading);
        rows.push_back(
            {value(reading.key), reading.value,
             reading.time ? Value(reading.time->time_since_epoch().count() * 1000) : Value()});
      }
      test_->process(rows);
    }
    check(epoch);
    if (pick(4) == 0) test_->restart(static_cast<std::uint32_t>(1 + pick(5)));
  }

  void check(const GroupsModel::Epoch& epoch) {
    auto found = test_->barrier(watermark_);
    auto wanted = model_.run(epoch);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    CHECK(found == wanted);
    rows_ += found.size();
    const auto& metrics = test_->metrics();
    CHECK(metrics.state_rows == model_.counts().total);
    CHECK(metrics.state_updated == model_.counts().updated);
    CHECK(metrics.state_removed == model_.counts().removed);
    CHECK(metrics.late_rows == model_.counts().late);
    CHECK(test_->late_rows().size() == model_.counts().late);
  }

  std::mt19937_64 chance_;
  GroupsModel model_;
  std::optional<OperatorTest> test_;
  bool begun_ = false;
  std::int64_t now_ = 1;
  std::int64_t watermark_ = 0;
  std::size_t rows_ = 0;
  std::string shape_;
};

}  // namespace

TEST_CASE("groups, counters and late rows are those of a loop, over full outputs and restarts") {
  std::size_t rows = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    RandomGroups groups(seed);
    CAPTURE(groups.shape());
    groups.run();
    rows += groups.rows();
  }
  CHECK(rows > 50'000);
}

TEST_CASE("a key that comes and goes leaves nothing behind") {
  UserFunction function{7, GroupTimeout::none, false};
  auto spec = spec_of<UserFunction, false>(function);
  using State = GroupState<Kept>;
  const auto toggle = [](const std::optional<std::int64_t>&, std::span<const Reading>,
                         State& state) {
    if (state.exists()) {
      state.remove();
    } else {
      state.update({1, "there", std::nullopt});
      state.set_timeout_duration("1 day");
    }
    return std::vector<Told>{};
  };
  using Function =
      TypedGroupFunction<std::optional<std::int64_t>, Reading, Kept, Told, decltype(toggle), false>;
  spec.timeout = GroupTimeout::processing_time;
  spec.function = [&toggle, fields = spec.key_fields] {
    return std::make_unique<Function>(toggle, "toggle", rows_schema, Schema(fields), states_schema);
  };
  OperatorTest test({{group_operator(spec), {0}}}, rows_schema);
  std::vector<Row> rows;
  for (std::int64_t key = 0; key < 200; ++key) rows.push_back({key, std::int64_t{1}, Value()});
  std::uint64_t most = 0;
  for (std::int64_t epoch = 1; epoch <= 400; ++epoch) {
    test.set_time(epoch);
    test.process(rows);
    test.barrier();
    CHECK(test.metrics().state_rows == (epoch % 2 == 1 ? 200U : 0U));
    most = std::max(most, test.metrics().state_bytes);
    // One entry stays: the layout.
    if (epoch % 2 == 0) CHECK(test.state(0).entries().size() <= 128);
  }
  CHECK(most < 400'000);
}
