#pragma once

#include <libstream/analyser.hpp>
#include <libstream/data_stream.hpp>
#include <libstream/error.hpp>
#include <libstream/optimiser.hpp>

#include <memory>
#include <string>

// For tests of plans: streams without an engine behind them.
namespace libstream::test {

/// Takes what `start` hands over and runs nothing.
class RecordingRuntime final : public Runtime {
 public:
  Query start(QuerySpec spec) override {
    started = std::move(spec);
    return Query(nullptr);
  }
  std::string explain(const QuerySpec& spec) override { return to_text(*spec.plan); }
  QuerySpec started;
};

inline DataStreamReader reader(bool streaming = true) {
  return {std::make_shared<RecordingRuntime>(), streaming};
}

inline DataStream stream(std::string_view schema, std::string_view path = "in/") {
  return reader().schema(schema).json(path);
}

inline ResolvedPtr analysed(const DataStream& stream) {
  return analyse(stream.plan(), [](const SourceSpec& spec) { return spec.schema; });
}

inline ResolvedPtr optimised(const DataStream& stream, const OptimiserOptions& options = {}) {
  return optimise(analysed(stream), options);
}

/// Names and types of the result.
inline std::string columns(const DataStream& stream) {
  return analysed(stream)->schema.to_string();
}

/// "class: message" of the Error that `f` throws; empty where it throws none.
template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.error_class() + ": " + error.what();
  }
  return "";
}

}  // namespace libstream::test
