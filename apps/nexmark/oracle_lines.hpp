#pragma once

#include <libstream/batch.hpp>

#include <string>
#include <type_traits>
#include <vector>

// Rows as text for the oracles: one line a row, its values ended by bars.
namespace libstream::apps {

using Lines = std::vector<std::string>;

std::string line_of(const Batch& batch, std::size_t row, std::size_t begin = 0,
                    std::size_t end = ~std::size_t{0});

template <class... Parts>
std::string join(const Parts&... parts) {
  std::string line;
  const auto add = [&](const auto& part) {
    if constexpr (std::is_convertible_v<decltype(part), std::string>) {
      line += part;
    } else {
      line += std::to_string(part);
    }
    line += "|";
  };
  (add(parts), ...);
  return line;
}

/// An empty text, or the first difference.
std::string compare(Lines expected, Lines got);

}  // namespace libstream::apps
