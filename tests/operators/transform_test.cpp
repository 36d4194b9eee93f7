#include "transform_script.hpp"
