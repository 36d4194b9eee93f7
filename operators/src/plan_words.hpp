#pragma once

#include "fuse.hpp"

#include <libstream/options.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

#include <string>

// What plans say about stateful operators, what checkpoints record of them, and an option.
namespace libstream {

/// True where the columns come out as they are.
bool keeps_columns(const FusedStep& step);
/// "where k > 3; columns k, v + 1".
std::string step_text(const FusedStep& step);

/// How long the groups of an aggregation live, in words.
std::string retention(const ResolvedPlan& plan, OutputMode mode);
/// How long the keys of a deduplication live, in words.
std::string retention(const ResolvedPlan& plan);

/// An aggregation's keys are its first columns, a deduplication's stay where they are.
const Field& key_field(const ResolvedPlan& plan, std::size_t key);
/// "[window, k]"
std::string names_of_keys(const ResolvedPlan& plan);

/// What must match at a restart: kinds and types of keys and accumulators, not their names.
std::string signature_of(const ResolvedPlan& plan, OutputMode mode);

/// Option watermarkPolicy: min unless it says max or perSide.
WatermarkPolicy watermark_policy(const Options& options);

}  // namespace libstream
