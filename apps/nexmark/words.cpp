#include "words.hpp"

#include <libstream/column.hpp>

#include <unordered_set>

namespace libstream::apps {

WordGenerator::WordGenerator(std::uint64_t seed, std::size_t vocabulary)
    : seed_(seed), words_(vocabulary), keep_(vocabulary, 1.0), alias_(vocabulary) {
  make_words();
  make_alias_table();
}

void WordGenerator::make_words() {
  SeededDraws draws(seed_, ~std::uint64_t{2});
  std::unordered_set<std::string> taken;
  for (StringView& view : words_) {
    std::string word;
    do {
      word.assign(2 + draws.below(5) + draws.below(6), 'a');
      for (char& c : word) c = static_cast<char>('a' + draws.below(26));
    } while (!taken.insert(word).second);
    view = StringView(word);
  }
}

void WordGenerator::make_alias_table() {
  const std::size_t n = words_.size();
  double harmonic = 0;
  for (std::size_t rank = 1; rank <= n; ++rank) harmonic += 1.0 / static_cast<double>(rank);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < n; ++i) {
    alias_[i] = i;
    keep_[i] = static_cast<double>(n) / (harmonic * (static_cast<double>(i) + 1));
    (keep_[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    alias_[poor] = rich;
    keep_[rich] -= 1 - keep_[poor];
    if (keep_[rich] < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  for (const std::uint32_t rest : small) keep_[rest] = 1;  // Rounding errors.
  for (const std::uint32_t rest : large) keep_[rest] = 1;
}

Schema WordGenerator::schema() { return Schema::parse("word string"); }

BatchPtr WordGenerator::generate(std::uint64_t first, std::uint64_t count) const {
  const auto values = Buffer::allocate(count * sizeof(StringView));
  auto* views = values->as<StringView>();
  for (std::uint64_t i = 0; i < count; ++i) {
    SeededDraws draws(seed_, first + i);
    const std::uint64_t column = draws.below(words_.size());
    views[i] = words_[draws.unit() < keep_[column] ? column : alias_[column]];
  }
  return make_batch({Column::fixed(TypeId::string, count, values)});
}

}  // namespace libstream::apps
