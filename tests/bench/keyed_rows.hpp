#pragma once

#include "supply.hpp"

#include <libstream/column.hpp>
#include <libstream/hash.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

/// Rows (key, value); each batch is made once and handed on in turn.
class KeyedRows final : public libstream::apps::Supply {
 public:
  static constexpr std::size_t rows_per_batch = 4096;
  enum class Draw : std::uint8_t {
    evenly,   ///< any key, each as likely
    in_turn,  ///< 0, 1, … and again from 0
  };

  KeyedRows(std::size_t keys, std::size_t batches, Draw draw) {
    using namespace libstream;
    std::uint64_t number = 0;
    for (std::size_t b = 0; b < batches; ++b) {
      const auto key = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
      const auto value = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
      for (std::size_t i = 0; i < rows_per_batch; ++i, ++number) {
        const auto drawn = draw == Draw::evenly ? hash_word(number + 1) : number;
        key->as<std::int64_t>()[i] = static_cast<std::int64_t>(drawn % keys);
        value->as<std::int64_t>()[i] = static_cast<std::int64_t>(i);
      }
      batches_.push_back(make_batch({Column::fixed(TypeId::bigint, rows_per_batch, key),
                                     Column::fixed(TypeId::bigint, rows_per_batch, value)},
                                    rows_per_batch));
    }
  }
  libstream::Schema schema() const override {
    return libstream::Schema::parse("key bigint, value bigint");
  }
  std::uint64_t events_per_batch() const override { return rows_per_batch; }
  std::uint64_t rows(std::uint64_t events) const override { return events; }
  libstream::BatchPtr batch(std::uint64_t number) const override {
    return batches_[number % batches_.size()];
  }
  std::uint64_t samples() const override { return batches_.size(); }
  libstream::BatchPtr sample(std::uint64_t number) const override { return batches_[number]; }

 private:
  std::vector<libstream::BatchPtr> batches_;
};
