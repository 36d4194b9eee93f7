// What a recomputation cannot pin to the last digit: approximations, and refusals.
#include "accumulator.hpp"

#include <libstream/aggregate.hpp>
#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

TEST_CASE("approx_count_distinct errs as little as it is asked to") {
  for (const double deviation : {0.05, 0.02, 0.01}) {
    const DataType types[] = {TypeId::bigint};
    const Value options[] = {Value(deviation)};
    const AggregatePtr f = resolve_aggregate("approx_count_distinct", types, options, false);
    for (const std::int64_t exact : {10, 100, 300, 1'000, 2'000, 3'000, 10'000, 100'000}) {
      double squares = 0;
      constexpr int trials = 12;
      for (int trial = 0; trial < trials; ++trial) {
        const auto buffer = Buffer::allocate(static_cast<std::size_t>(exact) * 8);
        for (std::int64_t i = 0; i < exact; ++i) {
          buffer->as<std::int64_t>()[i] = i * 7919 + trial * 1'000'000'007LL;
        }
        const auto size = static_cast<std::size_t>(exact);
        const ColumnPtr columns[] = {Column::fixed(TypeId::bigint, size, buffer)};
        Accumulator state(*f);
        f->update_single(state.data(), columns, nullptr, size);
        const double error =
            static_cast<double>(state.result().integer() - exact) / static_cast<double>(exact);
        squares += error * error;
      }
      CAPTURE(exact);
      CAPTURE(deviation);
      const double measured = std::sqrt(squares / trials);
      INFO("measured standard error ", measured);
      CHECK(measured < deviation * 1.3);
    }
  }
}

TEST_CASE("percentile_approx keeps the ranks that its accuracy promises") {
  const DataType types[] = {TypeId::float64};
  const Value options[] = {Value(ValueList{Value(0.01), Value(0.5), Value(0.99)}), Value(200)};
  const AggregatePtr f = resolve_aggregate("percentile_approx", types, options, false);
  std::mt19937_64 random(7);
  constexpr std::size_t size = 200'000;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < size; ++i) rows.push_back({Value(static_cast<double>(i))});
  std::shuffle(rows.begin(), rows.end(), random);
  for (const bool merged : {false, true}) {
    Accumulator state(*f);
    const auto columns = columns_of(*f, rows);
    if (!merged) {
      f->update_single(state.data(), columns, nullptr, size);
    } else {
      for (std::size_t begin = 0; begin < size; begin += size / 8) {
        Accumulator part(*f);
        const ColumnPtr piece[] = {columns[0]->slice(begin, size / 8)};
        f->update_single(part.data(), piece, nullptr, size / 8);
        state.merge(part.intermediates());
      }
    }
    const ValueList result = state.result().list();
    const double wanted[] = {0.01, 0.5, 0.99};
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(std::fabs(result[i].real() / size - wanted[i]) <= 1.0 / 200);
    }
    CHECK(state.intermediates()[0]->string(0).size() < size);  // it forgets most values
  }
}

