#include "task.hpp"

#include <libstream/error.hpp>

namespace libstream {

/// What the writer is to do next, in this order.
struct SinkTask::Work {
  struct Part {
    std::uint32_t channel = 0;
    std::size_t bytes = 0;
    BatchPtr batch;
  };
  std::optional<Epoch> start;
  std::vector<Part> parts;
  std::optional<Epoch> stage;
  StagedHandle staged;

  bool empty() const { return !start && parts.empty() && !stage; }
  void perform(SinkWriter& writer) {
    if (start) writer.start(*start);
    for (auto& part : parts) {
      writer.write(part.batch);
      part.batch = nullptr;
    }
    if (stage) staged = writer.stage();
  }
};

SinkTask::SinkTask(TaskWiring wiring, const ChannelLimits& limits,
                   std::shared_ptr<SinkWriter> writer, bool hash)
    : wiring_(std::move(wiring)),
      inputs_(wiring_, limits),
      writer_(std::move(writer)),
      blocking_(writer_->blocking()) {
  if (hash) hash_.emplace();
}

void SinkTask::attach(TaskHost& host) {
  host_ = &host;
  inputs_.attach(host);
}

void SinkTask::receive(TaskMessage& message) {
  inputs_.push(std::move(std::get<ChannelMessage>(message)));
  pump();
}

std::shared_ptr<SinkTask::Work> SinkTask::gather_work() {
  auto work = std::make_shared<Work>();
  while (auto taken = inputs_.take()) {
    switch (taken->kind) {
      case Inputs::Taken::Kind::start:
        work->start = taken->start.epoch;
        break;
      case Inputs::Taken::Kind::batch: {
        if (taken->batch->kind != Batch::Kind::rows) {  // keys of late groups are no output
          inputs_.processed(taken->channel, taken->batch->bytes());
          break;
        }
        rows_in_ += taken->batch->rows;
        if (hash_) hash_->add(*taken->batch);
        const auto bytes = taken->batch->bytes();
        work->parts.push_back({taken->channel, bytes, std::move(taken->batch)});
        break;
      }
      case Inputs::Taken::Kind::aligned:
        work->stage = taken->barrier.epoch;
        return work;  // the next epoch begins behind the stage
    }
  }
  return work;
}

void SinkTask::pump() {
  while (!waiting_) {
    auto work = gather_work();
    if (work->empty()) return;
    if (!blocking_) {
      work->perform(*writer_);
      finish(*work);
      continue;
    }
    waiting_ = true;
    host_->run([work, writer = writer_] { work->perform(*writer); },
               [this, work](const std::exception_ptr& error) {
                 waiting_ = false;
                 if (error) std::rethrow_exception(error);
                 finish(*work);
                 pump();
               });
  }
}

void SinkTask::finish(const Work& work) {
  for (const auto& part : work.parts) inputs_.processed(part.channel, part.bytes);
  if (!work.stage) return;
  inputs_.release();
  TaskReport report;
  report.task = wiring_.id;
  report.epoch = *work.stage;
  report.staged = work.staged;
  report.rows_in = std::exchange(rows_in_, 0);
  if (hash_) report.hash = hash_->take();
  host_->report(std::move(report));
}

}  // namespace libstream
