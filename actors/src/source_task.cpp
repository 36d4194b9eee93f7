#include "task.hpp"

#include <libstream/error.hpp>

namespace libstream {

SourceTask::SourceTask(TaskWiring wiring, const ChannelLimits& limits, std::uint32_t key_groups,
                       std::shared_ptr<SourceReader> reader, std::uint32_t quantum)
    : wiring_(std::move(wiring)),
      outputs_(wiring_, limits, key_groups),
      reader_(std::move(reader)),
      quantum_(quantum),
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
  outputs_.broadcast(epoch_.start);
  opened_ = !epoch_.units.empty();
  exhausted_ = !opened_;
  if (opened_ && !blocking_) reader_->open(std::move(epoch_.units));
  pump();
}

void SourceTask::pump() {
  if (!reading_) return;
  if (!blocking_) return read_here();
  while (!ready_.empty() && !outputs_.full()) {
    outputs_.emit(std::move(ready_.front()));
    ready_.pop_front();
  }
  if (waiting_ || !ready_.empty()) return;
  if (exhausted_) return finish_epoch();
  read_ahead();
}

void SourceTask::read_here() {
  if (waiting_) return;  // a turn is queued: others first
  for (std::uint32_t n = 0; n < quantum_ && !exhausted_; ++n) {
    if (outputs_.full()) return;
    if (auto batch = reader_->next()) {
      outputs_.emit(std::move(batch));
    } else {
      exhausted_ = true;
    }
  }
  if (exhausted_) return finish_epoch();
  waiting_ = true;
  host_->later([this] {
    waiting_ = false;
    pump();
  });
}

void SourceTask::read_ahead() {
  struct Result {
    std::vector<BatchPtr> batches;
    bool exhausted = false;
  };
  auto result = std::make_shared<Result>();
  waiting_ = true;
  host_->run(
      [reader = reader_, units = std::move(epoch_.units), quantum = quantum_, result]() mutable {
        if (!units.empty()) reader->open(std::move(units));
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
  epoch_.units.clear();
}

void SourceTask::finish_epoch() {
  reading_ = false;
  TaskReport report;
  report.task = wiring_.id;
  report.epoch = epoch_.start.epoch;
  if (opened_) report.source = reader_->metrics();
  report.rows_out = outputs_.take_rows();
  report.rows_in = report.source.rows;
  outputs_.broadcast(Barrier{epoch_.start.epoch, epoch_.watermark});
  host_->report(std::move(report));
}

}  // namespace libstream
