#pragma once

#include "file_source.hpp"
#include "record_parser.hpp"

namespace libstream {

/// RFC 4180: quoted fields may hold separators, line ends and doubled quotes. Line ends are "\n" or
/// "\r\n"; empty lines are skipped. An empty field without quotes is null. With a header that names
/// every column of the schema, columns go by name, otherwise by position.
std::unique_ptr<RecordParser> csv_parser(const Schema& schema, const FileFormat& format);

}  // namespace libstream
