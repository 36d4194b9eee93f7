#include "join_log.hpp"

#include <algorithm>
#include <utility>

namespace libstream {
namespace {

/// How much more than is known of is made room for. Memory that was never written to is none, but
/// whoever grows has to fill fresh memory with what was written already, and that costs more than
/// to encode it. So one step from the first segment of rows is to be enough nearly always. Beyond
/// what any system lends, in steps of two.
constexpr std::size_t growth = 16;
constexpr std::size_t most_unknown = std::size_t{1} << 30;

/// Of a put, beside its key and value.
constexpr std::size_t head_bytes = 16;

}  // namespace

void JoinLog::make_room(std::size_t bytes) {
  const std::size_t wanted = writer_.bytes().size() + bytes;
  if (wanted <= writer_.bytes().capacity()) return;
  // An epoch is mostly as large as the last one.
  const bool known = writer_.empty() && last_bytes_ > 0;
  writer_.reserve(known ? std::max(wanted, last_bytes_ / 8 * 9)
                        : std::max(std::min(wanted * growth, most_unknown), wanted * 2));
}

void JoinLog::put(std::uint32_t key_group, std::string_view key, std::string_view value) {
  make_room(head_bytes + key.size() + value.size());
  writer_.put(key_group, key, value);
}

void JoinLog::collect(ChangelogWriter& changes) {
  last_bytes_ = writer_.bytes().size();
  changes.append(std::move(writer_));
}

}  // namespace libstream
