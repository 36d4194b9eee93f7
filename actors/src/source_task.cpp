#include "account.hpp"
#include "task.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

BatchPtr with_split(const BatchPtr& batch, std::int64_t split) {
  auto numbers = Buffer::allocate(batch->rows * sizeof(std::int64_t));
  std::fill_n(numbers->as<std::int64_t>(), batch->rows, split);
  auto copy = std::make_shared<Batch>(*batch);
  copy->columns.push_back(Column::fixed(TypeId::bigint, batch->rows, std::move(numbers)));
  return copy;
}

}  // namespace

SourceTask::SourceTask(TaskWiring wiring, const ChannelLimits& limits, std::uint32_t key_groups,
                       std::shared_ptr<SourceReader> reader, const Reading& reading)
    : wiring_(std::move(wiring)),
      outputs_(wiring_, limits, key_groups),
      reader_(std::move(reader)),
      how_(reading),
      blocking_(reader_->blocking()) {}

void SourceTask::attach(TaskHost& host) {
  host_ = &host;
  outputs_.attach(host);
}

void SourceTask::receive(TaskMessage& message) {
  if (const auto* credit = std::get_if<Credit>(&message)) {
    outputs_.receive(*credit);
    pump();
  } else {
    begin(std::move(std::get<BeginEpoch>(message)));
  }
}

void SourceTask::begin(BeginEpoch epoch) {
  LIBSTREAM_ASSERT(!reading_, "a source task reads one epoch at a time");
  epoch_ = std::move(epoch);
  reading_ = true;
  metrics_ = {};
  outputs_.broadcast(epoch_.start);
  part_out();
  pump();
}

/// Parts the units by split, where someone wants to know of which one a row is.
void SourceTask::part_out() {
  auto units = std::exchange(epoch_.units, {});
  if (units.empty()) return;
  if (!how_.by_split) {
    parts_.push_back({-1, std::move(units)});
    return;
  }
  for (auto& unit : units) {
    const auto part = std::find_if(parts_.begin(), parts_.end(),
                                   [&](const Part& other) { return other.split == unit.split; });
    if (part == parts_.end()) {
      parts_.push_back({unit.split, {}});
      parts_.back().units.push_back(std::move(unit));
    } else {
      part->units.push_back(std::move(unit));
    }
  }
}

void SourceTask::pump() {
  if (!reading_) return;
  if (!blocking_) return read_here();
  while (!ready_.empty() && !outputs_.full()) {
    emit(std::move(ready_.front()));
    ready_.pop_front();
  }
  if (waiting_ || !ready_.empty()) return;
  if (parts_.empty()) return finish_epoch();
  read_ahead();
}

void SourceTask::emit(BatchPtr batch) {
  outputs_.emit(how_.by_split ? with_split(batch, parts_.front().split) : std::move(batch));
}

void SourceTask::read_here() {
  if (waiting_) return;  // a turn is queued: others first
  for (std::uint32_t n = 0; n < how_.quantum && !parts_.empty(); ++n) {
    if (outputs_.full()) return;
    if (!open_) {
      reader_->open(std::move(parts_.front().units));
      open_ = true;
    }
    if (auto batch = reader_->next()) {
      emit(std::move(batch));
    } else {
      part_done();
    }
  }
  if (parts_.empty()) return finish_epoch();
  waiting_ = true;
  host_->later([this] {
    waiting_ = false;
    pump();
  });
}

void SourceTask::read_ahead() {
  if (exhausted_) {  // what was read ahead of it is on its way
    part_done();
    return pump();
  }
  struct Result {
    std::vector<BatchPtr> batches;
    bool exhausted = false;
  };
  auto result = std::make_shared<Result>();
  waiting_ = true;
  host_->run(
      [reader = reader_, units = open_ ? std::vector<ReadUnit>{} : std::move(parts_.front().units),
       open = !open_, quantum = how_.quantum, result]() mutable {
        if (open) reader->open(std::move(units));
        while (result->batches.size() < quantum && !result->exhausted) {
          auto batch = reader->next();
          if (batch) {
            result->batches.push_back(std::move(batch));
          } else {
            result->exhausted = true;
          }
        }
      },
      [this, result](const std::exception_ptr& error) {
        waiting_ = false;
        if (error) std::rethrow_exception(error);
        for (auto& batch : result->batches) ready_.push_back(std::move(batch));
        exhausted_ = result->exhausted;
        pump();
      });
  open_ = true;
}

void SourceTask::part_done() {
  const auto part = reader_->metrics();
  metrics_.rows += part.rows;
  metrics_.malformed_rows += part.malformed_rows;
  metrics_.dropped_rows += part.dropped_rows;
  parts_.pop_front();
  open_ = exhausted_ = false;
}

void SourceTask::finish_epoch() {
  reading_ = false;
  TaskReport report;
  report.task = wiring_.id;
  report.epoch = epoch_.start.epoch;
  report.source = metrics_;
  report.rows_out = outputs_.take_rows();
  report.rows_in = report.source.rows;
  check_source_account(wiring_.name, report);
  outputs_.broadcast(epoch_.barrier);
  host_->report(std::move(report));
}

}  // namespace libstream
