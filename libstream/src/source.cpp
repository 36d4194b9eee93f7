#include <libstream/source.hpp>

namespace libstream {

std::string source_kind(const Source& source) {
  const auto text = source.describe();
  const auto bracket = text.find('[');
  if (bracket == std::string::npos) return text;
  const auto format = text.substr(bracket + 1);
  const auto blank = format.find(' ');
  // Without a blank there is only a place, which may change.
  if (blank == std::string::npos) return text.substr(0, bracket);
  return text.substr(0, bracket) + " " + format.substr(0, blank);
}

}  // namespace libstream