TEST_CASE("A lost try_sum stays null, also when it would come back") {
  const DataType types[] = {TypeId::bigint};
  const AggregatePtr f = resolve_aggregate("try_sum", types, {}, false);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Rows rows{{Value(most)}, {Value(1)}, {Value(-1)}};
  CHECK(in_one(*f, rows).is_null());
  CHECK(restarted(*f, rows).is_null());
  CHECK(in_one(*f, {{Value(most)}, {Value(-1)}}) == Value(most - 1));
  const DataType decimals[] = {DataType::decimal(38, 0)};
  const AggregatePtr wide = resolve_aggregate("try_sum", decimals, {}, false);
  int128 nines = 1;
  for (int i = 0; i < 38; ++i) nines *= 10;
  nines -= 1;
  CHECK(in_one(*wide, {{Value(nines)}, {Value(int128{1})}}).is_null());
  CHECK(in_one(*wide, {{Value(nines)}, {Value(int128{-1})}}) == Value(nines - 1));
  const AggregatePtr mean = resolve_aggregate("try_avg", decimals, {}, false);
  CHECK(in_one(*mean, {{Value(int128{1})}, {Value(int128{2})}}) == Value(int128{15'000}));
  CHECK(in_one(*mean, {{Value(nines)}, {Value(nines)}, {Value(nines)}}).is_null());
}

TEST_CASE("histogram_numeric joins the nearest bins") {
  const DataType types[] = {TypeId::bigint};
  const Value options[] = {Value(5)};
  const AggregatePtr f = resolve_aggregate("histogram_numeric", types, options, false);
  // The example of the documentation of Spark.
  const Value few = in_one(*f, {{Value(0)}, {Value(1)}, {Value(2)}, {Value(10)}});
  CHECK(
      to_text(few, f->result_type()) ==
      to_text(Value(ValueList{
                  Value(ValueList{Value(0), Value(1.0)}), Value(ValueList{Value(1), Value(1.0)}),
                  Value(ValueList{Value(2), Value(1.0)}), Value(ValueList{Value(10), Value(1.0)})}),
              f->result_type()));
  std::mt19937_64 random(3);
  Rows rows;
  for (int i = 0; i < 500; ++i) rows.push_back({Value(static_cast<std::int64_t>(random() % 1000))});
  for (const Value& value : {in_one(*f, rows), in_parts(*f, rows, random, true)}) {
    CHECK(value.list().size() == 5);
    double weight = 0;
    for (const Value& bin : value.list()) weight += bin.list()[1].real();
    CHECK(weight == 500);
    CHECK(std::is_sorted(value.list().begin(), value.list().end()));
  }
  CHECK(in_one(*f, {}).is_null());
}

TEST_CASE("count_min_sketch counts no value too low, and few too high") {
  const DataType types[] = {TypeId::string};
  const Value options[] = {Value(0.05), Value(0.95), Value(1)};
  const AggregatePtr f = resolve_aggregate("count_min_sketch", types, options, false);
  std::mt19937_64 random(3);
  Rows rows;
  for (int i = 0; i < 300; ++i) rows.push_back({Value("v" + std::to_string(random() % 20))});
  const Value whole_sketch = in_one(*f, rows);
  CHECK(whole_sketch == in_parts(*f, rows, random, true));
  CHECK(whole_sketch == restarted(*f, rows));
  // version 1, 300 rows, depth 5, width 40: the layout that Spark reads
  const std::string& bytes = whole_sketch.text();
  CHECK(bytes.size() == 20 + 5 * 8 + 5 * 40 * 8);
  CHECK(bytes.substr(0, 20) == std::string("\0\0\0\1\0\0\0\0\0\0\1\x2c\0\0\0\5\0\0\0\x28", 20));
  std::int64_t first_row = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    first_row += static_cast<unsigned char>(bytes[60 + i * 8 + 7]);
  }
  CHECK(first_row == 300);
}

TEST_CASE("Settings and types that an aggregate does not take are refused by name") {
  const auto refused = [](const char* name, std::vector<DataType> types, std::vector<Value> options,
                          const char* error_class) {
    try {
      resolve_aggregate(name, types, options, false);
      FAIL(name);
    } catch (const Error& error) {
      CAPTURE(std::string(error.what()));
      CHECK(error.error_class() == error_class);
      CHECK(std::string(error.what()).find(name) != std::string::npos);
    }
  };
  refused("percentile", {TypeId::bigint}, {Value(1.5)}, "DATATYPE_MISMATCH");
  refused("percentile", {TypeId::bigint}, {}, "DATATYPE_MISMATCH");
  refused("percentile_approx", {TypeId::bigint}, {Value(0.5), Value(0)}, "DATATYPE_MISMATCH");
  refused("approx_count_distinct", {TypeId::bigint}, {Value(0.9)}, "DATATYPE_MISMATCH");
  refused("bool_and", {TypeId::bigint}, {}, "DATATYPE_MISMATCH");
  refused("bit_and", {TypeId::float64}, {}, "DATATYPE_MISMATCH");
  refused("corr", {TypeId::float64}, {}, "WRONG_NUM_ARGS");
  refused("sum", {TypeId::float64}, {Value(1)}, "WRONG_NUM_ARGS");
  refused("stddev", {DataType::array(TypeId::bigint)}, {}, "DATATYPE_MISMATCH");
  refused("first", {TypeId::bigint}, {Value(1)}, "DATATYPE_MISMATCH");
}
