#include <libstream/error.hpp>
#include <libstream/large_bytes.hpp>
#include <libstream/state.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace libstream {
namespace {

template <class T>
char* write_number(char* to, T value) {
  std::memcpy(to, &value, sizeof(T));
  return to + sizeof(T);
}
char* write_bytes(char* to, std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  to = write_number(to, size);
  bytes.copy(to, size);
  return to + size;
}
char* write_head(char* to, std::uint8_t kind, std::uint32_t key_group) {
  return write_number(write_number(to, kind), static_cast<std::uint16_t>(key_group));
}

constexpr std::size_t head_size = sizeof(std::uint8_t) + sizeof(std::uint16_t);
constexpr std::size_t length_size = sizeof(std::uint32_t);

class EmptyState final : public StateReader {
 public:
  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>&)
      const override {}
};

}  // namespace

void ChangelogWriter::put(std::uint32_t key_group, std::string_view key, std::string_view value) {
  ++entries_;
  char* to = extend(head_size + 2 * length_size + key.size() + value.size());
  write_bytes(write_bytes(write_head(to, 1, key_group), key), value);
}

void ChangelogWriter::erase(std::uint32_t key_group, std::string_view key) {
  ++entries_;
  write_bytes(write_head(extend(head_size + length_size + key.size()), 0, key_group), key);
}

void ChangelogWriter::erase_below(std::uint32_t first_group, std::uint32_t last_group,
                                  std::string_view key) {
  LIBSTREAM_ASSERT(entries_ == floors_, "floors come before all other entries");
  ++entries_;
  ++floors_;
  char* to = extend(head_size + length_size + key.size() + sizeof(std::uint16_t));
  to = write_bytes(write_head(to, 2, first_group), key);
  write_number(to, static_cast<std::uint16_t>(last_group));
}

void ChangelogWriter::within(ChangeExtent extent) {
  LIBSTREAM_ASSERT(empty(), "the extent is given before all entries");
  LIBSTREAM_ASSERT(extent.floor <= extent.below, "a floor is an entry of its changelog");
  if (!extent.floor.empty()) erase_below(extent.first_group, extent.last_group, extent.floor);
  extent_ = std::move(extent);
}

void ChangelogWriter::append(std::span<const std::uint32_t> key_groups, std::span<Part> keys,
                             std::span<Part> values) {
  const bool puts = !values.empty();
  std::size_t size = keys.size() * (head_size + length_size) + values.size() * length_size;
  for (const Part& key : keys) size += key.size;
  for (const Part& value : values) size += value.size;
  entries_ += keys.size();
  char* to = extend(size);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    to = write_number(write_head(to, puts ? 1 : 0, key_groups[i]), keys[i].size);
    keys[i].bytes = to;
    to += keys[i].size;
    if (!puts) continue;
    values[i].bytes = write_number(to, values[i].size);
    to = values[i].bytes + values[i].size;
  }
}

void ChangelogWriter::append(ChangelogWriter&& other) {
  LIBSTREAM_ASSERT(other.floors_ == 0 || entries_ == floors_,
                   "floors come before all other entries");
  entries_ += std::exchange(other.entries_, 0);
  floors_ += std::exchange(other.floors_, 0);
  extent_.reset();
  if (bytes_.empty()) {
    bytes_.swap(other.bytes_);
  } else {
    bytes_ += other.bytes_;
  }
  other.bytes_.clear();
}

void ChangelogWriter::reserve(std::size_t bytes) {
  if (bytes <= bytes_.capacity()) return;
  std::string larger = large_bytes(bytes);
  larger += bytes_;
  bytes_.swap(larger);
  give_back(std::move(larger));
}

char* ChangelogWriter::extend(std::size_t size) {
  const std::size_t at = bytes_.size();
  if (at + size > bytes_.capacity()) reserve(std::max(at + size, 2 * at));
  bytes_.resize(at + size);
  return bytes_.data() + at;
}

std::string ChangelogWriter::take() {
  entries_ = floors_ = 0;
  extent_.reset();
  return std::exchange(bytes_, {});
}

void read_changelog(std::string_view bytes, const std::function<void(const Change&)>& visit) {
  ChangelogReader reader(bytes);
  for (Change change; reader.next(change);) visit(change);
}

void ChangelogReader::fail() const {
  throw Error(ErrorCode::corrupt, "a changelog is malformed at byte " + std::to_string(at_) +
                                      " of " + std::to_string(bytes_.size()) +
                                      "; restore the checkpoint from a copy");
}

const StateReader& empty_state() {
  static const EmptyState state;
  return state;
}

}  // namespace libstream
