#pragma once

#include "random.hpp"

#include <libstream/batch.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace libstream::apps {

/// Words of a made-up language: 2 to 11 letters, frequencies as 1 / rank (Zipf). Every word of the
/// stream depends on the seed and its number alone.
class WordGenerator final {
 public:
  WordGenerator(std::uint64_t seed, std::size_t vocabulary);

  static Schema schema();
  /// Words [first, first + count) of the stream.
  BatchPtr generate(std::uint64_t first, std::uint64_t count) const;
  std::size_t vocabulary() const { return words_.size(); }

 private:
  void make_words();
  void make_alias_table();

  std::uint64_t seed_;
  std::vector<StringView> words_;  ///< by rank; all inline
  /// Walker's alias method: a column is kept with its probability, else replaced.
  std::vector<double> keep_;
  std::vector<std::uint32_t> alias_;
};

}  // namespace libstream::apps
