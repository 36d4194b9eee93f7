#pragma once

#include <string>

namespace libstream::checkpoint {

/// Throws Error(invalid_argument) unless `name` is parts of [A-Za-z0-9._-] joined by '/', none of
/// which is empty or begins with '.': no name leads out of the root or to its own files.
void check_object_name(const std::string& name);

}  // namespace libstream::checkpoint
