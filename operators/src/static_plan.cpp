#include "static_plan.hpp"

#include "query_plan.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

bool depends_on_epoch(const BoundPtr& expression) {
  return expression && !is_deterministic(*expression);
}

bool depends_on_epoch(const ResolvedPlan& plan) {
  if (std::any_of(plan.expressions.begin(), plan.expressions.end(),
                  [](const auto& expression) { return depends_on_epoch(expression); })) {
    return true;
  }
  for (const auto& call : plan.aggregates) {
    if (depends_on_epoch(call.filter) ||
        std::any_of(call.arguments.begin(), call.arguments.end(),
                    [](const auto& argument) { return depends_on_epoch(argument); })) {
      return true;
    }
  }
  if (plan.join &&
      (depends_on_epoch(plan.join->condition) || depends_on_epoch(plan.join->left.filter) ||
       depends_on_epoch(plan.join->right.filter))) {
    return true;
  }
  return std::any_of(plan.inputs.begin(), plan.inputs.end(),
                     [](const auto& input) { return depends_on_epoch(*input); });
}

void collect_sources(const ResolvedPtr& plan, std::vector<const ResolvedPlan*>& sources) {
  if (plan->kind == ResolvedPlan::Kind::source) {
    const auto known = std::any_of(sources.begin(), sources.end(),
                                   [&](const auto* source) { return source->id == plan->id; });
    if (!known) sources.push_back(plan.get());
  }
  for (const auto& input : plan->inputs) collect_sources(input, sources);
}

/// The topology of the plan without sinks, one task a node.
Topology bounded_topology(const ResolvedPtr& plan, const QuerySpec& spec,
                          const PlannerOptions& options, const Environment& environment) {
  QuerySpec bounded;
  bounded.options = spec.options;
  auto single = options;
  single.partitions = 1;
  return plan_resolved(plan, bounded, single, environment);
}

}  // namespace

/// One evaluation: pushes the sources' rows through fresh operators, each row as far as it goes.
class StaticPlan::Run {
 public:
  Run(const StaticPlan& plan, Epoch epoch, const EpochContext& context)
      : plan_(plan), epoch_(epoch), operators_(plan.topology_.nodes.size()) {
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      const auto& node = plan.topology_.nodes[i];
      if (node.kind != TopologyNode::Kind::op) continue;
      operators_[i] = node.factory({0, 1, plan.topology_.key_groups});
      operators_[i]->restore(empty_state(), {});
      operators_[i]->start({epoch, context});
    }
  }

  std::vector<BatchPtr> rows() {
    for (const auto& [node, rows] : plan_.sources_) {
      rows->each_batch([&, from = node](const BatchPtr& batch) { emitted(from, batch, 0); });
    }
    for (std::uint32_t node = 0; node < operators_.size(); ++node) {
      if (!operators_[node]) continue;
      Port port(*this, node);
      finish(node, operators_[node]->on_barrier({epoch_, {}}, port), port);
    }
    return std::move(rows_);
  }

 private:
  class Port final : public Output {
   public:
    Port(Run& run, std::uint32_t node) : run_(run), node_(node) {}
    void emit(BatchPtr batch, std::size_t port) override {
      run_.emitted(node_, std::move(batch), port);
    }
    bool full() const override { return false; }
    bool connected(std::size_t port) const override { return port == main_port; }

   private:
    Run& run_;
    std::uint32_t node_;
  };

  void finish(std::uint32_t node, Flow flow, Port& port) {
    while (flow == Flow::more) flow = operators_[node]->resume(port);
  }

  void emitted(std::uint32_t from, BatchPtr batch, std::size_t port) {
    if (port == Output::main_port && from == plan_.result_) rows_.push_back(batch);
    for (const auto& edge : plan_.topology_.edges) {
      if (edge.from != from || edge.port != port) continue;
      Port next(*this, edge.to);
      finish(edge.to, operators_[edge.to]->process(batch, edge.input, next), next);
    }
  }

  const StaticPlan& plan_;
  Epoch epoch_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::vector<BatchPtr> rows_;
};

StaticPlan::StaticPlan(const ResolvedPtr& plan, const QuerySpec& spec,
                       const PlannerOptions& options, const Environment& environment)
    : topology_(bounded_topology(plan, spec, options, environment)),
      result_(static_cast<std::uint32_t>(topology_.nodes.size() - 1)),
      changing_(depends_on_epoch(*plan)) {
  std::vector<const ResolvedPlan*> sources;
  collect_sources(plan, sources);
  for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
    auto& node = topology_.nodes[i];
    if (node.kind != TopologyNode::Kind::source) continue;
    const auto source = std::find_if(sources.begin(), sources.end(),
                                     [&](const auto* s) { return s->id == node.id; });
    LIBSTREAM_ASSERT(source != sources.end(), "a source of the topology is one of the plan");
    descriptions_.push_back(node.source->describe() + ", " +
                            refresh_text((*source)->source.refresh));
    sources_.emplace_back(i, static_rows((*source)->source, environment));
    node.source = nullptr;  // its rows come from here
  }
}

bool StaticPlan::look(Epoch epoch, const EpochContext& context) {
  // Noted at once: should a later source fail, the next look still knows.
  for (const auto& [node, rows] : sources_) stale_ = rows->look() || stale_;
  for (const auto& side : topology_.static_sides) {
    auto version = side->prepare(epoch, context);
    auto& known = nested_versions_[side.get()];
    stale_ = stale_ || known != version;
    known = std::move(version);
  }
  if (!stale_ && !changing_) return false;
  stale_ = true;
  batches_ = Run(*this, epoch, context).rows();
  stale_ = false;
  return true;
}

std::string StaticPlan::version() const {
  std::string text;
  for (const auto& [node, rows] : sources_) text += (text.empty() ? "" : ",") + rows->version();
  for (const auto& side : topology_.static_sides) {
    text += (text.empty() ? "" : ",") + nested_versions_.at(side.get());
  }
  return "[" + text + "]";
}

std::string StaticPlan::describe() const {
  std::string text;
  for (const auto& description : descriptions_) text += (text.empty() ? "" : "; ") + description;
  for (const auto& side : topology_.static_sides) text += "; " + side->describe();
  return text;
}

std::uint64_t StaticPlan::size_estimate() const {
  std::uint64_t bytes = 0;
  for (const auto& [node, rows] : sources_) bytes += rows->size_estimate();
  return bytes;
}

}  // namespace libstream
