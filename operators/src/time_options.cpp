#include "time_options.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>
#include <libstream/time.hpp>

namespace libstream {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::analysis, "EVENT_TIME_PER_SOURCE_PARTITION",
              "event_time(per_source_partition): " + what);
}

}  // namespace

std::optional<std::int64_t> idle_timeout(const Options& options, WatermarkPolicy policy) {
  const auto text = options.find("idleTimeout");
  if (!text) return std::nullopt;
  std::int64_t timeout = 0;
  try {
    timeout = parse_duration(*text);
  } catch (const Error& error) {
    throw Error(ErrorCode::invalid_argument,
                std::string("option idleTimeout takes a duration: ") + error.what());
  }
  if (timeout < 0) {
    throw Error(ErrorCode::invalid_argument,
                "option idleTimeout is \"" + *text + "\", but must not be negative");
  }
  if (policy == WatermarkPolicy::max) {
    throw Error(ErrorCode::invalid_argument,
                "option idleTimeout has no use with watermarkPolicy max: there an idle input holds "
                "nothing back; leave one of them out");
  }
  if (policy == WatermarkPolicy::per_side) {
    throw Error(ErrorCode::invalid_argument,
                "option idleTimeout cannot be with watermarkPolicy perSide: there the rows of one "
                "side wait for the other side's own watermark, and an idle one has no other; leave "
                "one of them out");
  }
  return timeout / 1000;
}

void check_per_source_partition(const QuerySpec& spec) {
  if (spec.output_mode != OutputMode::append) {
    refuse("output mode " + std::string(to_string(spec.output_mode)) +
           " puts rows out in every epoch, so that its output depends on how the input is cut into "
           "epochs; use append, or event_time per epoch");
  }
  if (same_name(spec.options.get("watermarkPolicy", "min"), "max")) {
    refuse(
        "with watermarkPolicy max windows would be put out while a slower source partition still "
        "has rows for them; use min, or event_time per epoch");
  }
  if (same_name(spec.options.get("watermarkPolicy", "min"), "perSide")) {
    refuse(
        "watermarkPolicy perSide goes by the watermark of each stream, not of each source "
        "partition; use min, or event_time per epoch");
  }
  if (spec.options.find("idleTimeout")) {
    refuse(
        "idleTimeout lets windows be put out while an idle input may still have rows for them, "
        "and when it is idle depends on when it is asked; leave it out, or use event_time per "
        "epoch");
  }
  if (!spec.options.boolean("noDataEpochs", true)) {
    refuse(
        "without noDataEpochs the last windows wait for an epoch with data, so that what is put "
        "out depends on how the input is cut into epochs; leave noDataEpochs on, or use "
        "event_time per epoch");
  }
}

}  // namespace libstream
