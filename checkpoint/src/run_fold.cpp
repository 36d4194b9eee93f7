#include "run_fold.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace libstream::checkpoint {
namespace {

/// Runs up to this part of a file are taken in by every fold: a file more costs more than they do.
constexpr std::uint64_t small_part = 512;

void append_section(GroupFold& fold, std::uint32_t group, bool whole, std::string& to) {
  if (!whole && !fold.floor().empty()) {
    ChangelogWriter floor;
    floor.erase_below(group, group, fold.floor());
    to += floor.bytes();
  }
  for (const auto& entry : fold.entries()) {
    // In a run with none behind it there is nothing to erase.
    if (!whole || entry.kind() == ChangeKind::put) to += entry.bytes();
  }
}

}  // namespace

std::uint64_t size_of(const StateRun& run) {
  std::uint64_t bytes = 0;
  for (const auto& part : run.files) bytes += part.file.size;
  return bytes;
}

std::vector<StateRun> RunFold::fold(std::vector<StateRun> runs,
                                    std::span<const DecidedChanges> epochs,
                                    const std::string& owner) {
  Layers layers(files_);
  std::uint64_t bytes = 0;
  for (auto epoch = epochs.rbegin(); epoch != epochs.rend(); ++epoch) bytes += layers.add(*epoch);
  std::size_t keep = runs.size();
  for (; keep > 0; --keep) {
    const auto size = size_of(runs[keep - 1]);
    if (size > bytes + file_bytes_ / small_part) break;
    bytes += size;
  }
  layers.add(std::span(runs).subspan(keep), owner);
  auto run = write(layers, keep == 0, std::min(bytes, file_bytes_ + file_bytes_ / 4));
  runs.resize(keep);
  if (!run.files.empty()) runs.push_back(std::move(run));
  return runs;
}

StateRun RunFold::write(Layers& layers, bool whole, std::uint64_t body_bytes) {
  StateRun run;
  for (const auto op : layers.operators()) {
    RunBody body(body_bytes);
    const auto store = [&] {
      if (body.empty()) return;
      const auto begin = body.begin_group();
      const auto end = body.end_group();
      run.files.push_back({files_->store(FileKind::run, "run", body.take(op)), op, begin, end});
    };
    layers.fold(op, 0, std::numeric_limits<std::uint32_t>::max(),
                [&](std::uint32_t group, GroupFold& fold) {
                  append_section(fold, group, whole, body.sections());
                  body.end_section(group);
                  if (body.size() >= file_bytes_) store();
                });
    store();
    layers.forget(op);  // its bytes are not needed while the next one is folded
  }
  return run;
}

}  // namespace libstream::checkpoint
