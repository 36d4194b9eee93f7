#include "offset_json.hpp"

#include <libstream/error.hpp>

#include <boost/json.hpp>

namespace libstream {

Offset make_offset(std::string_view name, std::uint64_t value) {
  return "{\"" + std::string(name) + "\":" + std::to_string(value) + "}";
}

std::uint64_t read_offset(const Offset& offset, std::string_view name) {
  if (offset.empty()) return 0;
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(offset, error);
  const boost::json::value* const number =
      !error && value.is_object() ? value.as_object().if_contains({name.data(), name.size()})
                                  : nullptr;
  if (number == nullptr || !number->is_int64() || number->as_int64() < 0) {
    throw Error(ErrorCode::corrupt, "the source position " + offset + " has no number \"" +
                                        std::string(name) +
                                        "\"; the checkpoint belongs to another source");
  }
  return static_cast<std::uint64_t>(number->as_int64());
}

}  // namespace libstream
