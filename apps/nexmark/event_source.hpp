#pragma once

#include "meter.hpp"
#include "supply.hpp"

#include <libstream/source.hpp>

#include <cstdint>
#include <memory>

namespace libstream::apps {

struct EventSourceOptions {
  std::uint64_t events = 0;  ///< 0: until `cpu_seconds` are used
  double cpu_seconds = 5;
  std::uint64_t epoch_events = 0;  ///< planned for one epoch
  std::uint32_t tasks = 1;
};

/// Events of a supply as a replayable source: its offset is the number of events read.
class EventSource final : public Source {
 public:
  EventSource(std::shared_ptr<const Supply> supply, std::shared_ptr<Meter> meter,
              EventSourceOptions options);

  const Schema& schema() const override { return schema_; }
  std::string describe() const override;
  void restore(const Offset& committed, const StateReader& state) override;
  std::optional<PlannedRange> plan(bool unlimited) override;
  void rewind(const Offset& committed) override;
  // Nothing new arrives by itself: the end is fixed by the options.
  void freeze() override {}
  std::unique_ptr<SourceReader> reader(std::uint32_t task, std::uint32_t tasks) override;

  std::uint64_t planned_events() const { return planned_; }

 private:
  std::shared_ptr<const Supply> supply_;
  std::shared_ptr<Meter> meter_;
  EventSourceOptions options_;
  Schema schema_;
  std::uint64_t planned_ = 0;
};

}  // namespace libstream::apps
