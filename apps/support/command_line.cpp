#include "command_line.hpp"

#include <libstream/error.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <iostream>

namespace libstream::apps {
namespace {

ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::analysis:
    case ErrorCode::unsupported:
      return ExitCode::usage;
    case ErrorCode::incompatible:
      return ExitCode::incompatible;
    case ErrorCode::unreachable:
      return ExitCode::unreachable;
    case ErrorCode::data:
    case ErrorCode::io:
    case ErrorCode::corrupt:
    case ErrorCode::conflict:
    case ErrorCode::user_function:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

void complain(const std::string& program, const char* message) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), message);
}

}  // namespace

int run_program(CLI::App& options, int argc, char** argv, const std::function<void()>& body) {
  const std::string program = options.get_name();
  try {
    options.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return options.exit(help);
  } catch (const CLI::ParseError& error) {
    complain(program, error.what());
    std::fprintf(stderr, "Run %s --help for the options.\n", program.c_str());
    return static_cast<int>(ExitCode::usage);
  }
  try {
    body();
    return static_cast<int>(ExitCode::done);
  } catch (const Error& error) {
    complain(program, error.what());
    return static_cast<int>(exit_code(error.code()));
  } catch (const std::exception& error) {
    complain(program, error.what());
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace libstream::apps
