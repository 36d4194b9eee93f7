#include "console_sink.hpp"
#include "file_sink.hpp"
#include "file_source.hpp"
#include "foreach_batch_sink.hpp"
#include "memory_sink.hpp"
#include "memory_source.hpp"
#include "none_sink.hpp"
#include "rate_source.hpp"
#include "socket_source.hpp"
#include "text_writer.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>

namespace libstream {
namespace {

[[noreturn]] void unknown_format(const char* what, const std::string& format,
                                 const std::vector<std::string>& known) {
  std::string message = "there is no " + std::string(what) + " \"" + format + "\"";
  for (const std::string& name : similar_names(format, known)) {
    message += "; did you mean \"" + name + "\"?";
    break;
  }
  message += "; known: ";
  for (std::size_t i = 0; i < known.size(); ++i) message += (i == 0 ? "" : ", ") + known[i];
  throw Error(ErrorCode::invalid_argument, message);
}

bool is_file_format(const std::string& format) {
  return format == "json" || format == "csv" || format == "text";
}

void check_file_options(const SourceSpec& spec) {
  const std::string what = "the " + spec.format + " source";
  if (spec.format == "json") {
    spec.options.check_known({"maxFilesPerTrigger", "maxBytesPerTrigger", "fileOrder",
                              "pathGlobFilter", "mode", "columnNameOfCorruptRecord"},
                             what);
  } else if (spec.format == "csv") {
    spec.options.check_known(
        {"maxFilesPerTrigger", "maxBytesPerTrigger", "fileOrder", "pathGlobFilter", "mode",
         "columnNameOfCorruptRecord", "header", "sep", "delimiter", "quote", "escape", "nullValue"},
        what);
  } else {
    spec.options.check_known(
        {"maxFilesPerTrigger", "maxBytesPerTrigger", "fileOrder", "pathGlobFilter"}, what);
  }
}

void check_csv_types(const Schema& schema) {
  for (const Field& field : schema) {
    if (field.type.id() != TypeId::array && field.type.id() != TypeId::structure) continue;
    throw Error(ErrorCode::analysis, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                "column \"" + field.name + "\" is a " + field.type.to_string() +
                    ", which CSV files cannot hold");
  }
}

}  // namespace

Schema source_schema(const SourceSpec& spec) {
  if (spec.format == "custom") {
    LIBSTREAM_ASSERT(spec.custom != nullptr, "a custom source comes with its object");
    return spec.custom->schema();
  }
  if (spec.format == "memory") {
    LIBSTREAM_ASSERT(spec.memory != nullptr, "a memory source comes with its stream");
    return std::static_pointer_cast<MemoryStream::Shared>(spec.memory)->schema;
  }
  Schema own;
  if (spec.format == "text") own = Schema{{"value", TypeId::string}};
  if (spec.format == "rate") own = rate_schema();
  if (spec.format == "socket") own = socket_schema(spec.options);
  if (own.size() > 0) {
    if (spec.schema.size() == 0 || spec.schema == own) return own;
    throw Error(ErrorCode::analysis, "the " + spec.format + " source has the schema \"" +
                                         own.to_string() + "\"; leave yours out");
  }
  if (spec.schema.size() == 0 && is_file_format(spec.format)) {
    throw Error(ErrorCode::analysis, "UNABLE_TO_INFER_SCHEMA",
                "the " + spec.format + " source " + spec.path +
                    " needs a schema: call .schema(\"a bigint, b string\") before ." + spec.format +
                    "(…)");
  }
  return spec.schema;
}

std::uint32_t source_splits(const SourceSpec& spec) {
  return spec.format == "custom" ? spec.custom->splits() : 1;
}

std::shared_ptr<Source> make_source(const SourceSpec& given, const Environment& environment) {
  if (given.format == "custom") {
    LIBSTREAM_ASSERT(given.custom != nullptr, "a custom source comes with its object");
    return given.custom;
  }
  if (given.format == "memory") return memory_source(given);
  SourceSpec spec = given;
  spec.schema = source_schema(given);
  if (is_file_format(spec.format)) {
    check_file_options(spec);
    if (spec.format == "csv") check_csv_types(spec.schema);
    return file_source(spec, environment);
  }
  if (spec.format == "rate") return rate_source(spec, environment);
  if (spec.format == "socket") return socket_source(spec, environment);
  unknown_format("source", spec.format,
                 {"json", "csv", "text", "rate", "socket", "memory", "custom"});
}

std::shared_ptr<Sink> make_sink(const SinkSpec& spec, OutputMode mode,
                                const Environment& environment) {
  if (spec.format == "custom") {
    LIBSTREAM_ASSERT(spec.custom != nullptr, "a custom sink comes with its object");
    return spec.custom;
  }
  if (spec.format == "json" || spec.format == "csv") return file_sink(spec, mode, environment);
  if (spec.format == "memory") return memory_sink(spec, mode);
  if (spec.format == "console") return console_sink(spec);
  if (spec.format == "foreach_batch") return foreach_batch_sink(spec);
  if (spec.format == "none") return none_sink(spec);
  unknown_format("sink", spec.format,
                 {"console", "json", "csv", "memory", "foreach_batch", "none", "custom"});
}

std::string to_json_lines(const Schema& schema, const Batch& batch) {
  std::string lines;
  json_writer(schema)->write(batch, lines);
  return lines;
}

}  // namespace libstream
