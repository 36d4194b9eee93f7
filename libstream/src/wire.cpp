#include "wire.capnp.h"

#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace libstream {
namespace {

constexpr char magic[4] = {'L', 'S', 'B', 'T'};
constexpr std::uint32_t version = 1;
/// Behind the magic: version, body length, CRC32C of those two and the body, and a zero word.
struct Frame {
  char magic[4];
  std::uint32_t version;
  std::uint64_t length;
  std::uint32_t crc;
  std::uint32_t zero;
};
static_assert(sizeof(Frame) == 24);
constexpr std::size_t blob_limit = (std::size_t{1} << 29) - 1;  // of Cap'n Proto
constexpr int depth_limit = 64;

[[noreturn]] void corrupt(const std::string& what) {
  throw Error(ErrorCode::corrupt, "encoded batches are damaged: " + what);
}

std::uint32_t frame_crc(const Frame& frame, std::span<const std::byte> body) {
  const std::uint32_t head =
      crc32c(std::as_bytes(std::span(&frame, 1)).first(offsetof(Frame, crc)));
  return crc32c(body, head);
}

capnp::Data::Reader data(const void* bytes, std::size_t size) {
  if (size > blob_limit) {
    throw Error(ErrorCode::unsupported, "a column of " + std::to_string(size) +
                                            " bytes is too large to encode; 512 MiB is "
                                            "the most for one batch");
  }
  return {static_cast<const kj::byte*>(bytes), size};
}

void encode_field(const Field& field, wire::Field::Builder out) {
  out.setName(data(field.name.data(), field.name.size()));
  out.setType(static_cast<std::uint8_t>(field.type.id()));
  out.setPrecision(static_cast<std::uint8_t>(field.type.precision()));
  out.setScale(static_cast<std::uint8_t>(field.type.scale()));
  out.setNullable(field.nullable);
  if (field.type.id() != TypeId::array && field.type.id() != TypeId::structure) return;
  const std::vector<Field>& fields = field.type.fields();
  auto list = out.initFields(static_cast<unsigned>(fields.size()));
  for (unsigned i = 0; i < fields.size(); ++i) encode_field(fields[i], list[i]);
}

void encode_strings(const Column& column, wire::Column::Builder out) {
  const std::size_t rows = column.size();
  std::vector<std::uint32_t> offsets(rows + 1);
  std::size_t total = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!column.is_null(row)) total += column.string(row).size();
    if (total > blob_limit) data(nullptr, total);  // throws
    offsets[row + 1] = static_cast<std::uint32_t>(total);
  }
  out.setValues(data(offsets.data(), offsets.size() * sizeof(std::uint32_t)));
  auto heap = out.initHeap(static_cast<unsigned>(total));
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t size = offsets[row + 1] - offsets[row];
    if (size != 0) std::memcpy(heap.begin() + offsets[row], column.string(row).data(), size);
  }
}

void encode_column(const Column& column, wire::Column::Builder out) {
  const std::size_t rows = column.size();
  if (column.has_validity()) {
    // Bits behind the last row are cleared: equal columns have equal bytes.
    auto bits = out.initValidity(static_cast<unsigned>((rows + 7) / 8));
    std::memcpy(bits.begin(), column.validity(), bits.size());
    if (rows % 8 != 0) bits[bits.size() - 1] &= static_cast<kj::byte>((1U << (rows % 8)) - 1);
  }
  const TypeId id = column.type().id();
  if (id == TypeId::null) return;
  if (column.type().is_string_like()) {
    encode_strings(column, out);
    return;
  }
  if (id == TypeId::structure) {
    auto children = out.initChildren(static_cast<unsigned>(column.children()));
    for (unsigned i = 0; i < column.children(); ++i) encode_column(*column.child(i), children[i]);
    return;
  }
  if (id != TypeId::array) {
    out.setValues(data(column.values<std::byte>(), rows * column.type().width()));
    return;
  }
  // Slices begin in the middle of their elements.
  const std::int32_t* const offsets = column.offsets();
  std::vector<std::uint32_t> moved(rows + 1);
  for (std::size_t row = 0; row <= rows; ++row) {
    moved[row] = static_cast<std::uint32_t>(offsets[row] - offsets[0]);
  }
  out.setValues(data(moved.data(), moved.size() * sizeof(std::uint32_t)));
  out.setElements(moved[rows]);
  const ColumnPtr elements =
      column.child(0)->slice(static_cast<std::size_t>(offsets[0]), moved[rows]);
  encode_column(*elements, out.initChildren(1)[0]);
}

std::shared_ptr<Buffer> copy(const void* bytes, std::size_t size) {
  auto buffer = Buffer::allocate(size);
  if (size != 0) std::memcpy(buffer->data(), bytes, size);
  return buffer;
}

DataType decode_type(wire::Field::Reader in, int depth);

