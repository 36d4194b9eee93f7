#include "entry_codec.hpp"

#include "log.capnp.h"

#include <libstream/error.hpp>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>
#include <limits>
#include <utility>

namespace libstream::checkpoint {
namespace {

unsigned size_of(std::size_t size) {
  LIBSTREAM_ASSERT(size < std::numeric_limits<unsigned>::max(), "lists of an entry are short");
  return static_cast<unsigned>(size);
}

capnp::Data::Reader to_data(std::string_view bytes) {
  return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
}

kj::StringPtr text(const std::string& value) { return {value.c_str(), value.size()}; }

std::string text(capnp::Text::Reader value) { return {value.cStr(), value.size()}; }

std::string from_data(capnp::Data::Reader value) {
  return {reinterpret_cast<const char*>(value.begin()), value.size()};
}

std::string finish(FileKind kind, capnp::MallocMessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return frame(kind, std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size()));
}

/// Copies to words (the view may lie anywhere) and runs `read` over the root; what Cap'n Proto
/// finds wrong is Error(corrupt).
template <typename Root, typename Read>
auto parse(FileKind kind, std::string_view bytes, const std::string& what, Read read) {
  const auto body = unframe(kind, bytes, what);
  const auto malformed = [&](const std::string& why) {
    return Error(ErrorCode::corrupt, what + " is corrupt: its CRC fits, but " + why);
  };
  if (body.empty() || body.size() % sizeof(capnp::word) != 0) {
    throw malformed("it is not a whole number of words");
  }
  auto words = kj::heapArray<capnp::word>(body.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), body.data(), body.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = 4 * words.size() + 1024;
  options.nestingLimit = 16;
  try {
    capnp::FlatArrayMessageReader message(words, options);
    return read(message.getRoot<Root>());
  } catch (const kj::Exception& exception) {
    throw malformed(exception.getDescription().cStr());
  }
}

void write(const StateFile& file, format::File::Builder to) {
  to.setName(text(file.name));
  to.setSize(file.size);
  to.setCrc(file.crc);
}

StateFile read(format::File::Reader from) {
  return {text(from.getName()), from.getSize(), from.getCrc()};
}

void write_changes(const std::vector<TaskChanges>& changes, format::Epoch::Builder to) {
  auto list = to.initChanges(size_of(changes.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setOperator(static_cast<std::uint32_t>(changes[i].op));
    list[i].setPartition(changes[i].partition);
    if (changes[i].file) {
      write(*changes[i].file, list[i].initFile());
    } else {
      list[i].setBytes(to_data(changes[i].inline_bytes));
    }
    if (const auto& extent = changes[i].extent) {
      auto to_extent = list[i].initExtent();
      to_extent.setFirstGroup(extent->first_group);
      to_extent.setLastGroup(extent->last_group);
      to_extent.setFloor(to_data(extent->floor));
      to_extent.setBelow(to_data(extent->below));
    }
  }
}

void write_sinks(const StoredEntry& stored, const std::vector<SinkStage>& sinks,
                 format::Epoch::Builder to) {
  auto list = to.initSinks(size_of(sinks.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setSink(text(sinks[i].sink));
    auto handles = list[i].initHandles(size_of(sinks[i].handles.size()));
    for (unsigned j = 0; j < handles.size(); ++j) {
      handles[j].setBytes(to_data(sinks[i].handles[j].bytes));
      handles[j].setRows(sinks[i].handles[j].rows);
    }
  }
  for (const auto& external : stored.handle_files) {
    auto handle = list[size_of(external.sink)].getHandles()[size_of(external.handle)];
    write(external.file, handle.initFile());
  }
}

void write_snapshot(const SnapshotReference& snapshot, format::Snapshot::Builder to) {
  to.setEpoch(number(snapshot.epoch));
  auto runs = to.initRuns(size_of(snapshot.runs.size()));
  for (unsigned i = 0; i < runs.size(); ++i) {
    const auto& from = snapshot.runs[i].files;
    auto files = runs[i].initFiles(size_of(from.size()));
    for (unsigned j = 0; j < files.size(); ++j) {
      write(from[j].file, files[j].initFile());
      files[j].setOperator(static_cast<std::uint32_t>(from[j].op));
      files[j].setBeginGroup(from[j].begin_group);
      files[j].setEndGroup(from[j].end_group);
    }
  }
}

void write_epoch(const StoredEntry& stored, const EpochEntry& entry, format::Epoch::Builder to) {
  to.setTerm(entry.term);
  to.setEpoch(number(entry.epoch));
  to.setTimestamp(entry.context.timestamp_milliseconds);
  to.setSeed(entry.context.seed);
  to.setNoData(entry.no_data);
  auto ends = to.initSourceEnds(size_of(entry.source_ends.size()));
  for (unsigned i = 0; i < ends.size(); ++i) {
    ends.set(i, text(entry.source_ends[i]));
  }
  auto versions = to.initStaticVersions(size_of(entry.static_versions.size()));
  for (unsigned i = 0; i < versions.size(); ++i) {
    versions.set(i, text(entry.static_versions[i]));
  }
  write_changes(entry.changes, to);
  write_sinks(stored, entry.sinks, to);
  to.setWatermark(entry.watermark.milliseconds);
  to.setNextWatermark(entry.next_watermark.milliseconds);
  auto values = to.initWatermarkValues(size_of(entry.watermark_values.size()));
  for (unsigned i = 0; i < values.size(); ++i) {
    values.set(i, entry.watermark_values[i]);
  }
  auto idle = to.initIdleSince(size_of(entry.idle_since.size()));
  for (unsigned i = 0; i < idle.size(); ++i) {
    idle.set(i, entry.idle_since[i]);
  }
  to.setHasEarliestTimeout(entry.earliest_timeout.has_value());
  to.setEarliestTimeout(entry.earliest_timeout.value_or(0));
  auto totals = to.initTotals(size_of(entry.totals.size()));
  unsigned i = 0;
  for (const auto& [name, value] : entry.totals) {
    totals[i].setName(text(name));
    totals[i].setValue(value);
    ++i;
  }
  to.setCommittedThrough(entry.committed_through);
  if (entry.snapshot) {
    write_snapshot(*entry.snapshot, to.initSnapshot());
  }
}

void read_sinks(format::Epoch::Reader from, EpochEntry& entry, StoredEntry& stored) {
  for (const auto stage : from.getSinks()) {
    SinkStage sink;
    sink.sink = text(stage.getSink());
    for (const auto handle : stage.getHandles()) {
      if (handle.hasFile()) {
        stored.handle_files.push_back(
            {entry.sinks.size(), sink.handles.size(), read(handle.getFile())});
      }
      sink.handles.push_back({from_data(handle.getBytes()), handle.getRows()});
    }
    entry.sinks.push_back(std::move(sink));
  }
}

void read_changes(format::Epoch::Reader from, EpochEntry& entry) {
  for (const auto item : from.getChanges()) {
    TaskChanges changes;
    changes.op = OperatorId{item.getOperator()};
    changes.partition = item.getPartition();
    changes.inline_bytes = from_data(item.getBytes());
    if (item.hasFile()) {
      changes.file = read(item.getFile());
    }
    if (item.hasExtent()) {
      const auto extent = item.getExtent();
      changes.extent = {extent.getFirstGroup(), extent.getLastGroup(), from_data(extent.getFloor()),
                        from_data(extent.getBelow())};
    }
    entry.changes.push_back(std::move(changes));
  }
}

EpochEntry read_epoch(format::Epoch::Reader from, StoredEntry& stored) {
  EpochEntry entry;
  entry.term = from.getTerm();
  entry.epoch = Epoch{from.getEpoch()};
  entry.context.timestamp_milliseconds = from.getTimestamp();
  entry.context.seed = from.getSeed();
  entry.no_data = from.getNoData();
  for (const auto end : from.getSourceEnds()) {
    entry.source_ends.push_back(text(end));
  }
  for (const auto version : from.getStaticVersions()) {
    entry.static_versions.push_back(text(version));
  }
  read_changes(from, entry);
  read_sinks(from, entry, stored);
  entry.watermark = {from.getWatermark()};
  entry.next_watermark = {from.getNextWatermark()};
  for (const auto value : from.getWatermarkValues()) {
    entry.watermark_values.push_back(value);
  }
  for (const auto since : from.getIdleSince()) {
    entry.idle_since.push_back(since);
  }
  if (from.getHasEarliestTimeout()) {
    entry.earliest_timeout = from.getEarliestTimeout();
  }
  for (const auto total : from.getTotals()) {
    entry.totals[text(total.getName())] = total.getValue();
  }
  entry.committed_through = from.getCommittedThrough();
  if (from.hasSnapshot()) {
    SnapshotReference snapshot{Epoch{from.getSnapshot().getEpoch()}, {}};
    for (const auto run : from.getSnapshot().getRuns()) {
      auto& files = snapshot.runs.emplace_back().files;
      for (const auto part : run.getFiles()) {
        files.push_back({read(part.getFile()), OperatorId{part.getOperator()}, part.getBeginGroup(),
                         part.getEndGroup()});
      }
    }
    entry.snapshot = std::move(snapshot);
  }
  return entry;
}

}  // namespace

std::string encode_meta(const CheckpointMeta& meta) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<format::Meta>();
  root.setQueryId(text(meta.query_id));
  root.setFormat(meta.format);
  root.setKeyGroups(meta.key_groups);
  root.setHashId(text(meta.hash_id));
  auto sources = root.initSources(size_of(meta.sources.size()));
  for (unsigned i = 0; i < sources.size(); ++i) {
    sources.set(i, text(meta.sources[i]));
  }
  auto operators = root.initOperators(size_of(meta.operators.size()));
  for (unsigned i = 0; i < operators.size(); ++i) {
    operators[i].setId(static_cast<std::uint32_t>(meta.operators[i].id));
    operators[i].setName(text(meta.operators[i].name));
    operators[i].setSignature(text(meta.operators[i].signature));
    operators[i].setColumns(text(meta.operators[i].columns));
  }
  return finish(FileKind::meta, message);
}

CheckpointMeta decode_meta(std::string_view bytes, const std::string& what) {
  return parse<format::Meta>(FileKind::meta, bytes, what, [](format::Meta::Reader root) {
    CheckpointMeta meta;
    meta.query_id = text(root.getQueryId());
    meta.format = root.getFormat();
    meta.key_groups = root.getKeyGroups();
    meta.hash_id = text(root.getHashId());
    for (const auto source : root.getSources()) {
      meta.sources.push_back(text(source));
    }
    for (const auto item : root.getOperators()) {
      meta.operators.push_back({OperatorId{item.getId()}, text(item.getName()),
                                text(item.getSignature()), text(item.getColumns())});
    }
    return meta;
  });
}

std::string encode_entry(const StoredEntry& stored, const std::string& query_id) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<format::Entry>();
  root.setIndex(stored.index);
  root.setQueryId(text(query_id));
  if (const auto* open = std::get_if<OpenEntry>(&stored.entry)) {
    auto to = root.initOpen();
    to.setHost(text(open->host));
    to.setProcess(open->process);
    to.setTime(open->time_milliseconds);
    to.setNonce(text(open->nonce));
  } else if (const auto* close = std::get_if<CloseEntry>(&stored.entry)) {
    auto to = root.initClose();
    to.setTerm(close->term);
    to.setCommittedThrough(close->committed_through);
  } else {
    write_epoch(stored, std::get<EpochEntry>(stored.entry), root.initEpoch());
  }
  return finish(FileKind::entry, message);
}

