#include <libstream/operators/physical_planner.hpp>
namespace libstream {
Topology plan_query(const QuerySpec&, const PlannerOptions&, const Environment&) { return {}; }
std::string explain_query(const QuerySpec&, const PlannerOptions&, const Environment&) {
  return {};
}
}  // namespace libstream
