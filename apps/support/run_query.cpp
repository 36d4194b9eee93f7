#include "support/run_query.hpp"

#include "support/progress_printer.hpp"
#include "support/stop_signals.hpp"

#include <memory>

namespace libstream::apps {

std::map<std::string, std::uint64_t> run_query(const SessionOptions& options,
                                               const std::string& progress,
                                               const std::function<Query(Session&)>& start) {
  StopSignals signals;  // Before the session's threads.
  Session session(options);
  const auto printer = std::make_shared<ProgressPrinter>(progress_style(progress));
  session.add_listener(printer);
  Query query = start(session);
  signals.watch([query]() mutable { query.stop(); });
  try {
    query.await_termination();
  } catch (...) {
    printer->finish();
    throw;
  }
  printer->finish();
  auto totals = printer->totals();
  if (const auto last = query.last_progress(); totals.empty() && last) totals = last->totals;
  return totals;
}

}  // namespace libstream::apps
