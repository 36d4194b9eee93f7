#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace libstream::apps {

/// How our programs end.
enum class ExitCode : int {
  done = 0,
  failed = 1,        ///< the query failed
  usage = 2,         ///< wrong options, or a query that cannot be
  incompatible = 3,  ///< the checkpoint belongs to another query
  unreachable = 4,   ///< a source or a sink cannot be reached
};

/// Parses the options and runs `body`. One clear line on stderr for whatever goes wrong; returns
/// the code to end with.
int run_program(CLI::App& options, int argc, char** argv, const std::function<void()>& body);

}  // namespace libstream::apps
