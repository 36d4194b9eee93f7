#pragma once

#include "meter.hpp"

#include <libstream/sink.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace libstream::apps {

/// Counts committed rows and sums up their fixed-width values and the lengths of their strings,
/// each column times a factor of its own: the same for any order of the rows.
class ChecksumSink final : public Sink {
 public:
  explicit ChecksumSink(std::shared_ptr<Meter> meter) : meter_(std::move(meter)) {}

  std::string describe() const override { return "ChecksumSink"; }
  void set_schema(const Schema& schema) override { schema_ = schema; }
  std::unique_ptr<SinkWriter> writer(const StageContext& context) override;
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override;

  std::uint64_t rows() const;
  std::uint64_t checksum() const;

 private:
  std::shared_ptr<Meter> meter_;
  Schema schema_;
  mutable std::mutex mutex_;
  std::optional<Epoch> committed_;
  std::uint64_t rows_ = 0;
  std::uint64_t checksum_ = 0;
};

}  // namespace libstream::apps
