#pragma once

// Everything a user needs.
#include <libstream/data_stream.hpp>
#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/query.hpp>
#include <libstream/session.hpp>
