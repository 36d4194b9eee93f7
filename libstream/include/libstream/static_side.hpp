#pragma once

#include <libstream/bound_expression.hpp>
#include <libstream/time.hpp>

#include <string>

namespace libstream {

/// The bounded side of a join with a stream: a table that is loaded again where what it is made of
/// has changed. One object a join, in the topology; the join's operators hold the same object.
class StaticSide {
 public:
  virtual ~StaticSide() = default;
  /// "FileSource[csv airlines/], looked at before each epoch".
  virtual std::string describe() const = 0;
  /// Looks for changes and loads the table of the epoch to come; the join's operators take it at
  /// their `start`. Called before any task begins the epoch, and never while one runs; blocking, on
  /// the I/O pool. Asked again for the epoch it was last asked for (a retry), it keeps the table.
  /// Returns the version, what the epoch's decision records: the sources with their positions, or
  /// their files with size and modification time, as JSON.
  ///
  /// Errors: unreachable = a directory or file is gone, data = a malformed row in fail-fast mode or
  /// a value that broke a rule in the plan of the table.
  virtual std::string prepare(Epoch epoch, const EpochContext& context) = 0;
};

}  // namespace libstream