Field decode_field(wire::Field::Reader in, int depth) {
  if (depth > depth_limit) corrupt("its schema is nested too deep");
  const auto name = in.getName();
  return {std::string(reinterpret_cast<const char*>(name.begin()), name.size()),
          decode_type(in, depth), in.getNullable()};
}

DataType decode_type(wire::Field::Reader in, int depth) {
  if (in.getType() > static_cast<std::uint8_t>(TypeId::structure)) corrupt("an unknown type");
  const auto id = static_cast<TypeId>(in.getType());
  if (id == TypeId::decimal) {
    const int precision = in.getPrecision();
    if (precision < 1 || precision > 38 || in.getScale() > precision) corrupt("a decimal's digits");
    return DataType::decimal(precision, in.getScale());
  }
  if (id != TypeId::array && id != TypeId::structure) return id;
  std::vector<Field> fields;
  for (const auto field : in.getFields()) fields.push_back(decode_field(field, depth + 1));
  if (id == TypeId::structure) return DataType::structure(std::move(fields));
  if (fields.size() != 1) corrupt("an array without an element type");
  return DataType::array(fields[0].type, fields[0].nullable);
}

/// Checks that offsets rise from 0 to `end`.
std::vector<std::uint32_t> decode_offsets(capnp::Data::Reader bytes, std::size_t rows,
                                          std::size_t end) {
  if (bytes.size() != (rows + 1) * sizeof(std::uint32_t)) corrupt("the length of offsets");
  std::vector<std::uint32_t> offsets(rows + 1);
  std::memcpy(offsets.data(), bytes.begin(), bytes.size());
  if (offsets[0] != 0 || offsets[rows] != end || !std::is_sorted(offsets.begin(), offsets.end())) {
    corrupt("offsets");
  }
  return offsets;
}

ColumnPtr decode_strings(wire::Column::Reader in, const DataType& type, std::size_t rows,
                         BufferPtr validity) {
  const auto bytes = in.getHeap();
  const auto offsets = decode_offsets(in.getValues(), rows, bytes.size());
  const auto heap = copy(bytes.begin(), bytes.size());
  const auto views = Buffer::allocate(rows * sizeof(StringView));
  const char* const text = heap->as<char>();
  for (std::size_t row = 0; row < rows; ++row) {
    const StringView view(std::string_view(text + offsets[row], offsets[row + 1] - offsets[row]));
    std::memcpy(views->data() + row * sizeof(StringView), &view, sizeof(StringView));
  }
  return Column::fixed(type, rows, views, std::move(validity), {heap});
}

ColumnPtr decode_column(wire::Column::Reader in, const DataType& type, std::size_t rows) {
  BufferPtr validity;
  if (const auto bits = in.getValidity(); bits.size() != 0) {
    if (bits.size() != (rows + 7) / 8) corrupt("the length of a validity bitmap");
    const auto words = Buffer::allocate((rows + 63) / 64 * 8);
    std::memset(words->data(), 0, words->size());
    std::memcpy(words->data(), bits.begin(), bits.size());
    validity = words;
  }
  if (type.id() == TypeId::null) return Column::nulls(type, rows);
  if (type.is_string_like()) return decode_strings(in, type, rows, std::move(validity));
  const auto children = in.getChildren();
  if (type.id() == TypeId::structure) {
    if (children.size() != type.fields().size()) corrupt("the number of a structure's fields");
    std::vector<ColumnPtr> fields;
    for (unsigned i = 0; i < children.size(); ++i) {
      fields.push_back(decode_column(children[i], type.fields()[i].type, rows));
    }
    return Column::structure(type, rows, std::move(fields), std::move(validity));
  }
  const auto values = in.getValues();
  if (type.id() == TypeId::array) {
    if (children.size() != 1 || in.getElements() > std::numeric_limits<std::int32_t>::max()) {
      corrupt("the elements of an array");
    }
    const auto offsets = decode_offsets(values, rows, in.getElements());
    auto elements = decode_column(children[0], type.element(), in.getElements());
    return Column::array(type, rows, copy(offsets.data(), values.size()), std::move(elements),
                         std::move(validity));
  }
  if (values.size() != rows * type.width()) corrupt("the length of a column");
  return Column::fixed(type, rows, copy(values.begin(), values.size()), std::move(validity));
}

