#include <libstream/error.hpp>
#include <libstream/join.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace libstream {
namespace {

// The names of Structured Streaming, without their underscores.
constexpr std::array<std::pair<std::string_view, JoinType>, 13> names{{
    {"inner", JoinType::inner},
    {"cross", JoinType::inner},
    {"left", JoinType::left_outer},
    {"leftouter", JoinType::left_outer},
    {"right", JoinType::right_outer},
    {"rightouter", JoinType::right_outer},
    {"full", JoinType::full_outer},
    {"outer", JoinType::full_outer},
    {"fullouter", JoinType::full_outer},
    {"leftsemi", JoinType::left_semi},
    {"semi", JoinType::left_semi},
    {"leftanti", JoinType::left_anti},
    {"anti", JoinType::left_anti},
}};

}  // namespace

std::string_view to_string(JoinType type) {
  switch (type) {
    case JoinType::inner:
      return "inner";
    case JoinType::left_outer:
      return "left outer";
    case JoinType::right_outer:
      return "right outer";
    case JoinType::full_outer:
      return "full outer";
    case JoinType::left_semi:
      return "left semi";
    case JoinType::left_anti:
      return "left anti";
  }
  return "";
}

JoinType parse_join_type(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c != '_' && c != ' ')
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto* found = std::find_if(names.begin(), names.end(),
                                   [&](const auto& entry) { return entry.first == plain; });
  if (found != names.end()) return found->second;
  throw Error(ErrorCode::invalid_argument,
              "join type \"" + std::string(name) +
                  "\" is not known; it can be inner, cross, left_outer, right_outer, full_outer, "
                  "left_semi or left_anti");
}

}  // namespace libstream
