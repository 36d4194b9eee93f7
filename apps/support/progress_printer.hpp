#pragma once

#include <libstream/query.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace libstream::apps {

enum class ProgressStyle { text, json, off };
/// "text" and "json"; anything else is off.
ProgressStyle progress_style(std::string_view name);

/// Prints a query's progress to stderr: a line an epoch, or the whole of it as JSON.
class ProgressPrinter final : public QueryListener {
 public:
  explicit ProgressPrinter(ProgressStyle style);

  void on_progress(const QueryProgress& progress) override;

  /// Ends a line that is being rewritten on a terminal.
  void finish();
  /// The last totals heard of; empty before the first.
  std::map<std::string, std::uint64_t> totals() const;

 private:
  const ProgressStyle style_;
  const bool terminal_;
  mutable std::mutex mutex_;
  bool line_open_ = false;
  std::map<std::string, std::uint64_t> totals_;
};

/// 26308 as "26,308".
std::string grouped(std::uint64_t number);

}  // namespace libstream::apps
