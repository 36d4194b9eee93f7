#pragma once

#include <libstream/libstream.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

// A source of one's own that can be read again from any position: a log in several parts, as
// message brokers keep them.
namespace orders {

using namespace libstream;

/// The outside: who writes orders, and who keeps them until nobody needs them any more.
class OrderLog {
 public:
  explicit OrderLog(std::size_t parts) : parts_(parts) {}

  void append(std::size_t part, std::string customer, std::int64_t cents) {
    const std::lock_guard lock(mutex_);
    parts_[part].orders.push_back({std::move(customer), cents});
  }
  std::vector<std::size_t> ends() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::size_t> ends;
    for (const Part& part : parts_) ends.push_back(part.orders.size());
    return ends;
  }
  std::vector<Row> read(std::size_t part, std::size_t begin, std::size_t end) const {
    const std::lock_guard lock(mutex_);
    if (begin < parts_[part].released) {
      throw Error(ErrorCode::io, "orders " + std::to_string(begin) + " of part " +
                                     std::to_string(part) + " were given up");
    }
    const auto first = parts_[part].orders.begin();
    return {first + static_cast<std::ptrdiff_t>(begin), first + static_cast<std::ptrdiff_t>(end)};
  }
  void release(std::size_t part, std::size_t end) {
    const std::lock_guard lock(mutex_);
    parts_[part].released = std::max(parts_[part].released, end);
  }
  std::size_t kept() const {
    const std::lock_guard lock(mutex_);
    std::size_t kept = 0;
    for (const Part& part : parts_) kept += part.orders.size() - part.released;
    return kept;
  }

 private:
  struct Part {
    std::vector<Row> orders;
    std::size_t released = 0;  ///< those before may be gone
  };
  mutable std::mutex mutex_;
  std::vector<Part> parts_;
};

/// Reads what it is told, when it is told, any number of times: it decides nothing.
class OrderReader final : public SourceReader {
 public:
  OrderReader(std::shared_ptr<const OrderLog> log, Schema schema)
      : log_(std::move(log)), schema_(std::move(schema)) {}
  bool blocking() const override { return true; }  // a broker would be asked over the network
  void open(std::vector<ReadUnit> units) override {
    units_ = std::move(units);
    next_ = 0;
    metrics_ = {};
  }
  BatchPtr next() override {
    if (next_ == units_.size()) return nullptr;
    std::size_t part = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::istringstream(units_[next_++].bytes) >> part >> begin >> end;
    metrics_.rows += end - begin;
    return batch_of(schema_, log_->read(part, begin, end));
  }
  SourceMetrics metrics() const override { return metrics_; }

 private:
  std::shared_ptr<const OrderLog> log_;
  Schema schema_;
  std::vector<ReadUnit> units_;
  std::size_t next_ = 0;
  SourceMetrics metrics_;
};

/// Plans epochs. An offset is the position in each part: "3 0 7". It alone says what was read, so a
/// restart goes on behind it, whatever this object knew.
class OrderSource final : public Source {
 public:
  static constexpr std::size_t most_of_a_part = 100;  ///< in an epoch

  explicit OrderSource(std::shared_ptr<OrderLog> log)
      : log_(std::move(log)), planned_(log_->ends().size()) {}

  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "OrderSource"; }
  /// Rows of a part keep their order: its units go to one task.
  std::uint32_t splits() const override { return static_cast<std::uint32_t>(planned_.size()); }

  void restore(const Offset& committed, const StateReader& /*state*/) override {
    rewind(committed);
  }
  void rewind(const Offset& committed) override { planned_ = positions(committed); }
  void freeze() override { last_ = log_->ends(); }
  void release(const Offset& decided) override {
    const auto ends = positions(decided);
    for (std::size_t part = 0; part < ends.size(); ++part) log_->release(part, ends[part]);
  }

  std::optional<PlannedRange> plan(bool unlimited) override {
    PlannedRange range;
    range.start = text(planned_);
    const auto ends = last_.empty() ? log_->ends() : last_;
    for (std::size_t part = 0; part < ends.size(); ++part) {
      const auto begin = planned_[part];
      const auto end = unlimited ? ends[part] : std::min(ends[part], begin + most_of_a_part);
      if (begin == end) continue;
      range.units.push_back({text({part, begin, end}), end - begin, std::int64_t(part)});
      planned_[part] = end;
    }
    if (range.units.empty()) return std::nullopt;
    range.end = text(planned_);
    range.latest = text(ends);
    return range;
  }
  std::unique_ptr<SourceReader> reader(std::uint32_t /*task*/, std::uint32_t /*tasks*/) override {
    return std::make_unique<OrderReader>(log_, schema_);
  }

 private:
  static Offset text(const std::vector<std::size_t>& numbers) {
    std::string text;
    for (const auto number : numbers) text += (text.empty() ? "" : " ") + std::to_string(number);
    return text;
  }
  std::vector<std::size_t> positions(const Offset& offset) const {
    std::vector<std::size_t> positions(planned_.size());
    std::istringstream text(offset);
    for (auto& position : positions) text >> position;  // all 0 where nothing was decided yet
    return positions;
  }

  std::shared_ptr<OrderLog> log_;
  Schema schema_ = Schema::parse("customer string, cents bigint");
  std::vector<std::size_t> planned_;
  std::vector<std::size_t> last_;  ///< set by freeze: later orders are not planned
};

/// What each customer has spent.
inline DataStream totals(DataStreamReader reader, const std::shared_ptr<OrderLog>& log) {
  return reader.source(std::make_shared<OrderSource>(log))
      .group_by("customer")
      .agg(sum("cents").as("cents"), count().as("orders"));
}

}  // namespace orders
