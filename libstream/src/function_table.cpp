#include "function.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <array>

namespace libstream {
namespace {

const std::vector<const Function*>& table() {
  static const std::vector<const Function*> sorted = [] {
    std::vector<const Function*> rows;
    for (const auto part :
         {arithmetic_functions(), comparison_functions(),   logic_functions(),
          math_functions(),       string_functions(),       pattern_functions(),
          time_functions(),       date_part_functions(),    collection_functions(),
          array_functions(),      array_change_functions(), digest_functions(),
          format_functions(),     numeric_functions(),      text_functions(),
          zone_functions(),       rounding_functions(),     date_format_functions(),
          word_functions(),       encoding_functions()}) {
      for (const Function& function : part) rows.push_back(&function);
    }
    std::sort(rows.begin(), rows.end(),
              [](const Function* a, const Function* b) { return a->name < b->name; });
    return rows;
  }();
  return sorted;
}

}  // namespace

const Function* find_function(std::string_view name) {
  const auto& rows = table();
  const auto found =
      std::lower_bound(rows.begin(), rows.end(), name,
                       [](const Function* row, std::string_view n) { return row->name < n; });
  return found != rows.end() && (*found)->name == name ? *found : nullptr;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Function* function : table()) {
    const char first = function->name[0];
    if (first >= 'a' && first <= 'z') names.emplace_back(function->name);
  }
  return names;
}

std::string shown(const Vector& argument, std::size_t row) {
  const std::size_t at = argument.constant ? 0 : row;
  const std::string text = to_text(argument.column->value(at), argument.column->type());
  return argument.column->type().id() == TypeId::string ? "'" + text + "'" : text;
}

void fail_row(const KernelCall& call, std::size_t row, const std::string& what,
              std::string_view way_out) {
  const std::size_t place = call.place.rows ? call.place.rows[row] : row;
  std::string message = what + " in " + *call.place.text + ", row " + std::to_string(place);
  if (!way_out.empty()) message += "; " + std::string(way_out);
  throw Error(ErrorCode::data, message);
}

}  // namespace libstream
