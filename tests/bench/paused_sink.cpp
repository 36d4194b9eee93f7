// Memory under back pressure: a source at full rate, a sink that takes nothing for a while.
// Usage: paused_sink [seconds]. Fails when the resident set grows by more than the channels may
// hold and a tenth.
#include "process_usage.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

using namespace libstream;

namespace {

constexpr std::uint32_t partitions = 2;

/// Throws rows away; while paused, a write does not return.
class PausingSink final : public Sink {
 public:
  std::string describe() const override { return "PausingSink"; }
  void set_schema(const Schema&) override {}
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return std::make_unique<Writer>(*this);
  }
  void commit(Epoch, std::span<const StagedHandle>) override {}

  std::atomic<bool> paused{false};
  std::atomic<std::uint64_t> rows{0};

 private:
  class Writer final : public SinkWriter {
   public:
    explicit Writer(PausingSink& sink) : sink_(sink) {}
    bool blocking() const override { return true; }
    void start(Epoch) override {}
    void write(const BatchPtr& batch) override {
      while (sink_.paused) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      sink_.rows += batch->rows;
    }
    StagedHandle stage() override { return {}; }

   private:
    PausingSink& sink_;
  };
};

/// Rows without end, as fast as they are taken: 100 batches an epoch, each a copy of its own.
class EndlessSource final : public Source {
 public:
  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "EndlessSource"; }
  void restore(const Offset&, const StateReader&) override {}
  std::optional<PlannedRange> plan(bool) override {
    PlannedRange range;
    range.start = std::to_string(epochs_);
    range.end = std::to_string(++epochs_);
    for (int i = 0; i < 100; ++i) range.units.push_back({"", 1, -1});
    return range;
  }
  void rewind(const Offset&) override {}
  void freeze() override {}
  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<Reader>(schema_);
  }

 private:
  class Reader final : public SourceReader {
   public:
    explicit Reader(const Schema& schema) : schema_(schema) {}
    bool blocking() const override { return false; }
    void open(std::vector<ReadUnit> units) override {
      left_ = units.size();
      rows_ = 0;
    }
    BatchPtr next() override {
      if (left_ == 0) return nullptr;
      --left_;
      rows_ += batch_rows;
      ColumnBuilder keys(schema_[0].type, batch_rows);
      ColumnBuilder texts(schema_[1].type, batch_rows);
      for (std::size_t i = 0; i < batch_rows; ++i) {
        keys.append(static_cast<std::int64_t>(i));
        texts.append_string("a text too long to be held inline in a view");
      }
      auto batch = std::make_shared<Batch>();
      batch->rows = batch_rows;
      batch->columns = {keys.finish(), texts.finish()};
      return batch;
    }
    SourceMetrics metrics() const override { return {rows_, 0, 0}; }

   private:
    const Schema& schema_;
    std::size_t left_ = 0;
    std::uint64_t rows_ = 0;
  };
  Schema schema_ = Schema::parse("k bigint, text string");
  std::uint64_t epochs_ = 0;
};

void wait(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

int main(int argc, char** argv) {
  const double pause = argc > 1 ? std::atof(argv[1]) : 60;
  SessionOptions options;
  options.threads = 2;
  options.io_threads = 4;  // paused writers hold some
  options.partitions = partitions;
  Session session(options);
  const auto sink = std::make_shared<PausingSink>();
  auto query = session.read_stream()
                   .source(std::make_shared<EndlessSource>())
                   .where("k % 1000 <> 7")
                   .write_stream()
                   .checkpoint(memory_root())
                   .sink(sink)
                   .start();
  wait(1);  // buffers, pools and the allocator have their size
  const auto running = resident_bytes();
  sink->paused = true;
  wait(pause);
  const auto rows = sink->rows.load();
  const auto paused = resident_bytes();
  sink->paused = false;
  wait(0.5);
  const bool went_on = sink->rows > rows;
  query.stop();
  // Each edge has a channel from each task to each task.
  const auto channels = 2 * partitions * partitions;
  const auto budget = channels * options.channel_bytes;
  const auto growth = paused > running ? paused - running : 0;
  std::printf(
      "paused for %.0f s: resident %.1f MiB before, %.1f MiB after; channels may hold %.1f MiB\n",
      pause, mebibytes(running), mebibytes(paused), mebibytes(budget));
  if (!went_on) std::printf("the query did not go on\n");
  return went_on && growth <= budget + budget / 10 ? 0 : 1;
}
