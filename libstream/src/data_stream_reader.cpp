#include <libstream/data_stream.hpp>

namespace libstream {
namespace {

PlanPtr source_plan(SourceSpec spec) {
  auto plan = std::make_shared<LogicalPlan>();
  plan->kind = LogicalPlan::Kind::source;
  plan->source = std::move(spec);
  return plan;
}

}  // namespace

DataStreamReader& DataStreamReader::schema(std::string_view text) {
  return schema(Schema::parse(text));
}
DataStreamReader& DataStreamReader::schema(Schema schema) {
  spec_.schema = std::move(schema);
  return *this;
}
DataStreamReader& DataStreamReader::option(std::string_view name, std::string_view value) {
  spec_.options.set(name, std::string(value));
  return *this;
}
DataStreamReader& DataStreamReader::option(std::string_view name, std::int64_t value) {
  spec_.options.set(name, std::to_string(value));
  return *this;
}
DataStreamReader& DataStreamReader::option(std::string_view name, bool value) {
  spec_.options.set(name, value ? "true" : "false");
  return *this;
}

DataStream DataStreamReader::make(std::string_view format, std::string_view path) {
  auto spec = spec_;
  spec.format = format;
  spec.path = path;
  return {runtime_, source_plan(std::move(spec))};
}

DataStream DataStreamReader::json(std::string_view directory) { return make("json", directory); }
DataStream DataStreamReader::csv(std::string_view directory) { return make("csv", directory); }
DataStream DataStreamReader::text(std::string_view directory) { return make("text", directory); }

DataStream DataStreamReader::rate(std::int64_t rows_per_second) {
  // An option given by name stands against the default of this call.
  if (rows_per_second != 1 || !spec_.options.find("rowsPerSecond")) {
    option("rowsPerSecond", rows_per_second);
  }
  return make("rate", "");
}

DataStream DataStreamReader::socket(std::string_view host, std::uint16_t port) {
  option("host", host);
  option("port", std::int64_t{port});
  return make("socket", "");
}

DataStream DataStreamReader::memory(const MemoryStream& stream) {
  auto spec = spec_;
  spec.format = "memory";
  spec.memory = stream.shared();
  return {runtime_, source_plan(std::move(spec))};
}

DataStream DataStreamReader::source(std::string_view name) { return make(name, ""); }

DataStream DataStreamReader::source(std::shared_ptr<Source> source) {
  auto spec = spec_;
  spec.format = "custom";
  spec.custom = std::move(source);
  return {runtime_, source_plan(std::move(spec))};
}

}  // namespace libstream
