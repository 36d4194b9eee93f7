#pragma once

#include "record_parser.hpp"

namespace libstream {

/// Every line is a row of one string column.
std::unique_ptr<RecordParser> text_parser();

}  // namespace libstream
