#pragma once

#include <libstream/batch.hpp>
#include <libstream/user_function.hpp>

#include <string>
#include <utility>
#include <vector>

namespace libstream {

/// Runs `call`; what a user's aggregate throws there names the key of its row then. `keys()` gives
/// the columns of the keys, a row each for the rows of the call.
template <class Call, class Keys>
decltype(auto) naming_key(Call&& call, Keys&& keys) {
  try {
    return call();
  } catch (const UserError& error) {
    const std::vector<ColumnPtr> columns = keys();
    if (columns.empty() || columns[0]->size() <= error.row()) throw;
    const std::string key = to_text(*slice(*make_batch(columns), error.row(), 1));
    throw Error(ErrorCode::user_function, error.error_class(),
                std::string(error.what()) + " (at key [" + key + "])");
  }
}

}  // namespace libstream
