#include "recording_format.hpp"

#include "recording.capnp.h"

#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

constexpr char magic[4] = {'L', 'S', 'R', 'C'};
constexpr std::uint16_t version = 1;
constexpr std::uint32_t body_limit = 1U << 28;

struct Head {
  char magic[4];
  std::uint16_t version;
  std::uint16_t kind;
  std::uint32_t body_bytes;
  std::uint32_t body_crc;
  std::uint64_t chunk_bytes;
  std::uint32_t zero;
  std::uint32_t crc;
};
static_assert(sizeof(Head) == frame_head_bytes);

[[noreturn]] void corrupt(const std::string& what) { throw Error(ErrorCode::corrupt, what); }

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string to_bytes(capnp::MessageBuilder& message) {
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

/// Calls `read` with the message's root.
template <class Message, class Read>
auto from_bytes(std::string_view bytes, Read read) {
  if (bytes.size() % sizeof(capnp::word) != 0) corrupt("a message is cut off");
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  if (!bytes.empty()) std::memcpy(words.asBytes().begin(), bytes.data(), bytes.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 2 + 4096;
  try {
    capnp::FlatArrayMessageReader message(words, options);
    return read(message.getRoot<Message>());
  } catch (const kj::Exception& error) {
    corrupt("a message makes no sense: " + std::string(error.getDescription().cStr()));
  }
}

std::string with_head(FrameHead::Kind kind, const std::string& body, std::uint64_t chunk_bytes) {
  Head head{{magic[0], magic[1], magic[2], magic[3]},
            version,
            static_cast<std::uint16_t>(kind),
            static_cast<std::uint32_t>(body.size()),
            crc32c(bytes_of(body)),
            chunk_bytes,
            0,
            0};
  head.crc = crc32c(std::as_bytes(std::span(&head, 1)).first(offsetof(Head, crc)));
  std::string frame(reinterpret_cast<const char*>(&head), sizeof(head));
  frame += body;
  return frame;
}

void check_body(const FrameHead& head, std::string_view body) {
  if (crc32c(bytes_of(body)) != head.body_crc) corrupt("the checksum of a message is wrong");
}

template <class Chunks>
void write_chunks(const std::vector<RecordedChunk>& chunks, Chunks out) {
  for (unsigned i = 0; i < chunks.size(); ++i) {
    out[i].setBytes(chunks[i].bytes);
    out[i].setRawBytes(chunks[i].raw_bytes);
    out[i].setCrc(chunks[i].crc);
    out[i].setRows(chunks[i].rows);
    out[i].setSplit(chunks[i].split);
  }
}

template <class Chunks>
std::vector<RecordedChunk> read_chunks(Chunks in) {
  std::vector<RecordedChunk> chunks;
  for (const auto chunk : in) {
    RecordedChunk read;
    read.bytes = chunk.getBytes();
    read.raw_bytes = chunk.getRawBytes();
    read.crc = chunk.getCrc();
    read.rows = chunk.getRows();
    read.split = chunk.getSplit();
    chunks.push_back(read);
  }
  return chunks;
}

std::uint64_t chunk_bytes(const std::vector<RecordedChunk>& chunks) {
  std::uint64_t bytes = 0;
  for (const auto& chunk : chunks) bytes += chunk.bytes;
  return bytes;
}

}  // namespace

std::uint64_t RecordedEpoch::rows() const {
  std::uint64_t rows = 0;
  for (const auto& chunk : chunks) rows += chunk.rows;
  return rows;
}

std::string encode_segment(const SegmentHead& head) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<recorded::Segment>();
  out.setNumber(head.number);
  out.setSource(head.source);
  out.setKind(head.kind);
  out.setQueryId(head.query_id);
  out.setSplits(head.splits);
  const auto schema = encode_batches(head.schema, {});
  out.setSchema({reinterpret_cast<const kj::byte*>(schema.data()), schema.size()});
  out.setPreviousBytes(head.previous_bytes);
  return with_head(FrameHead::Kind::segment, to_bytes(message), 0);
}

std::string encode_note(const RecordedEpoch& epoch) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<recorded::Epoch>();
  out.setEpoch(number(epoch.epoch));
  out.setTimestampMs(epoch.context.timestamp_milliseconds);
  out.setSeed(epoch.context.seed);
  out.setTrigger(static_cast<std::uint8_t>(epoch.trigger.kind));
  out.setTriggerMs(epoch.trigger.interval.count());
  out.setNoData(epoch.no_data);
  out.setIdle(epoch.idle);
  out.setStart(epoch.start);
  out.setEnd(epoch.end);
  out.setWatermarkMs(epoch.watermark.milliseconds);
  out.setNextWatermarkMs(epoch.next_watermark.milliseconds);
  write_chunks(epoch.chunks, out.initChunks(static_cast<unsigned>(epoch.chunks.size())));
  return to_bytes(message);
}

