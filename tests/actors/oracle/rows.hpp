#pragma once

// The rows of random queries, and expressions over them told twice.

#include "chance.hpp"
#include "step.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace libstream::oracle {

constexpr std::int64_t second = 1'000'000;
constexpr std::string_view input_schema =
    "k string, g double, ts timestamp, v bigint, d double, m decimal(12,2), t string, id bigint";
/// The input's columns; what a query adds stands behind them.
enum Input : std::size_t { k, g, ts, v, d, m, t, id, input_columns };

enum class Kind { text, real, time, whole, decimal, truth };

/// An expression over a row of the input.
struct Scalar {
  std::string text;
  Kind kind;
  std::function<Value(const Row&)> value;
};

const std::vector<Scalar>& scalars();
/// Conditions that leave the event time alone, and those that read it.
const std::vector<Scalar>& conditions();
const std::vector<Scalar>& time_conditions();
/// Expressions that fail for some rows, by throwing RowError.
const std::vector<Scalar>& failing_scalars();
const Scalar& pick_scalar(Chance& chance, const std::vector<Kind>& kinds);

Columns input_row();
/// A row at around `now` seconds. `id` differs in every row of a case.
Row pick_row(Chance& chance, std::int64_t now, std::int64_t id);

}  // namespace libstream::oracle
