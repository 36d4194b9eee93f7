#include "keyed_inputs.hpp"

#include <libstream/error.hpp>

#include <set>

namespace libstream {

void KeyedInputs::fail(std::string error_class, const std::string& message) const {
  throw Error(ErrorCode::analysis, std::move(error_class), operation_ + ": " + message);
}

std::string KeyedInputs::names() const {
  std::string text;
  for (const auto& name : keys_) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::uint32_t> KeyedInputs::places(const Schema& schema) const {
  std::vector<std::uint32_t> places;
  for (const auto& key : keys_) {
    const auto place = schema.find(key);
    if (!place) {
      fail("UNRESOLVED_COLUMN",
           "there is no key column \"" + key + "\"; the columns are [" + schema.to_string() + "]");
    }
    places.push_back(static_cast<std::uint32_t>(*place));
  }
  return places;
}

std::vector<std::uint32_t> KeyedInputs::columns(const OperationInput& input,
                                                std::span<const std::uint32_t> read) const {
  std::set<std::uint32_t> columns(read.begin(), read.end());
  for (const auto column : places(input.schema)) columns.insert(column);
  columns.insert(input.event_times.begin(), input.event_times.end());
  return {columns.begin(), columns.end()};
}

void KeyedInputs::check_event_time(const OperationInput& rows, const std::string& goes_by,
                                   const std::string& instead) const {
  if (rows.streaming && !rows.watermarked) {
    throw Error(ErrorCode::analysis, "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
                goes_by + "; call with_watermark(…) below it, or take " + instead);
  }
  if (rows.event_times.size() > 1) {
    fail("MULTIPLE_EVENT_TIME_COLUMNS",
         "both \"" + rows.schema[rows.event_times[0]].name + "\" and \"" +
             rows.schema[rows.event_times[1]].name +
             "\" carry the event time there; keep one of them with select or drop below");
  }
}

void KeyedInputs::check_initial_states(std::span<const OperationInput> inputs) const {
  if (inputs.size() < 2) return;
  if (inputs[1].streaming) {
    fail("UNSUPPORTED_INITIAL_STATE",
         "the initial states are a stream; read them with Session::read()");
  }
  const auto rows = places(inputs[0].schema);
  const auto states = places(inputs[1].schema);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& a = inputs[0].schema[rows[i]];
    const auto& b = inputs[1].schema[states[i]];
    if (a.type == b.type) continue;
    fail("DATATYPE_MISMATCH", "key " + a.name + " is " + a.type.to_string() + " in the rows, but " +
                                  b.type.to_string() + " in the initial states; cast one of them");
  }
}

std::string KeyedInputs::types(std::span<const Field> key_fields) {
  std::string text;
  for (const auto& field : key_fields) {
    text += (text.empty() ? "" : ", ") + field.type.to_string();
  }
  return text;
}

}  // namespace libstream
