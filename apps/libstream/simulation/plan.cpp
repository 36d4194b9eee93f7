#include "plan.hpp"

#include <algorithm>
#include <utility>

namespace libstream::apps::simulation {
namespace {

constexpr std::array<std::string_view, fault_kinds> fault_names = {
    "crash", "power", "freeze", "stop",   "rescale", "fsync", "full",
    "write", "read",  "sink",   "source", "task",    "flip",  "missing"};
constexpr std::array<std::string_view, 5> query_names = {"rows", "totals", "windows", "distinct",
                                                         "join"};

}  // namespace

std::string_view name_of(Fault fault) { return fault_names[static_cast<std::size_t>(fault)]; }

std::optional<Fault> find_fault(std::string_view name) {
  const auto found = std::find(fault_names.begin(), fault_names.end(), name);
  if (found == fault_names.end()) return std::nullopt;
  return static_cast<Fault>(found - fault_names.begin());
}

Faults all_faults() {
  Faults faults;
  for (std::size_t i = 0; i < fault_kinds; ++i) faults.insert(static_cast<Fault>(i));
  return faults;
}

std::string_view name_of(QueryKind kind) { return query_names[static_cast<std::size_t>(kind)]; }

Plan make_plan(std::uint64_t seed, const Faults& allowed) {
  Chance chance(seed);
  Plan plan;
  plan.seed = seed;
  // Swarm: each kind is on or off, so that some seeds meet one kind often and no other.
  for (const auto fault : all_faults()) {
    if (chance.one_in(2) && allowed.contains(fault)) plan.faults.insert(fault);
  }
  plan.kind = static_cast<QueryKind>(chance.below(query_names.size()));
  plan.append = chance.one_in(2);
  plan.streams = plan.kind == QueryKind::join ? 2 : chance.between(1, 3);
  plan.batches_per_epoch = chance.between(1, 4);
  plan.ledger_sinks = chance.between(1, 3);
  plan.staged_outside = chance.one_in(2);
  const bool appends = plan.kind == QueryKind::rows || plan.kind == QueryKind::join ||
                       plan.kind == QueryKind::distinct ||
                       (plan.kind == QueryKind::windows && plan.append);
  plan.file_sink = appends && chance.one_in(3);
  plan.large = chance.one_in(8);
  return plan;
}

std::string Plan::words() const {
  std::string text = "query " + std::string(name_of(kind));
  if (kind == QueryKind::windows) text += append ? " (append)" : " (update)";
  text += " over " + std::to_string(streams) + " streams, " + std::to_string(batches_per_epoch) +
          " batches an epoch each, " + std::to_string(ledger_sinks) + " sinks";
  if (staged_outside) text += " that stage outside";
  if (file_sink) text += " and files";
  if (large) text += ", large state";
  text += "; faults:";
  for (const auto fault : faults) text += " " + std::string(name_of(fault));
  return text;
}

std::string text_of(const Plan& plan, const Event& event) {
  const auto letter = static_cast<char>('a' + event.id % 26);
  return std::string(plan.large ? 30'000 + static_cast<std::size_t>(event.id % 100) : 3, letter);
}

}  // namespace libstream::apps::simulation
