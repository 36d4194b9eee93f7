#include "progress_printer.hpp"

#include <cstdio>
#include <unistd.h>

namespace libstream::apps {
namespace {

std::uint64_t total(const QueryProgress& progress, const char* name) {
  const auto found = progress.totals.find(name);
  return found == progress.totals.end() ? 0 : found->second;
}

std::string epoch_line(const QueryProgress& progress) {
  std::string line = "epoch " + std::to_string(number(progress.epoch));
  line += "  rows " + grouped(progress.input_rows);
  line += "  in all " + grouped(total(progress, "inputRows"));
  line += "  written " + grouped(total(progress, "outputRows"));
  line += "  late " + grouped(total(progress, "lateRows"));
  if (progress.has_watermark) {
    line += "  watermark " + format_timestamp(progress.watermark.milliseconds * 1000);
  }
  line += "  " + std::to_string(progress.batch_duration_ms) + " ms";
  return line;
}

}  // namespace

ProgressStyle progress_style(std::string_view name) {
  if (name == "text") return ProgressStyle::text;
  return name == "json" ? ProgressStyle::json : ProgressStyle::off;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

ProgressPrinter::ProgressPrinter(ProgressStyle style)
    : style_(style), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressPrinter::on_progress(const QueryProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (!progress.totals.empty()) totals_ = progress.totals;
  if (style_ == ProgressStyle::json) {
    std::fprintf(stderr, "%s\n", progress.json().c_str());
  } else if (style_ == ProgressStyle::text && progress.executed) {
    // A terminal shows one line that changes, a file gets them all.
    std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", epoch_line(progress).c_str());
    line_open_ = terminal_;
  }
}

void ProgressPrinter::finish() {
  const std::lock_guard lock(mutex_);
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

std::map<std::string, std::uint64_t> ProgressPrinter::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace libstream::apps
