#pragma once

// Everything a user needs.
#include <libstream/data_stream.hpp>
#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/operators/keyed_stream.hpp>
#include <libstream/operators/transform_stream.hpp>
#include <libstream/query.hpp>
#include <libstream/session.hpp>
#include <libstream/typed_stream.hpp>
#include <libstream/udaf.hpp>
#include <libstream/udf.hpp>