StoredEntry decode_entry(std::string_view bytes, std::uint64_t index, const std::string& query_id,
                         const std::string& what) {
  return parse<format::Entry>(FileKind::entry, bytes, what, [&](format::Entry::Reader root) {
    StoredEntry stored;
    stored.index = root.getIndex();
    if (stored.index != index) {
      throw Error(ErrorCode::corrupt, what + " is corrupt: it is entry " +
                                          std::to_string(stored.index) + " under another's name");
    }
    if (const auto written = text(root.getQueryId()); written != query_id) {
      throw Error(ErrorCode::corrupt, what + " is corrupt: it belongs to query " + written +
                                          ", the checkpoint to " + query_id);
    }
    switch (root.which()) {
      case format::Entry::OPEN: {
        const auto from = root.getOpen();
        stored.entry = OpenEntry{index, text(from.getHost()), from.getProcess(), from.getTime(),
                                 text(from.getNonce())};
        return stored;
      }
      case format::Entry::CLOSE:
        stored.entry = CloseEntry{root.getClose().getTerm(), root.getClose().getCommittedThrough()};
        return stored;
      case format::Entry::EPOCH:
        stored.entry = read_epoch(root.getEpoch(), stored);
        return stored;
    }
    throw Error(ErrorCode::corrupt, what + " is corrupt: it is of an unknown kind");
  });
}

}  // namespace libstream::checkpoint

namespace libstream {

LogEntry decode_log_entry(std::string_view bytes, std::uint64_t index, std::string_view meta) {
  const auto query_id = checkpoint::decode_meta(meta, "meta").query_id;
  return checkpoint::decode_entry(bytes, index, query_id, "log entry " + std::to_string(index))
      .entry;
}

}  // namespace libstream
