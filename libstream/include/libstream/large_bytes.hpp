#pragma once

#include <cstddef>
#include <string>

namespace libstream {

/// Strings of a mebibyte and more, whose memory is kept for the next one: what many changes take in
/// every epoch, and fresh memory of the system costs more than all that is done with it here. At
/// most kept_large_bytes are kept, by all of the process. Thread-safe.
inline constexpr std::size_t kept_large_bytes = std::size_t{512} << 20;

/// Empty, with room for so many bytes.
std::string large_bytes(std::size_t capacity);
/// Takes the memory of a string that nobody needs any more.
void give_back(std::string&& bytes);

}  // namespace libstream
