#include "account.hpp"
#include "task.hpp"

#include <libstream/error.hpp>

namespace libstream {

OperatorTask::OperatorTask(TaskWiring wiring, const ChannelLimits& limits, std::uint32_t key_groups,
                           std::unique_ptr<Operator> op, std::optional<StateHash> hash)
    : wiring_(std::move(wiring)),
      inputs_(wiring_, limits),
      outputs_(wiring_, limits, key_groups),
      op_(std::move(op)),
      hash_(std::move(hash)),
      held_rows_(op_->metrics().held_rows) {}

void OperatorTask::attach(TaskHost& host) {
  host_ = &host;
  inputs_.attach(host);
  outputs_.attach(host);
}

void OperatorTask::receive(TaskMessage& message) {
  if (auto* credit = std::get_if<Credit>(&message)) {
    outputs_.receive(*credit);
  } else {
    inputs_.push(std::move(std::get<ChannelMessage>(message)));
  }
  pump();
}

void OperatorTask::pump() {
  while (!outputs_.full()) {
    if (step_ != Step::free) {
      if (op_->resume(outputs_) == Flow::more) continue;
      const auto finished = std::exchange(step_, Step::free);
      if (finished == Step::batch) {
        inputs_.processed(channel_, bytes_);
      } else {
        finish_epoch();
      }
      continue;
    }
    auto taken = inputs_.take();
    if (!taken) return;
    switch (taken->kind) {
      case Inputs::Taken::Kind::start:
        op_->start(taken->start);
        outputs_.broadcast(taken->start);
        break;
      case Inputs::Taken::Kind::batch: {
        channel_ = taken->channel;
        bytes_ = taken->batch->bytes();
        if (taken->batch->kind == Batch::Kind::rows) rows_in_ += taken->batch->rows;
        const auto input = inputs_.input(channel_);
        if (op_->process(std::move(taken->batch), input, outputs_) == Flow::more) {
          step_ = Step::batch;
        } else {
          inputs_.processed(channel_, bytes_);
        }
        break;
      }
      case Inputs::Taken::Kind::aligned:
        barrier_ = std::move(taken->barrier);
        if (wiring_.per_side) op_->set_input_watermarks(inputs_.watermarks());
        if (op_->on_barrier(barrier_, outputs_) == Flow::more) {
          step_ = Step::barrier;
        } else {
          finish_epoch();
        }
        break;
    }
  }
}

void OperatorTask::finish_epoch() {
  ChangelogWriter changes;
  op_->collect_changes(changes);
  TaskReport report;
  report.task = wiring_.id;
  report.epoch = barrier_.epoch;
  report.metrics = op_->metrics();
  report.extent = changes.extent();
  report.changes = changes.take();
  if (hash_) {
    hash_->apply(report.changes);
    report.hash = hash_->value();
  }
  report.rows_in = std::exchange(rows_in_, 0);
  report.rows_out = outputs_.take_rows();
  report.late_out = outputs_.take_rows(Output::late_port);
  if (wiring_.accounts) {
    check_operator_account(wiring_.name, report, held_rows_, outputs_.connected(Output::late_port));
  }
  held_rows_ = report.metrics.held_rows;
  barrier_.watermark = wiring_.stream ? barrier_.streams->at(*wiring_.stream)
                                      : op_->output_watermark(barrier_.watermark);
  outputs_.broadcast(barrier_);
  inputs_.release();
  host_->report(std::move(report));
}

}  // namespace libstream
