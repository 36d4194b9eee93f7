#pragma once

#include <libstream/data_stream.hpp>

#include <cstdint>
#include <vector>

namespace libstream::apps {

/// The table of q13: a key and a value, 10,000 rows.
inline constexpr std::int64_t side_rows = 10'000;
std::vector<Row> side_input();

/// Bids with the value that the table has for their auction modulo 10,000.
DataStream q13(const DataStream& bids);

/// The same as a bare loop: an array indexed by the key, all other columns by reference.
class SideInputLoop final {
 public:
  SideInputLoop();
  void operator()(const Batch& batch);

 private:
  std::vector<StringView> values_;  ///< by key; all inline
  std::vector<StringView> out_;
  std::vector<ColumnPtr> columns_;
};

}  // namespace libstream::apps