BatchPtr decode_batch(wire::Batch::Reader in, const Schema& schema) {
  const auto columns = in.getColumns();
  if (columns.size() != schema.size()) corrupt("the number of columns");
  auto batch = std::make_shared<Batch>();
  batch->rows = in.getRows();
  // Columns of nulls and batches without columns have no bytes that would bear out their rows.
  constexpr std::size_t rows_limit = std::size_t{1} << 28;
  if (batch->rows > rows_limit && !schema.fields().empty()) corrupt("the number of rows");
  if (in.getKind() > static_cast<std::uint8_t>(Batch::Kind::late_keys)) corrupt("a kind of batch");
  batch->kind = static_cast<Batch::Kind>(in.getKind());
  if (in.getHasEventTime()) {
    batch->event_time = EventTimeRange{in.getMinEventTime(), in.getMaxEventTime()};
  }
  for (unsigned i = 0; i < columns.size(); ++i) {
    batch->columns.push_back(decode_column(columns[i], schema[i].type, batch->rows));
  }
  return batch;
}

/// The message as messageToFlatArray would write it, behind its frame; copied once.
std::string framed(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  std::string out;
  out.reserve(sizeof(Frame) + capnp::computeSerializedSizeInWords(message) * sizeof(capnp::word));
  out.resize(sizeof(Frame));
  const auto append = [&out](std::uint32_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  append(static_cast<std::uint32_t>(segments.size()) - 1);
  for (const auto& segment : segments) append(static_cast<std::uint32_t>(segment.size()));
  if (segments.size() % 2 == 0) append(0);
  for (const auto& segment : segments) {
    out.append(reinterpret_cast<const char*>(segment.begin()), segment.asBytes().size());
  }
  const auto body = std::as_bytes(std::span(out).subspan(sizeof(Frame)));
  Frame frame{{magic[0], magic[1], magic[2], magic[3]}, version, body.size(), 0, 0};
  frame.crc = frame_crc(frame, body);
  std::memcpy(out.data(), &frame, sizeof(frame));
  return out;
}

}  // namespace

std::string encode_batches(const Schema& schema, std::span<const BatchPtr> batches) {
  std::size_t bytes = 4096;
  for (const BatchPtr& batch : batches) bytes += batch->bytes();
  const auto first_words = static_cast<unsigned>(std::min<std::size_t>(bytes / 8, 1U << 20));
  capnp::MallocMessageBuilder message(first_words);
  auto root = message.initRoot<wire::Batches>();
  auto fields = root.initSchema(static_cast<unsigned>(schema.size()));
  for (unsigned i = 0; i < schema.size(); ++i) encode_field(schema[i], fields[i]);
  auto list = root.initBatches(static_cast<unsigned>(batches.size()));
  for (unsigned n = 0; n < batches.size(); ++n) {
    const Batch& batch = *batches[n];
    LIBSTREAM_ASSERT(batch.columns.size() == schema.size(), "batches have the schema's columns");
    LIBSTREAM_ASSERT(batch.rows <= std::numeric_limits<std::uint32_t>::max(), "batches are small");
    list[n].setRows(static_cast<std::uint32_t>(batch.rows));
    list[n].setKind(static_cast<std::uint8_t>(batch.kind));
    if (batch.event_time) {
      list[n].setHasEventTime(true);
      list[n].setMinEventTime(batch.event_time->min);
      list[n].setMaxEventTime(batch.event_time->max);
    }
    auto columns = list[n].initColumns(static_cast<unsigned>(batch.columns.size()));
    for (unsigned i = 0; i < batch.columns.size(); ++i)
      encode_column(*batch.columns[i], columns[i]);
  }
  return framed(message);
}

std::vector<BatchPtr> decode_batches(std::string_view bytes, Schema& schema) {
  Frame frame{};
  if (bytes.size() < sizeof(frame)) corrupt("it is shorter than its header");
  std::memcpy(&frame, bytes.data(), sizeof(frame));
  if (std::memcmp(frame.magic, magic, sizeof(magic)) != 0) corrupt("the magic number is wrong");
  if (frame.version != version) {
    corrupt("version " + std::to_string(frame.version) + " is not known");
  }
  if (frame.length != bytes.size() - sizeof(frame) || frame.length % 8 != 0 || frame.zero != 0) {
    corrupt("its length is not the one in its header");
  }
  const auto body = std::as_bytes(std::span(bytes.data() + sizeof(frame), frame.length));
  if (frame_crc(frame, body) != frame.crc) corrupt("the checksum is wrong");
  auto words = kj::heapArray<capnp::word>(frame.length / 8);
  if (frame.length != 0) std::memcpy(words.asBytes().begin(), body.data(), body.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 2 + 4096;
  options.nestingLimit = 3 * depth_limit;
  try {
    capnp::FlatArrayMessageReader message(words, options);
    const auto root = message.getRoot<wire::Batches>();
    std::vector<Field> fields;
    for (const auto field : root.getSchema()) fields.push_back(decode_field(field, 0));
    schema = Schema(std::move(fields));
    std::vector<BatchPtr> batches;
    for (const auto batch : root.getBatches()) batches.push_back(decode_batch(batch, schema));
    return batches;
  } catch (const kj::Exception& error) {
    corrupt(std::string(error.getDescription().cStr()));
  }
}

}  // namespace libstream
