#pragma once

#include <libstream/type.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Names and types of the columns of a batch. Names are compared without regard to case.
class Schema {
 public:
  Schema() = default;
  Schema(std::vector<Field> fields) : fields_(std::move(fields)) {}  // NOLINT: implicit on purpose
  Schema(std::initializer_list<Field> fields) : fields_(fields) {}

  /// Parses "sensorId string, eventTime timestamp NOT NULL, v array<bigint>"; names may stand in
  /// `backticks`. Throws Error(invalid_argument) with the place; repeated names are refused.
  static Schema parse(std::string_view text);
  /// What `parse` reads.
  std::string to_string() const;

  std::size_t size() const { return fields_.size(); }
  const Field& operator[](std::size_t index) const { return fields_[index]; }
  const std::vector<Field>& fields() const { return fields_; }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

  /// Index of the first field of that name.
  std::optional<std::size_t> find(std::string_view name) const;

  friend bool operator==(const Schema&, const Schema&) = default;

 private:
  std::vector<Field> fields_;
};

/// Compares names as the engine does: ASCII letters without regard to case.
bool same_name(std::string_view a, std::string_view b);

/// Up to three of `names` that resemble `name`, best first, for "did you mean".
std::vector<std::string> similar_names(std::string_view name,
                                       const std::vector<std::string>& names);

}  // namespace libstream
