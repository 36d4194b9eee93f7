// Random queries, or joins of two streams, against a recount by brute force: query_oracle [--joins]
// [--cases N] [--seed S].
#include "join_case.hpp"
#include "random_aggregates.hpp"
#include "random_case.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <sys/resource.h>

#ifdef LIBSTREAM_PLANTED_FAULTS
namespace libstream {

const char* planted_fault = "";
/// Asked by the sources with planted bugs.
bool planted(const char* name);
bool planted(const char* name) { return std::strcmp(name, planted_fault) == 0; }

}  // namespace libstream
#endif

namespace {

struct Options {
  std::uint64_t cases = 6000;
  std::uint64_t seed = 1;
  bool verbose = false;
  bool joins = false;
};

bool parse(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--verbose") == 0) {
      options.verbose = true;
      continue;
    }
    if (std::strcmp(arguments[i], "--joins") == 0) {
      options.joins = true;
      continue;
    }
    if (i + 1 == count) return false;
#ifdef LIBSTREAM_PLANTED_FAULTS
    if (std::strcmp(arguments[i], "--fault") == 0) {
      libstream::planted_fault = arguments[++i];
      continue;
    }
#endif
    char* end = nullptr;
    const auto number = std::strtoull(arguments[i + 1], &end, 10);
    if (*end != '\0' || end == arguments[i + 1]) return false;
    if (std::strcmp(arguments[i], "--cases") == 0) {
      options.cases = number;
    } else if (std::strcmp(arguments[i], "--seed") == 0) {
      options.seed = number;
    } else {
      return false;
    }
    ++i;
  }
  return true;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Prints the case that differs, and a smaller one.
void report(const libstream::oracle::Case& plan, const std::string& problem) {
  std::printf("differs: %s\n%s", problem.c_str(), libstream::oracle::describe(plan).c_str());
  std::fflush(stdout);
#ifdef LIBSTREAM_PLANTED_FAULTS
  if (*libstream::planted_fault != '\0') return;  // known well enough
#endif
  const auto smaller = libstream::oracle::shrink(plan);
  const auto again = libstream::oracle::run_case(smaller);
  std::printf("smaller: %s\n%s", again ? again->c_str() : "(not again)",
              libstream::oracle::describe(smaller).c_str());
}

/// True where it agrees.
bool run_join(std::uint64_t seed, bool verbose) {
  const auto plan = libstream::oracle::random_join_case(seed);
  if (verbose) std::printf("%s\n", plan.words().c_str());
  if (verbose) std::fflush(stdout);
  const auto problem = libstream::oracle::run_join_case(plan);
  if (problem) std::printf("differs: %s\n%s", problem->c_str(), plan.words().c_str());
  return !problem;
}

bool run_query(std::uint64_t seed, bool verbose) {
  const auto plan = libstream::oracle::random_case(seed);
  if (verbose) std::printf("%s\n", libstream::oracle::describe(plan).c_str());
  if (verbose) std::fflush(stdout);
  const auto problem = libstream::oracle::run_case(plan);
  if (problem) report(plan, *problem);
  return !problem;
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (!parse(count, arguments, options)) {
    std::fprintf(stderr, "usage: %s [--cases N] [--seed S] [--joins] [--verbose]\n", arguments[0]);
    return 2;
  }
  for (const auto& name : libstream::oracle::undrawn_aggregates()) {
    std::fprintf(stderr, "the aggregate %s is in no query: add it to random_aggregates.cpp\n",
                 name.c_str());
    return 1;
  }
  try {
    for (std::uint64_t i = 0; i < options.cases; ++i) {
      const auto seed = options.seed + i;
      if (!(options.joins ? run_join : run_query)(seed, options.verbose)) return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
  std::printf("%llu cases from seed %llu agree, %.1f CPU seconds\n",
              static_cast<unsigned long long>(options.cases),
              static_cast<unsigned long long>(options.seed), cpu_seconds());
  return 0;
}