std::string encode_epoch(const RecordedEpoch& epoch) {
  return with_head(FrameHead::Kind::epoch, encode_note(epoch), chunk_bytes(epoch.chunks));
}

FrameHead decode_frame_head(std::string_view bytes) {
  LIBSTREAM_ASSERT(bytes.size() == sizeof(Head), "the caller has the whole head");
  Head head{};
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (std::memcmp(head.magic, magic, sizeof(magic)) != 0) corrupt("no frame begins there");
  if (crc32c(std::as_bytes(std::span(&head, 1)).first(offsetof(Head, crc))) != head.crc) {
    corrupt("the checksum of a frame's head is wrong");
  }
  if (head.version != version) {
    corrupt("its version " + std::to_string(head.version) + " is not known");
  }
  if (head.kind != 1 && head.kind != 2) corrupt("an unknown kind of frame");
  if (head.body_bytes > body_limit) corrupt("a message is too long");
  return {static_cast<FrameHead::Kind>(head.kind), head.body_bytes, head.body_crc,
          head.chunk_bytes};
}

SegmentHead decode_segment(const FrameHead& head, std::string_view body) {
  check_body(head, body);
  if (head.kind != FrameHead::Kind::segment) corrupt("it does not begin with its description");
  return from_bytes<recorded::Segment>(body, [](recorded::Segment::Reader in) {
    SegmentHead segment;
    segment.number = in.getNumber();
    segment.source = in.getSource().cStr();
    segment.kind = in.getKind().cStr();
    segment.query_id = in.getQueryId().cStr();
    segment.splits = in.getSplits();
    segment.previous_bytes = in.getPreviousBytes();
    const auto schema = in.getSchema();
    decode_batches({reinterpret_cast<const char*>(schema.begin()), schema.size()}, segment.schema);
    return segment;
  });
}

RecordedEpoch decode_note(std::string_view bytes) {
  return from_bytes<recorded::Epoch>(bytes, [](recorded::Epoch::Reader in) {
    RecordedEpoch epoch;
    epoch.epoch = Epoch{in.getEpoch()};
    epoch.context = {in.getTimestampMs(), in.getSeed()};
    if (in.getTrigger() > static_cast<std::uint8_t>(Trigger::Kind::available_now)) {
      corrupt("an unknown trigger");
    }
    epoch.trigger = {static_cast<Trigger::Kind>(in.getTrigger()),
                     std::chrono::milliseconds(in.getTriggerMs())};
    epoch.no_data = in.getNoData();
    epoch.idle = in.getIdle();
    epoch.start = in.getStart().cStr();
    epoch.end = in.getEnd().cStr();
    epoch.watermark = {in.getWatermarkMs()};
    epoch.next_watermark = {in.getNextWatermarkMs()};
    epoch.chunks = read_chunks(in.getChunks());
    return epoch;
  });
}

RecordedEpoch decode_epoch(const FrameHead& head, std::string_view body) {
  check_body(head, body);
  if (head.kind != FrameHead::Kind::epoch) corrupt("a second description of the segment");
  auto epoch = decode_note(body);
  if (chunk_bytes(epoch.chunks) != head.chunk_bytes) corrupt("the sizes of chunks do not add up");
  return epoch;
}

std::string encode_staged(const StagedChunks& staged) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<recorded::Staged>();
  write_chunks(staged.chunks, out.initChunks(static_cast<unsigned>(staged.chunks.size())));
  out.setRows({reinterpret_cast<const kj::byte*>(staged.bytes.data()), staged.bytes.size()});
  out.setFile(staged.file);
  return to_bytes(message);
}

StagedChunks decode_staged(std::string_view bytes) {
  return from_bytes<recorded::Staged>(bytes, [](recorded::Staged::Reader in) {
    StagedChunks staged;
    staged.chunks = read_chunks(in.getChunks());
    const auto rows = in.getRows();
    staged.bytes.assign(reinterpret_cast<const char*>(rows.begin()), rows.size());
    staged.file = in.getFile().cStr();
    if (staged.file.find('/') != std::string::npos) corrupt("a staged file's name is none");
    return staged;
  });
}

}  // namespace libstream
