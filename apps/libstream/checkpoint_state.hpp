#pragma once

#include <libstream/checkpoint/checkpoint_reader.hpp>

#include <optional>
#include <ostream>
#include <string>

namespace libstream::apps {

struct StateQuestion {
  std::string op;                  ///< id, or a name that only one operator has
  std::optional<std::string> key;  ///< all or the first columns of a key, as text
  bool csv = false;
};

/// A line an entry. Throws Error(invalid_argument) naming the operators that there are.
void print_state(CheckpointReader& reader, Epoch epoch, const StateQuestion& question,
                 std::ostream& out);

}  // namespace libstream::apps
