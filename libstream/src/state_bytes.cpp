#include <libstream/state_bytes.hpp>

namespace libstream {

void throw_short_state() {
  throw Error(ErrorCode::corrupt,
              "a state entry of typed state is too short; restart from an older checkpoint");
}

void throw_state_layout(const std::string& type, const std::string& was, const std::string& is,
                        const std::string& problem) {
  throw Error(ErrorCode::incompatible,
              "the state " + type + " was stored as [" + was + "] and is now [" + is +
                  "]: " + problem +
                  "; fields may be added, but not removed or changed: name the operator anew with "
                  ".named(…), or start with a fresh checkpoint");
}

}  // namespace libstream
