#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/batch.hpp>
#include <libstream/schema.hpp>
#include <libstream/state.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// What lies in the state entries of an operator, as a checkpoint records it for tools. It need not
/// match at a restart: the signature does.
struct StateColumns {
  struct Aggregate {
    std::string name;      ///< of the output column
    std::string function;  ///< as resolve_aggregate knows it
    std::vector<DataType> arguments;
    bool distinct = false;
    bool counts_rows = false;  ///< has no accumulator: the number of rows is the answer
    bool resolvable = false;   ///< function, arguments and distinct say all
  };
  /// Encoded (value_codec.hpp) at the beginning of each key.
  std::vector<Field> keys;
  std::vector<Aggregate> aggregates;  ///< of a GroupStates value; none: the value is not described

  std::string to_string() const;
  /// Throws Error(corrupt). An empty text says nothing.
  static StateColumns parse(std::string_view text);
};

/// Shows state entries as rows: the key columns by name and the results of the aggregates; what the
/// record does not describe, as hexadecimal text in `keyBytes`, `keyRest` and `valueBytes`.
class StateRows {
 public:
  virtual ~StateRows() = default;
  virtual const Schema& schema() const = 0;
  /// How many of the columns are the key's.
  virtual std::size_t key_columns() const = 0;
  /// Calls `visit` with batches of rows, in the order of the entries. Throws Error(corrupt) where
  /// entries are not what the record says.
  virtual void read(const StateReader& state,
                    const std::function<void(const Batch& rows)>& visit) const = 0;
};
std::unique_ptr<StateRows> state_rows(const StateColumns& columns);

/// Rows as lines of text, as file sinks write them.
enum class LineFormat : std::uint8_t { json, csv };
/// CSV: a structure is one column a field ("window.start"), an array its text.
class StateLines {
 public:
  virtual ~StateLines() = default;
  virtual std::string header() const = 0;  ///< of CSV; else empty
  virtual void write(const Batch& rows, std::string& out) = 0;
};
std::unique_ptr<StateLines> state_lines(const Schema& schema, LineFormat format);

}  // namespace libstream
