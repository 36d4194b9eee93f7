#pragma once

#include <libstream/checkpoint/checkpoint_reader.hpp>

#include <ostream>

namespace libstream::apps {

struct DifferenceQuestion {
  Epoch from{};
  Epoch to{};
  bool rows = false;
  bool json = false;
};

/// Offsets, watermark, totals and, operator by operator, the keys that came, went and changed.
void print_difference(CheckpointReader& reader, const DifferenceQuestion& question,
                      std::ostream& out);

}  // namespace libstream::apps
