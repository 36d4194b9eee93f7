#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/memory.hpp>
#include <libstream/source.hpp>

#include <memory>

namespace libstream {

/// Rows that a program adds; one offset an addition. Option maxBatchesPerTrigger.
std::shared_ptr<Source> memory_source(const SourceSpec& spec);

}  // namespace libstream
