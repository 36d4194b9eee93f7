#include <libstream/memory.hpp>

#include <algorithm>
#include <mutex>

namespace libstream {
namespace {

/// One lock for all streams: rows added together become visible together.
std::shared_ptr<std::recursive_mutex> stream_mutex() {
  static const auto mutex = std::make_shared<std::recursive_mutex>();
  return mutex;
}

}  // namespace

MemoryStream::MemoryStream(std::string_view schema) : MemoryStream(Schema::parse(schema)) {}

MemoryStream::MemoryStream(Schema schema) : shared_(std::make_shared<Shared>()) {
  shared_->schema = std::move(schema);
  shared_->mutex = stream_mutex();
}

void MemoryStream::add(const std::vector<Row>& rows) { add(batch_of(shared_->schema, rows)); }

void MemoryStream::add(BatchPtr batch) {
  const std::lock_guard lock(*shared_->mutex);
  shared_->batches.push_back(std::move(batch));
}

void MemoryStream::add_together(
    const std::vector<std::pair<MemoryStream, std::vector<Row>>>& rows) {
  std::vector<BatchPtr> batches;  // made first: nothing is added where one is wrong
  for (const auto& entry : rows) batches.push_back(batch_of(entry.first.schema(), entry.second));
  const std::lock_guard lock(*stream_mutex());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].first.shared_->batches.push_back(std::move(batches[i]));
  }
}

const Schema& MemoryStream::schema() const { return shared_->schema; }

MemoryTable::MemoryTable() : shared_(std::make_shared<Shared>()) {}

std::vector<Row> MemoryTable::rows() const {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->replace)
    return shared_->epochs.empty() ? std::vector<Row>{} : shared_->epochs.back().second;
  std::vector<Row> all;
  for (const auto& entry : shared_->epochs) {
    all.insert(all.end(), entry.second.begin(), entry.second.end());
  }
  return all;
}

std::vector<Row> MemoryTable::rows_of(Epoch epoch) const {
  const std::lock_guard lock(shared_->mutex);
  for (const auto& entry : shared_->epochs) {
    if (entry.first == epoch) return entry.second;
  }
  return {};
}

std::vector<Epoch> MemoryTable::epochs() const {
  const std::lock_guard lock(shared_->mutex);
  std::vector<Epoch> result;
  for (const auto& entry : shared_->epochs) result.push_back(entry.first);
  return result;
}

std::string MemoryTable::text() const {
  auto all = rows();
  std::sort(all.begin(), all.end());
  const std::lock_guard lock(shared_->mutex);
  std::string text;
  for (const auto& row : all) {
    if (!text.empty()) text += " | ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ' ';
      text += to_text(row[i], shared_->schema[i].type);
    }
  }
  return text;
}

void MemoryTable::clear() {
  const std::lock_guard lock(shared_->mutex);
  shared_->epochs.clear();
}

}  // namespace libstream
