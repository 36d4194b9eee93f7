#pragma once

#include <libstream/batch.hpp>
#include <libstream/environment.hpp>
#include <libstream/logical_plan.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace libstream {

/// All rows of one bounded source, read again where it has changed: files one by one, by their
/// path, size and modification time; other sources whole, by their position. Blocking.
class StaticRows {
 public:
  virtual ~StaticRows() = default;
  /// Looks for changes, unless the source's Refresh says that it is too early, and reads what is
  /// new. True at the first call and where the rows have changed.
  virtual bool look() = 0;
  /// Of the last look; JSON.
  virtual const std::string& version() const = 0;
  /// In a fixed order: files by path, the rest as the source hands them out.
  virtual void each_batch(const std::function<void(const BatchPtr&)>& visit) const = 0;
  /// What it would read now, as bytes of files or batches; 0 where nothing can be told yet.
  virtual std::uint64_t size_estimate() const = 0;
};

/// Throws as make_source does.
std::unique_ptr<StaticRows> static_rows(const SourceSpec& spec, const Environment& environment);

/// ", read once a run", ", looked at every 10 seconds", ….
std::string refresh_text(const Refresh& refresh);

}  // namespace libstream
