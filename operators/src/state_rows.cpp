#include "group_states.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/state_columns.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <utility>

namespace libstream {
namespace {

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

/// Entries of an aggregation, whose accumulators are built up again.
class AggregateRows final : public StateRows {
 public:
  explicit AggregateRows(const StateColumns& columns) : keys_(columns.keys) {
    auto fields = keys_;
    for (const auto& aggregate : columns.aggregates) {
      calls_.push_back(call_of(aggregate));
      fields.push_back({aggregate.name, calls_.back().function->result_type(), true});
    }
    schema_ = Schema(std::move(fields));
  }

  const Schema& schema() const override { return schema_; }
  std::size_t key_columns() const override { return keys_.size(); }

  void read(const StateReader& state,
            const std::function<void(const Batch& rows)>& visit) const override {
    GroupStates states(keys_, calls_);
    states.restore(
        state, [&](std::span<const ColumnPtr> keys, std::span<const GroupStates::Group> groups) {
          std::vector<ColumnPtr> columns(keys.begin(), keys.end());
          for (auto& result : states.results(groups)) columns.push_back(std::move(result));
          visit(*make_batch(std::move(columns), groups.size()));
        });
  }

 private:
  static AggregateCall call_of(const StateColumns::Aggregate& aggregate) {
    AggregateCall call;
    call.function =
        resolve_aggregate(aggregate.function, aggregate.arguments, {}, aggregate.distinct);
    call.name = aggregate.name;
    // count(*) with a filter has an accumulator of its own, as one of distinct rows has.
    call.distinct = aggregate.distinct || !aggregate.counts_rows;
    return call;
  }

  const std::vector<Field> keys_;
  std::vector<AggregateCall> calls_;
  Schema schema_;
};

/// Entries of which only the beginning of the key is known, if that.
class PlainRows final : public StateRows {
 public:
  explicit PlainRows(std::vector<Field> keys) : keys_(std::move(keys)) {
    auto fields = keys_;
    fields.push_back({keys_.empty() ? "keyBytes" : "keyRest", TypeId::string, true});
    fields.push_back({"valueBytes", TypeId::string, true});
    schema_ = Schema(std::move(fields));
  }

  const Schema& schema() const override { return schema_; }
  std::size_t key_columns() const override { return std::max<std::size_t>(keys_.size(), 1); }

  void read(const StateReader& state,
            const std::function<void(const Batch& rows)>& visit) const override {
    std::vector<ColumnBuilder> builders;
    for (const Field& field : schema_) builders.emplace_back(field.type);
    std::size_t rows = 0;
    const auto flush = [&] {
      if (rows == 0) return;
      std::vector<ColumnPtr> columns;
      for (ColumnBuilder& builder : builders) columns.push_back(builder.finish());
      visit(*make_batch(std::move(columns), std::exchange(rows, 0)));
    };
    state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
      for (std::size_t i = 0; i < keys_.size(); ++i) decode_value(key, builders[i]);
      append(builders[keys_.size()], key);
      append(builders[keys_.size() + 1], value);
      if (++rows == batch_rows) flush();
    });
    flush();
  }

 private:
  static void append(ColumnBuilder& builder, std::string_view bytes) {
    if (bytes.empty()) return builder.append_null();
    builder.append_string(hexadecimal(bytes));
  }

  const std::vector<Field> keys_;
  Schema schema_;
};

}  // namespace

std::unique_ptr<StateRows> state_rows(const StateColumns& columns) {
  const bool all = std::ranges::all_of(columns.aggregates, &StateColumns::Aggregate::resolvable);
  if (all && !columns.aggregates.empty()) return std::make_unique<AggregateRows>(columns);
  return std::make_unique<PlainRows>(columns.keys);
}

}  // namespace libstream
