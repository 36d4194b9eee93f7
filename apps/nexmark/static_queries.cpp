#include "static_queries.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <string>

namespace libstream::apps {
namespace {

std::string side_value(std::int64_t key) { return "side-" + std::to_string(key); }

}  // namespace

std::vector<Row> side_input() {
  std::vector<Row> rows;
  for (std::int64_t key = 0; key < side_rows; ++key) rows.push_back({key, side_value(key)});
  return rows;
}

DataStream q13(const DataStream& bids) {
  MemoryStream table("key bigint, value string");
  table.add(side_input());
  const auto side = DataStreamReader(bids.runtime(), false).memory(table).cache();
  return bids.join(side, col("auction") % side_rows == col("key"))
      .select("auction", "bidder", "price", "dateTime", "extra", "value");
}

SideInputLoop::SideInputLoop() {
  for (std::int64_t key = 0; key < side_rows; ++key) {
    const auto text = side_value(key);
    values_.emplace_back(StringView(text));
    LIBSTREAM_ASSERT(values_.back().is_inline(), "the bytes of values are in their views");
  }
}

void SideInputLoop::operator()(const Batch& batch) {
  out_.resize(std::max(out_.size(), batch.rows));
  const auto* auction = batch.columns[0]->values<std::int64_t>();
  for (std::size_t i = 0; i < batch.rows; ++i) {
    out_[i] = values_[static_cast<std::size_t>(auction[i] % side_rows)];
  }
  columns_ = {batch.columns[0], batch.columns[1], batch.columns[2], batch.columns[5],
              batch.columns[6]};
  asm volatile("" : : : "memory");  // as if all of it were read here
}

}  // namespace libstream::apps
