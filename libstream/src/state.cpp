#include <libstream/error.hpp>
#include <libstream/state.hpp>

#include <cstring>
#include <utility>

namespace libstream {
namespace {

template <class T>
void append_number(std::string& bytes, T value) {
  char buffer[sizeof(T)];
  std::memcpy(buffer, &value, sizeof(T));
  bytes.append(buffer, sizeof(T));
}

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
  append_number(bytes_, std::uint8_t{1});
  append_number(bytes_, static_cast<std::uint16_t>(key_group));
  append_number(bytes_, static_cast<std::uint32_t>(key.size()));
  bytes_.append(key);
  append_number(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
  ++entries_;
}

void ChangelogWriter::erase(std::uint32_t key_group, std::string_view key) {
  append_number(bytes_, std::uint8_t{0});
  append_number(bytes_, static_cast<std::uint16_t>(key_group));
  append_number(bytes_, static_cast<std::uint32_t>(key.size()));
  bytes_.append(key);
  ++entries_;
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
