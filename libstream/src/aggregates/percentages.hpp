#pragma once

#include "catalogue.hpp"

#include <libstream/column.hpp>

#include <vector>

namespace libstream::aggregates {

/// A number of an option, whole or not; false where it is none.
inline bool number_of(const Value& option, double& number) {
  if (std::holds_alternative<double>(option.data)) {
    number = option.real();
  } else if (std::holds_alternative<std::int64_t>(option.data)) {
    number = static_cast<double>(option.integer());
  } else {
    return false;
  }
  return true;
}

/// The percentage, or array of them, that the first option of an aggregate names.
struct Percentages {
  std::vector<double> list;
  bool array = false;

  static Percentages parse(const Request& request) {
    Percentages result;
    const auto add = [&](const Value& option) {
      double number = 0;
      if (!number_of(option, number) || !(number >= 0 && number <= 1)) {
        wrong_types(request, "a constant percentage between 0.0 and 1.0, or an array of them");
      }
      result.list.push_back(number);
    };
    if (request.options.empty()) {
      add(Value());
    } else if (std::holds_alternative<ValueList>(request.options[0].data)) {
      result.array = true;
      for (const Value& option : request.options[0].list()) add(option);
    } else {
      add(request.options[0]);
    }
    return result;
  }

  DataType type(const DataType& of_one) const {
    return array ? DataType::array(of_one, false) : of_one;
  }
  /// `one(builder, percentage)` appends the answer for one of them.
  template <class F>
  void append(ColumnBuilder& builder, F&& one) const {
    if (!array) return one(builder, list[0]);
    for (const double p : list) one(builder.child(0), p);
    builder.append_array(list.size());
  }
};

}  // namespace libstream::aggregates
