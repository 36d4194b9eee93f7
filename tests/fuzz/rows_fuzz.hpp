#pragma once

#include "record_parser.hpp"

#include <libstream/schema.hpp>

#include <string_view>

namespace libstream::fuzz {

/// Parses a file's bytes whole and cut in two at `cut` of 255 parts, as a file source that reads in
/// chunks does; the rows must be the same.
void check_rows(RecordParser& parser, const Schema& schema, std::string_view bytes, unsigned cut);

}  // namespace libstream::fuzz
