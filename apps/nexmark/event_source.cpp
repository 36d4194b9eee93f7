#include "event_source.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace libstream::apps {
namespace {

constexpr std::string_view offset_begin = R"({"events":)";

Offset offset_of(std::uint64_t events) {
  return std::string(offset_begin) + std::to_string(events) + "}";
}

std::uint64_t events_of(const Offset& offset) {
  if (offset.empty()) return 0;
  std::uint64_t events = 0;
  const char* begin = offset.data() + std::min(offset_begin.size(), offset.size());
  const auto [end, error] = std::from_chars(begin, offset.data() + offset.size(), events);
  if (!offset.starts_with(offset_begin) || error != std::errc{} || *end != '}') {
    throw Error(ErrorCode::incompatible,
                "offset " + offset + " is none of the event source; use another checkpoint");
  }
  return events;
}

/// Events [first, first + count); `first` at the start of a batch.
struct Run {
  std::uint64_t first;
  std::uint64_t count;
};

Run run_of(const ReadUnit& unit) {
  Run run{};
  LIBSTREAM_ASSERT(unit.bytes.size() == sizeof run, "a unit comes back as it was planned");
  std::memcpy(&run, unit.bytes.data(), sizeof run);
  return run;
}

class EventReader final : public SourceReader {
 public:
  EventReader(std::shared_ptr<const Supply> supply, std::shared_ptr<Meter> meter)
      : supply_(std::move(supply)), meter_(std::move(meter)) {}

  bool blocking() const override { return false; }

  void open(std::vector<ReadUnit> units) override {
    meter_->start();
    runs_.clear();
    for (const ReadUnit& unit : units) runs_.push_back(run_of(unit));
    std::reverse(runs_.begin(), runs_.end());
    metrics_ = {};
  }

  BatchPtr next() override {
    const std::uint64_t whole = supply_->events_per_batch();
    while (!runs_.empty()) {
      Run& run = runs_.back();
      const std::uint64_t events = std::min(run.count, whole);
      const std::uint64_t rows = supply_->rows(events);
      BatchPtr batch = rows == 0 ? nullptr : supply_->batch(run.first / whole);
      if (batch && rows < batch->rows) batch = slice(*batch, 0, rows);
      run.first += events;
      run.count -= events;
      if (run.count == 0) runs_.pop_back();
      if (!batch) continue;
      metrics_.rows += batch->rows;
      return batch;
    }
    return nullptr;
  }

  SourceMetrics metrics() const override { return metrics_; }

 private:
  std::shared_ptr<const Supply> supply_;
  std::shared_ptr<Meter> meter_;
  std::vector<Run> runs_;  ///< the next one last
  SourceMetrics metrics_;
};

}  // namespace

EventSource::EventSource(std::shared_ptr<const Supply> supply, std::shared_ptr<Meter> meter,
                         EventSourceOptions options)
    : supply_(std::move(supply)),
      meter_(std::move(meter)),
      options_(options),
      schema_(supply_->schema()) {
  // Epochs of whole batches: every run then begins at the start of one.
  const std::uint64_t whole = supply_->events_per_batch();
  options_.epoch_events = std::max<std::uint64_t>(options_.epoch_events / whole, 1) * whole;
}

std::string EventSource::describe() const { return "EventSource[" + schema_.to_string() + "]"; }

void EventSource::restore(const Offset& committed, const StateReader& /*state*/) {
  planned_ = events_of(committed);
}

void EventSource::rewind(const Offset& committed) { planned_ = events_of(committed); }

std::optional<PlannedRange> EventSource::plan(bool unlimited) {
  std::uint64_t count = options_.epoch_events;
  if (options_.events > 0) {
    const std::uint64_t left = options_.events - std::min(planned_, options_.events);
    count = unlimited ? left : std::min(count, left);
  } else if (!meter_->wants_more(planned_, count, options_.cpu_seconds)) {
    count = 0;
  }
  if (count == 0) return std::nullopt;

  PlannedRange range;
  range.start = planned_ == 0 ? Offset{} : offset_of(planned_);
  range.end = offset_of(planned_ + count);
  const std::uint64_t whole = supply_->events_per_batch();
  const std::uint64_t batches = (count + whole - 1) / whole;
  const std::uint64_t step = (batches + options_.tasks - 1) / options_.tasks * whole;
  for (std::uint64_t begin = 0; begin < count; begin += step) {
    const Run run{planned_ + begin, std::min(step, count - begin)};
    ReadUnit unit;
    unit.bytes.assign(reinterpret_cast<const char*>(&run), sizeof run);
    unit.weight = run.count;
    range.units.push_back(std::move(unit));
  }
  planned_ += count;
  return range;
}

std::unique_ptr<SourceReader> EventSource::reader(std::uint32_t /*task*/, std::uint32_t /*tasks*/) {
  return std::make_unique<EventReader>(supply_, meter_);
}

}  // namespace libstream::apps
