#include "recording_segments.hpp"
#include "recording_shared.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <iterator>

namespace libstream {
namespace {

[[noreturn]] void no_recording(const std::string& directory, const std::string& why) {
  throw Error(ErrorCode::unreachable, "there is no recording in " + directory + ": " + why);
}

/// Sources are appended to one after the other: what not all have yet is still on its way.
void leave_out_partial_epochs(std::vector<RecordedSource>& sources) {
  const auto number_of = [](const RecordedEpoch& epoch) { return epoch.epoch; };
  std::vector<Epoch> whole;
  std::transform(sources[0].epochs.begin(), sources[0].epochs.end(), std::back_inserter(whole),
                 number_of);
  for (const auto& source : sources) {
    std::vector<Epoch> both;
    std::vector<Epoch> own;
    std::transform(source.epochs.begin(), source.epochs.end(), std::back_inserter(own), number_of);
    std::set_intersection(whole.begin(), whole.end(), own.begin(), own.end(),
                          std::back_inserter(both));
    whole = std::move(both);
  }
  for (auto& source : sources) {
    std::erase_if(source.epochs, [&](const RecordedEpoch& epoch) {
      return !std::binary_search(whole.begin(), whole.end(), epoch.epoch);
    });
  }
}

std::size_t index_of(const Recording::Shared& shared, std::string_view name) {
  const auto& sources = shared.sources;
  if (name.empty() && sources.size() == 1) return 0;
  std::string names;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].name == name) return i;
    names += (i == 0 ? "" : ", ") + sources[i].name;
  }
  throw Error(ErrorCode::invalid_argument,
              name.empty() ? "the recording " + shared.directory +
                                 " has several sources, name one of them: " + names
                           : "the recording " + shared.directory + " has no source \"" +
                                 std::string(name) + "\"; it has: " + names);
}

std::string stored_bytes(const Recording::Shared& shared, std::size_t source,
                         const RecordedChunk& chunk) {
  const auto path = segment_path(shared.folders[source], chunk.segment);
  auto bytes = shared.files->read(path, chunk.offset, chunk.bytes);
  naming_file(path, chunk.offset, [&] { check_chunk(chunk, bytes); });
  return bytes;
}

}  // namespace

std::vector<BatchPtr> recorded_rows(const Recording::Shared& shared, std::size_t source,
                                    const RecordedChunk& chunk) {
  const auto bytes = stored_bytes(shared, source, chunk);
  return naming_file(segment_path(shared.folders[source], chunk.segment), chunk.offset,
                     [&] { return decode_chunk(chunk, bytes, shared.sources[source].schema); });
}

Recording Recording::open(const std::string& directory, std::shared_ptr<FileSystem> files) {
  auto shared = std::make_shared<Shared>();
  shared->directory = directory;
  while (shared->directory.size() > 1 && shared->directory.back() == '/') {
    shared->directory.pop_back();
  }
  shared->files = std::move(files);
  const auto status = shared->files->status(shared->directory);
  if (!status || !status->directory) no_recording(directory, "it is no directory");
  bool begun = true;  // in all sources
  for (const auto& entry : shared->files->list(shared->directory)) {
    if (!entry.directory || !shared->files->status(entry.path + "/_staging")) continue;
    auto source = scan_source(*shared->files, entry.path);
    if (!source) {
      begun = false;
      continue;
    }
    source->name = entry.path.substr(entry.path.rfind('/') + 1);
    shared->sources.push_back(std::move(*source));
    shared->folders.push_back(entry.path);
  }
  if (shared->sources.empty()) no_recording(directory, "no epoch of any source is recorded yet");
  if (!begun) {
    for (auto& source : shared->sources) source.epochs.clear();
  }
  leave_out_partial_epochs(shared->sources);
  return Recording(std::move(shared));
}

const std::string& Recording::directory() const { return shared_->directory; }
const std::vector<RecordedSource>& Recording::sources() const { return shared_->sources; }

const RecordedSource& Recording::find(std::string_view name) const {
  return shared_->sources[index_of(*shared_, name)];
}

std::vector<BatchPtr> Recording::rows(const RecordedSource& source,
                                      const RecordedChunk& chunk) const {
  return recorded_rows(*shared_, index_of(*shared_, source.name), chunk);
}

std::string Recording::stored(const RecordedSource& source, const RecordedChunk& chunk) const {
  return stored_bytes(*shared_, index_of(*shared_, source.name), chunk);
}

std::shared_ptr<Source> Recording::source(std::string_view name, const ReplayRules& rules) const {
  return recorded_source(shared_, index_of(*shared_, name), rules);
}

std::shared_ptr<Clock> Recording::clock() const { return shared_->clock; }

}  // namespace libstream
