#pragma once

#include <libstream/batch.hpp>
#include <libstream/sink.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace libstream {

/// Keeps an epoch's rows and stages them inside the handle: for sinks that make their call at
/// commit. Does not block.
std::unique_ptr<SinkWriter> staged_rows_writer(const Schema& schema);
/// The batches inside handles, by partition. Throws Error(corrupt).
std::vector<BatchPtr> staged_rows(std::span<const StagedHandle> handles);

}  // namespace libstream
