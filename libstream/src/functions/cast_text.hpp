#pragma once

#include "../function.hpp"

#include <string>

namespace libstream {

/// Appends what CAST(… AS STRING) makes of a value that is not null: timestamps as
/// "2013-01-31 10:20:30.5", arrays as "[1, null]", structures as "{1, a}".
void append_cast_text(const Column& column, std::size_t row, std::string& out);

/// CAST(… AS STRING) of any type.
ColumnPtr cast_to_text(const KernelCall& call);

}  // namespace libstream
