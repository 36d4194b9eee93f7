#include "checksum_sink.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <cstring>

namespace libstream::apps {
namespace {

template <class T>
std::uint64_t sum_words(const Column& column) {
  const T* values = column.values<T>();
  std::uint64_t sum = 0;
  if (!column.has_validity()) {
    for (std::size_t i = 0; i < column.size(); ++i) sum += static_cast<std::uint64_t>(values[i]);
    return sum;
  }
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (!column.is_null(i)) sum += static_cast<std::uint64_t>(values[i]);
  }
  return sum;
}

std::uint64_t sum_lengths(const Column& column) {
  const auto* values = column.values<StringView>();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (!column.is_null(i)) sum += values[i].length;
  }
  return sum;
}

std::uint64_t sum_of(const Column& column) {
  if (column.type().is_string_like()) return sum_lengths(column);
  switch (column.type().width()) {
    case 1:
      return sum_words<std::uint8_t>(column);
    case 2:
      return sum_words<std::uint16_t>(column);
    case 4:
      return sum_words<std::uint32_t>(column);
    case 8:
      return sum_words<std::uint64_t>(column);
    default:
      throw Error(ErrorCode::unsupported,
                  "the checksum sink takes no columns of type " + column.type().to_string());
  }
}

class ChecksumWriter final : public SinkWriter {
 public:
  bool blocking() const override { return false; }
  void start(Epoch /*epoch*/) override { rows_ = sum_ = 0; }
  void write(const BatchPtr& batch) override {
    rows_ += batch->rows;
    for (std::size_t i = 0; i < batch->columns.size(); ++i) {
      sum_ += sum_of(*batch->columns[i]) * (hash_word(i) | 1);
    }
  }
  StagedHandle stage() override {
    if (rows_ == 0) return {};
    StagedHandle handle;
    handle.rows = rows_;
    handle.bytes.assign(reinterpret_cast<const char*>(&sum_), sizeof sum_);
    return handle;
  }

 private:
  std::uint64_t rows_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace

std::unique_ptr<SinkWriter> ChecksumSink::writer(const StageContext& /*context*/) {
  return std::make_unique<ChecksumWriter>();
}

void ChecksumSink::commit(Epoch epoch, std::span<const StagedHandle> handles) {
  const std::lock_guard lock(mutex_);
  if (committed_ && number(epoch) <= number(*committed_)) return;  // Committed again.
  for (const StagedHandle& handle : handles) {
    if (handle.empty()) continue;
    std::uint64_t sum = 0;
    LIBSTREAM_ASSERT(handle.bytes.size() == sizeof sum, "a handle comes back as it was staged");
    std::memcpy(&sum, handle.bytes.data(), sizeof sum);
    rows_ += handle.rows;
    checksum_ += sum;
  }
  committed_ = epoch;
  meter_->stop();
}

std::uint64_t ChecksumSink::rows() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

std::uint64_t ChecksumSink::checksum() const {
  const std::lock_guard lock(mutex_);
  return checksum_;
}

}  // namespace libstream::apps
