#pragma once

#include "meter.hpp"

#include <libstream/batch.hpp>
#include <libstream/operator.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <unistd.h>
#include <utility>
#include <vector>

// One operator with its changelog, without engine and checkpoint, in CPU time.
namespace libstream::bench {

constexpr std::size_t rows_per_batch = 4096;

/// Two columns, both what `next` gives, a row at a time.
template <class Next>
BatchPtr pairs(Next next) {
  const auto values = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
  for (std::size_t i = 0; i < rows_per_batch; ++i) values->as<std::int64_t>()[i] = next();
  const auto column = Column::fixed(TypeId::bigint, rows_per_batch, values);
  return make_batch({column, column}, rows_per_batch);
}

/// Memory of the process, without what is free for reuse.
inline double resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class OperatorRun {
 public:
  explicit OperatorRun(const OperatorFactory& factory) : operator_(factory({0, 1, 128})) {}

  /// CPU seconds of an epoch with these rows at `now`, ms.
  double epoch(std::int64_t now, const std::vector<BatchPtr>& rows) {
    const double begin = apps::thread_cpu_seconds();
    operator_->start({Epoch{epoch_}, {now, 0}});
    for (const auto& batch : rows) operator_->process(batch, 0, output_);
    operator_->on_barrier({Epoch{epoch_++}, Watermark{}}, output_);
    ChangelogWriter changes;
    operator_->collect_changes(changes);
    changelog_bytes_ += changes.bytes().size();
    operator_->metrics();
    return apps::thread_cpu_seconds() - begin;
  }
  OperatorMetrics metrics() const { return operator_->metrics(); }
  std::uint64_t rows_out() const { return output_.rows; }
  std::uint64_t changelog_bytes() const { return changelog_bytes_; }

 private:
  /// Counts rows; takes everything.
  struct Count final : Output {
    void emit(BatchPtr batch, std::size_t /*port*/) override { rows += batch->rows; }
    bool full() const override { return false; }
    bool connected(std::size_t /*port*/) const override { return false; }
    std::uint64_t rows = 0;
  };

  std::unique_ptr<Operator> operator_;
  Count output_;
  std::uint64_t epoch_ = 0;
  std::uint64_t changelog_bytes_ = 0;
};

}  // namespace libstream::bench
