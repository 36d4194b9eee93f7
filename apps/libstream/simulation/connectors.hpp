#pragma once

#include "process.hpp"

#include <libstream/schema.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>

#include <memory>

namespace libstream::apps::simulation {

const Schema& event_schema();

/// Batches of a feed; forgets what is released, notes its position as state.
std::shared_ptr<Source> feed_source(std::shared_ptr<Process> process, std::size_t feed);
/// Shows rows to the ledger. `late`: those that came too late.
std::shared_ptr<Sink> ledger_sink(std::shared_ptr<Process> process, std::size_t number, bool late);
/// The process's view of the disk and the checkpoint on it.
std::shared_ptr<FileSystem> process_files(std::shared_ptr<Process> process);
std::shared_ptr<CheckpointRoot> process_root(std::shared_ptr<Process> process,
                                             std::shared_ptr<FileSystem> files);

}  // namespace libstream::apps::simulation
