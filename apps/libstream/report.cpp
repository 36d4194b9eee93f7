#include "report.hpp"

#include <libstream/error.hpp>

#include <cstdio>
#include <fstream>

namespace libstream::apps {
namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string one_line(std::string text) {
  for (auto& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

ReplayReport::ReplayReport(const std::string& unsupported) : list_(unsupported) {
  if (unsupported.empty()) return;
  std::ifstream file(unsupported);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto blank = line.find(' ');
    unsupported_[line.substr(0, blank)] =
        blank == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', blank));
  }
  if (!file.eof()) throw Error(ErrorCode::io, "cannot read " + unsupported);
}

void ReplayReport::add(const std::string& name, ReplayResult result) {
  using Kind = ReplayResult::Kind;
  const bool listed = unsupported_.contains(name);
  if (listed && result.kind == Kind::passed) {
    result = {Kind::failed, "passes, though " + list_ + " lists it: remove it there"};
  }
  const auto text = one_line(result.difference);
  if (result.kind == Kind::passed) {
    std::printf("pass %s\n", name.c_str());
  } else if (listed && result.kind == Kind::unsupported) {
    ++listed_;
    std::printf("unsupported %s: %s\n", name.c_str(), text.c_str());
  } else {
    ++failed_;
    const auto* prefix = result.kind == Kind::unsupported ? "unsupported: " : "";
    result.kind = Kind::failed;
    std::printf("fail %s: %s%s\n", name.c_str(), prefix, text.c_str());
  }
  std::fflush(stdout);
  const auto now = std::chrono::steady_clock::now();
  entries_.push_back({name, std::move(result), std::chrono::duration<double>(now - last_).count()});
  last_ = now;
}

bool ReplayReport::finish(const std::string& junit) {
  if (!junit.empty()) write_junit(junit);
  if (entries_.empty()) {
    throw Error(ErrorCode::invalid_argument, "no scenario there, or none that --filter matches");
  }
  if (listed_ > 0) std::printf("%zu unsupported, as listed\n", listed_);
  std::printf("%zu passed, %zu failed\n", entries_.size() - failed_ - listed_, failed_);
  std::fflush(stdout);
  return failed_ == 0;
}

void ReplayReport::write_junit(const std::string& path) const {
  std::ofstream file(path);
  file << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"replay\" tests=\""
       << entries_.size() << "\" failures=\"" << failed_ << "\" skipped=\"" << listed_ << "\">\n";
  for (const auto& entry : entries_) {
    file << "  <testcase name=\"" << escaped(entry.name) << "\" time=\"" << entry.seconds << "\"";
    const auto text = escaped(entry.result.difference);
    if (entry.result.kind == ReplayResult::Kind::passed) {
      file << "/>\n";
    } else if (entry.result.kind == ReplayResult::Kind::failed) {
      file << "><failure message=\"" << text << "\"/></testcase>\n";
    } else {
      file << "><skipped message=\"" << text << "\"/></testcase>\n";
    }
  }
  file << "</testsuite>\n";
  if (!file.flush()) throw Error(ErrorCode::io, "cannot write " + path);
}

}  // namespace libstream::apps
