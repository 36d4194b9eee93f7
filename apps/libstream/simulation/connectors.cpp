#include "connectors.hpp"

#include <libstream/state.hpp>

#include <algorithm>
#include <utility>

namespace libstream::apps::simulation {
namespace {

std::size_t position(const Offset& offset) { return offset.empty() ? 0 : std::stoull(offset); }

class FeedReader final : public SourceReader {
 public:
  FeedReader(std::shared_ptr<Process> process, std::size_t feed)
      : process_(std::move(process)), feed_(feed) {}

  bool blocking() const override { return process_->fate().blocking; }
  void open(std::vector<ReadUnit> units) override {
    units_ = std::move(units);
    next_ = 0;
    rows_ = 0;
  }
  BatchPtr next() override {
    if (next_ == units_.size()) return nullptr;
    auto batch =
        process_->operation(Aim::any, [this] { return read(position(units_[next_].bytes)); });
    ++next_;
    rows_ += batch->rows;
    return batch;
  }
  SourceMetrics metrics() const override { return {rows_, 0, 0}; }

 private:
  BatchPtr read(std::size_t index) {
    auto& world = process_->world();
    if (process_->fails(Fault::source)) {
      if (process_->course().staged_and_undecided()) world.hits.add(CrashPoint::c25);
      process_->fail(Fault::source, "the feed does not answer");
    }
    if (index < world.released[feed_]) {
      if (process_->overtaken()) throw Error(ErrorCode::unreachable, "the feed forgot this batch");
      world.ledger.violate("source " + std::to_string(feed_) + " is asked for batch " +
                           std::to_string(index) + ", which it was told to forget");
    }
    process_->course().reads();
    std::vector<Row> rows;
    for (const auto& event : world.feeds[feed_].batches[index]) {
      rows.push_back({event.key, event.time ? Value(*event.time) : Value(), event.value, event.id,
                      text_of(world.plan, event)});
    }
    return batch_of(event_schema(), rows);
  }

  std::shared_ptr<Process> process_;
  std::size_t feed_;
  std::vector<ReadUnit> units_;
  std::size_t next_ = 0;
  std::uint64_t rows_ = 0;
};

class FeedSource final : public Source {
 public:
  FeedSource(std::shared_ptr<Process> process, std::size_t feed)
      : process_(std::move(process)), feed_(feed) {}

  const Schema& schema() const override { return event_schema(); }
  std::string describe() const override { return "FeedSource"; }

  void restore(const Offset& committed, const StateReader& state) override {
    rewind(committed);
    std::size_t noted = 0;
    state.for_each([&](std::uint32_t, std::string_view, std::string_view value) {
      noted = std::stoull(std::string(value));
    });
    if (noted != planned_) {
      process_->world().ledger.violate("source " + std::to_string(feed_) + " restarts at batch " +
                                       std::to_string(planned_) + ", its state says " +
                                       std::to_string(noted));
    }
  }
  std::optional<PlannedRange> plan(bool unlimited) override {
    if (feed_ == 0) process_->course().plan_begins();
    auto range = process_->operation(Aim::any, [&] { return plan_range(unlimited); });
    process_->course().planned(range.has_value(), feed_ + 1 == process_->world().feeds.size());
    return range;
  }
  void rewind(const Offset& committed) override {
    planned_ = position(committed);
    process_->world().ledger.restored(feed_, planned_);
  }
  void freeze() override { frozen_ = process_->world().feeds[feed_].batches.size(); }
  void release(const Offset& decided) override {
    process_->operation(Aim::release, [&] {
      auto& world = process_->world();
      // A frozen process may wake and repeat what it knows.
      world.ledger.released(feed_, position(decided));
      world.released[feed_] = std::max(world.released[feed_], position(decided));
      process_->course().released(world.feeds.size());
    });
  }
  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<FeedReader>(process_, feed_);
  }
  std::uint32_t max_parallelism() const override { return process_->fate().source_tasks; }

 private:
  std::optional<PlannedRange> plan_range(bool unlimited) {
    const auto available = std::min(process_->world().feeds[feed_].batches.size(), frozen_);
    if (available <= planned_) return std::nullopt;
    const auto most = planned_ + process_->world().plan.batches_per_epoch;
    const auto end = unlimited ? available : std::min<std::size_t>(available, most);
    PlannedRange range;
    range.start = planned_ > 0 ? std::to_string(planned_) : "";
    range.end = std::to_string(end);
    for (auto i = planned_; i < end; ++i) range.units.push_back({std::to_string(i), 1, -1});
    ChangelogWriter state;
    state.put(0, "planned", range.end);
    range.changelog = state.take();
    planned_ = end;
    return range;
  }

  std::shared_ptr<Process> process_;
  std::size_t feed_;
  std::size_t planned_ = 0;
  std::size_t frozen_ = ~std::size_t{0};
};

/// Rows as lines; behind them, in large plans, so much that handles leave the log's entry.
constexpr std::size_t ballast = 300'000;

std::string bytes_of(const Lines& lines, bool large) {
  std::string bytes;
  for (const auto& line : lines) bytes += line + "\n";
  if (large && !lines.empty()) bytes += std::string(ballast, '.');
  return bytes;
}
void append_lines(const std::string& bytes, Lines& lines) {
  for (std::size_t begin = 0; begin < bytes.size() && bytes[begin] != '.';) {
    const auto end = bytes.find('\n', begin);
    lines.push_back(bytes.substr(begin, end - begin));
    begin = end + 1;
  }
}

/// Whole numbers as they are; of texts the length will do, and windows are told by their rows.
std::string text_of_value(const Value& value) {
  if (value.is_null()) return "null";
  if (std::holds_alternative<ValueList>(value.data)) return "window";
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    return std::to_string(text->size());
  }
  return std::to_string(value.integer());
}

