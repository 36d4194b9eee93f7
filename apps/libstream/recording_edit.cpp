#include "recording_edit.hpp"

#include <libstream/error.hpp>

#include <map>
#include <utility>

namespace libstream::apps {
namespace {

void copy_epoch(const Recording& from, const RecordedSource& source, const RecordedEpoch& epoch,
                RecordingWriter& writer) {
  std::vector<std::string> chunks;
  for (const auto& chunk : epoch.chunks) chunks.push_back(from.stored(source, chunk));
  writer.append(epoch, chunks);
}

/// Where the pieces of one merged source come from.
struct Piece {
  const Recording* recording;
  const RecordedSource* source;
};

/// An epoch, and whose it is.
struct Place {
  Piece piece;
  const RecordedEpoch* epoch;
};

void check_alike(const RecordedSource& a, const RecordedSource& b) {
  if (a.schema == b.schema && a.splits == b.splits) return;
  throw Error(ErrorCode::incompatible, "the recordings differ in the columns of " + a.name + ": [" +
                                           a.schema.to_string() + "] and [" + b.schema.to_string() +
                                           "]; give them other names");
}

std::map<Epoch, Place> epochs_of(const std::vector<Piece>& pieces) {
  std::map<Epoch, Place> epochs;
  for (const auto& piece : pieces) {
    check_alike(*pieces.front().source, *piece.source);
    for (const auto& epoch : piece.source->epochs) {
      const auto [place, added] = epochs.emplace(epoch.epoch, Place{piece, &epoch});
      if (added) continue;
      throw Error(ErrorCode::conflict,
                  "epoch " + std::to_string(number(epoch.epoch)) + " of " + piece.source->name +
                      " is in " + place->second.piece.recording->directory() + " and in " +
                      piece.recording->directory() + "; cut it out of one of them");
    }
  }
  return epochs;
}

/// An epoch in which a source has nothing, as another source knows it.
RecordedEpoch without_rows(RecordedEpoch epoch, const Offset& position) {
  epoch.chunks.clear();
  epoch.idle = true;
  epoch.start = epoch.end = position;
  return epoch;
}

}  // namespace

void cut_recording(const Recording& recording, const std::string& output, Epoch from, Epoch to) {
  if (from > to) {
    throw Error(ErrorCode::invalid_argument, "--from " + std::to_string(number(from)) +
                                                 " is behind --to " + std::to_string(number(to)));
  }
  RecordingWriter writer(output, local_file_system());
  for (const auto& source : recording.sources()) {
    bool begun = false;
    for (const auto& epoch : source.epochs) {
      if (epoch.epoch < from || epoch.epoch > to) continue;
      if (!std::exchange(begun, true)) writer.begin(source);
      copy_epoch(recording, source, epoch, writer);
    }
    if (begun) continue;
    throw Error(ErrorCode::invalid_argument,
                "the recording " + recording.directory() + " has no epoch from " +
                    std::to_string(number(from)) + " to " + std::to_string(number(to)));
  }
  writer.finish();
}

void merge_recordings(const std::vector<Recording>& recordings, const std::string& output) {
  std::map<std::string, std::vector<Piece>> sources;
  for (const auto& recording : recordings) {
    for (const auto& source : recording.sources()) {
      sources[source.name].push_back({&recording, &source});
    }
  }
  std::map<std::string, std::map<Epoch, Place>> merged;
  std::map<Epoch, const RecordedEpoch*> all;
  for (const auto& [name, pieces] : sources) {
    merged[name] = epochs_of(pieces);
    for (const auto& [epoch, place] : merged[name]) all.emplace(epoch, place.epoch);
  }
  RecordingWriter writer(output, local_file_system());
  for (const auto& [name, pieces] : sources) {
    writer.begin(*pieces.front().source);
    Offset position;
    for (const auto& [epoch, any] : all) {
      const auto place = merged[name].find(epoch);
      if (place == merged[name].end()) {
        writer.append(without_rows(*any, position), {});
        continue;
      }
      const auto& [piece, own] = place->second;
      position = own->end;
      copy_epoch(*piece.recording, *piece.source, *own, writer);
    }
  }
  writer.finish();
}

}  // namespace libstream::apps
