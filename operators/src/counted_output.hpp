#pragma once

#include <libstream/operator.hpp>

#include <cstdint>
#include <utility>

namespace libstream {

/// Counts the rows that go to the main port.
class CountedOutput final : public Output {
 public:
  CountedOutput(Output& output, std::uint64_t& rows) : output_(output), rows_(rows) {}

  void emit(BatchPtr batch, std::size_t port) override {
    if (port == main_port) rows_ += batch->rows;
    output_.emit(std::move(batch), port);
  }
  bool full() const override { return output_.full(); }
  bool connected(std::size_t port) const override { return output_.connected(port); }

 private:
  Output& output_;
  std::uint64_t& rows_;
};

}  // namespace libstream