class LedgerWriter final : public SinkWriter {
 public:
  LedgerWriter(std::shared_ptr<Process> process, std::string name, const StageContext& context)
      : process_(std::move(process)), name_(std::move(name)), context_(context) {
    process_->course().writer_made();
  }
  bool blocking() const override { return process_->fate().blocking; }
  void start(Epoch epoch) override {
    epoch_ = epoch;
    lines_.clear();
  }
  void write(const BatchPtr& batch) override {
    for (const auto& row : rows_of(*batch)) {
      std::string line;
      for (const auto& value : row) {
        line += (line.empty() ? "" : " ") + text_of_value(value);
      }
      lines_.push_back(std::move(line));
    }
  }
  StagedHandle stage() override {
    return process_->operation(Aim::any, [this] {
      auto& world = process_->world();
      if (process_->fails(Fault::task)) {
        if (process_->course().staged_and_undecided()) world.hits.add(CrashPoint::c25);
        process_->fail(Fault::task, "the sink's store does not answer");
      }
      process_->course().stages(epoch_);
      if (process_->overtaken()) world.hits.add(CrashPoint::c24);
      const auto rows = lines_.size();
      if (rows == 0) return StagedHandle{};
      if (!world.plan.staged_outside) {
        return StagedHandle{bytes_of(std::exchange(lines_, {}), world.plan.large), rows};
      }
      const auto handle =
          name_ + "/" + std::to_string(context_.term) + "/" + std::to_string(number(epoch_)) + "/" +
          std::to_string(context_.partition) + "/" + std::to_string(process_->number());
      world.staged[handle] = std::exchange(lines_, {});
      return StagedHandle{handle, rows};
    });
  }

 private:
  std::shared_ptr<Process> process_;
  std::string name_;
  StageContext context_;
  Epoch epoch_{};
  Lines lines_;
};

class LedgerSink final : public Sink {
 public:
  LedgerSink(std::shared_ptr<Process> process, std::size_t index, bool late)
      : process_(std::move(process)),
        index_(index),
        late_(late),
        name_(late ? "late" : std::to_string(index)) {}

  std::string describe() const override { return "LedgerSink[" + name_ + "]"; }
  void set_schema(const Schema& schema) override { id_ = schema.find("id").value_or(0); }
  std::unique_ptr<SinkWriter> writer(const StageContext& context) override {
    return std::make_unique<LedgerWriter>(process_, name_, context);
  }

  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    auto& course = process_->course();
    const auto& plan = process_->world().plan;
    course.commit_begins(epoch, plan.ledger_sinks + (plan.kind == QueryKind::windows ? 1 : 0));
    const bool fails = process_->fails(Fault::sink);
    process_->operation(Aim::commit, [&] {
      if (fails && !process_->fate().after_effect) refuse();
      show(epoch, handles);
      course.commit_shows();
      if (fails) refuse();
    });
    course.commit_ends(epoch);
  }

  void sweep(std::uint64_t term, std::span<const StagedHandle> keep) override {
    process_->operation(Aim::any, [&] {
      std::erase_if(process_->world().staged, [&](const auto& staged) {
        const auto& handle = staged.first;
        if (!handle.starts_with(name_ + "/")) return false;
        const bool old = std::stoull(handle.substr(name_.size() + 1)) < term;
        return old && std::none_of(keep.begin(), keep.end(),
                                   [&](const StagedHandle& kept) { return kept.bytes == handle; });
      });
    });
  }

 private:
  [[noreturn]] void refuse() { process_->fail(Fault::sink, "the sink does not answer"); }

  void show(Epoch epoch, std::span<const StagedHandle> handles) {
    auto& world = process_->world();
    Lines lines;
    for (const auto& handle : handles) {
      if (handle.empty()) continue;
      if (!world.plan.staged_outside) {
        append_lines(handle.bytes, lines);
        continue;
      }
      const auto found = world.staged.find(handle.bytes);
      if (found == world.staged.end()) {
        // Swept once it was recorded as committed; a process that was frozen may say it again.
        if (world.ledger.shows(late_ ? std::nullopt : std::optional(index_), epoch)) return;
        world.ledger.violate("epoch " + std::to_string(number(epoch)) + ": what was staged as " +
                             handle.bytes + " was swept and is to be committed");
        continue;
      }
      lines.insert(lines.end(), found->second.begin(), found->second.end());
    }
    if (!late_) return world.ledger.published(index_, epoch, std::move(lines));
    for (auto& line : lines) line = column(line, id_);
    world.ledger.published_late(epoch, std::move(lines));
  }

  static std::string column(const std::string& line, std::size_t index) {
    std::size_t begin = 0;
    for (; index > 0; --index) begin = line.find(' ', begin) + 1;
    return line.substr(begin, line.find(' ', begin) - begin);
  }

  std::shared_ptr<Process> process_;
  std::size_t index_;
  bool late_;
  std::string name_;
  std::size_t id_ = 0;
};

}  // namespace

const Schema& event_schema() {
  static const Schema schema =
      Schema::parse("key bigint, time timestamp, value bigint, id bigint, text string");
  return schema;
}

std::shared_ptr<Source> feed_source(std::shared_ptr<Process> process, std::size_t feed) {
  return std::make_shared<FeedSource>(std::move(process), feed);
}
std::shared_ptr<Sink> ledger_sink(std::shared_ptr<Process> process, std::size_t number, bool late) {
  return std::make_shared<LedgerSink>(std::move(process), number, late);
}

}  // namespace libstream::apps::simulation
