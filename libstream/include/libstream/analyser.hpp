#pragma once

#include <libstream/options.hpp>
#include <libstream/resolved_plan.hpp>

#include <functional>

namespace libstream {

/// The schema of a source; throws Error(analysis) where the user must give one and did not.
using SourceSchemas = std::function<Schema(const SourceSpec&)>;

/// Looks up every name and type of `plan` and checks every rule that does not depend on the output
/// mode. Throws Error(analysis or unsupported) with a stable error class and a message that names
/// the operator, the rule and a way out. `unique_names`: the result's columns must differ in name.
ResolvedPtr analyse(const PlanPtr& plan, const SourceSchemas& schemas, bool unique_names = true);

/// Checks the rules of the output mode: which operators may stand in such a query, and where.
void check_output_mode(const ResolvedPlan& plan, OutputMode mode);

}  // namespace libstream
