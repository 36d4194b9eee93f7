#pragma once

#include "../../actors/src/query_actors.hpp"

#include <libstream/environment.hpp>

namespace libstream::fakes {

/// The time of simulated actors, one after the other.
class VirtualClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override {
    return 1'700'000'000'000 + steady_microseconds() / 1000;
  }
  std::int64_t steady_microseconds() override {
    return before_ + (actors_ ? actors_->now_microseconds() : 0);
  }
  void follow(const SimulatedActors* actors) {
    before_ = steady_microseconds();
    actors_ = actors;
  }

 private:
  const SimulatedActors* actors_ = nullptr;
  std::int64_t before_ = 0;
};

}  // namespace libstream::fakes
