#include "account.hpp"

#include <libstream/error.hpp>

namespace libstream {
namespace {

std::string term(const char* name, std::uint64_t value) {
  return std::string(" ") + name + " " + std::to_string(value);
}

}  // namespace

void check_operator_account(const std::string& name, const TaskReport& report,
                            std::uint64_t held_before, bool late_taken) {
  const auto& metrics = report.metrics;
  const bool rows = report.rows_in + metrics.made_rows == report.rows_out + metrics.late_rows +
                                                              metrics.filtered_rows +
                                                              metrics.absorbed_rows;
  const bool held = metrics.held_rows + metrics.released_rows == held_before + metrics.taken_rows;
  const bool late = !late_taken || report.late_out == metrics.late_rows;
  if (rows && held && late) return;
  const auto note =
      "the account of operator \"" + name + "\" in epoch " + std::to_string(number(report.epoch)) +
      " does not balance:" + term("in", report.rows_in) + term("made", metrics.made_rows) +
      term("out", report.rows_out) + term("late", metrics.late_rows) +
      term("handed out as late", report.late_out) + term("filtered", metrics.filtered_rows) +
      term("absorbed", metrics.absorbed_rows) + term("held before", held_before) +
      term("taken", metrics.taken_rows) + term("released", metrics.released_rows) +
      term("held", metrics.held_rows);
  LIBSTREAM_ASSERT(rows && held && late, note);
}

void check_source_account(const std::string& name, const TaskReport& report) {
  if (report.rows_out + report.source.dropped_rows == report.source.rows) return;
  throw Error(ErrorCode::data, "the " + name + " says that it read " +
                                   std::to_string(report.source.rows) + " rows and dropped " +
                                   std::to_string(report.source.dropped_rows) +
                                   " of them, but handed on " + std::to_string(report.rows_out) +
                                   "; correct its SourceReader::metrics");
}

void check_flow_account(const std::string& name, const char* what, std::uint64_t in,
                        std::uint64_t out) {
  if (in == out) return;
  const auto note = "operator \"" + name + "\" got" + term(what, in) +
                    ", but the ones before it handed on " + std::to_string(out);
  LIBSTREAM_ASSERT(in == out, note);
}

}  // namespace libstream
