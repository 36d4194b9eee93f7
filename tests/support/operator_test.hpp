#pragma once

#include <libstream/testing/operator_test.hpp>

#include <doctest/doctest.h>

// The public harness, under the name that our tests use.
namespace libstream::test {

using testing::MapState;
using testing::OperatorTest;
using testing::PartitionReader;
using testing::text;

}  // namespace libstream::test
