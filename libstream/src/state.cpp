#include <libstream/error.hpp>
#include <libstream/state.hpp>

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

/// Reads little-endian numbers and bytes, and notices the end.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return at_ == bytes_.size(); }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view take(std::size_t size) {
    if (bytes_.size() - at_ < size) {
      throw Error(ErrorCode::corrupt, "a changelog ends in the middle of an entry, at byte " +
                                          std::to_string(at_) + " of " +
                                          std::to_string(bytes_.size()));
    }
    const auto part = bytes_.substr(at_, size);
    at_ += size;
    return part;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

void ChangelogWriter::put(std::uint32_t key_group, std::string_view key, std::string_view value) {
  char* to = append(head_size + 2 * length_size + key.size() + value.size());
  write_bytes(write_bytes(write_head(to, 1, key_group), key), value);
}

void ChangelogWriter::erase(std::uint32_t key_group, std::string_view key) {
  write_bytes(write_head(append(head_size + length_size + key.size()), 0, key_group), key);
}

char* ChangelogWriter::append(std::size_t size) {
  ++entries_;
  const std::size_t at = bytes_.size();
  bytes_.resize(at + size);
  return bytes_.data() + at;
}

std::string ChangelogWriter::take() {
  entries_ = 0;
  return std::exchange(bytes_, {});
}

void read_changelog(std::string_view bytes, const std::function<void(const Change&)>& visit) {
  Cursor cursor(bytes);
  while (!cursor.at_end()) {
    Change change;
    const auto kind = cursor.number<std::uint8_t>();
    if (kind > 1) throw Error(ErrorCode::corrupt, "a changelog has an entry of unknown kind");
    change.put = kind == 1;
    change.key_group = cursor.number<std::uint16_t>();
    change.key = cursor.take(cursor.number<std::uint32_t>());
    if (change.put) change.value = cursor.take(cursor.number<std::uint32_t>());
    visit(change);
  }
}

const StateReader& empty_state() {
  static const EmptyState state;
  return state;
}

}  // namespace libstream
