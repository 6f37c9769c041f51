// Bring your own nodes: count what is ready and free, choose, say what is missing.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "operator/detail/node_conditions.h"
#include "operator/nodes.h"

namespace rage::op {
namespace {

// So many nodes are named in a message; the rest is counted.
constexpr std::size_t kNamedMax = 3;

std::size_t rank_of(const NodeDemand& demand, const NodeView& node) {
  return static_cast<std::size_t>(std::ranges::find(demand.held, node.name) - demand.held.begin());
}

int free_gpus(const NodeView& node) {
  return node.gpus_capacity - node.gpus_used;
}

// Empty if the node will do.
std::string fault_of(const NodeDemand& demand, const NodeView& node) {
  if (!node.ready) return node.name + " is not ready";
  if (node.deleting) return node.name + " is being deleted";
  // What runs on a cordoned node may stay.
  const bool held = rank_of(demand, node) < demand.held.size();
  if (node.cordoned && !held) return node.name + " is cordoned";
  if (free_gpus(node) < demand.gpus_per_node) {
    return fmt::format("{} has {} of {} GPUs free", node.name, std::max(0, free_gpus(node)),
                       node.gpus_capacity);
  }
  return {};
}

std::string describe_selector(const NodeDemand& demand) {
  const std::string selector = demand.resource.label_selector.str();
  return selector.empty() ? "" : fmt::format(" matching {{{}}}", selector);
}

std::string advice(const NodeDemand& demand, const std::vector<NodeView>& nodes) {
  const std::size_t missing = static_cast<std::size_t>(demand.count) - nodes.size();
  std::vector<std::string> labels;
  for (const auto& [key, value] : demand.resource.label_selector.match_labels) {
    labels.push_back(key + "=" + value);
  }
  if (labels.empty()) return fmt::format("add {} to the cluster", missing);
  return fmt::format("label {} more: kubectl label node <name> {}", missing, join(labels, " "));
}

}  // namespace

std::string describe_own_nodes(const NodeDemand& demand, const std::vector<NodeView>& nodes) {
  std::vector<std::string> faults;
  for (const NodeView& node : nodes) {
    std::string fault = fault_of(demand, node);
    if (!fault.empty()) faults.push_back(std::move(fault));
  }
  std::string text = fmt::format("{} of {} node{}{} {} ready", nodes.size() - faults.size(),
                                 demand.count, demand.count == 1 ? "" : "s",
                                 describe_selector(demand), demand.count == 1 ? "is" : "are");
  if (demand.gpus_per_node > 0) {
    text += fmt::format(" and {} {} free GPU{}", demand.count == 1 ? "has" : "have",
                        demand.gpus_per_node, demand.gpus_per_node == 1 ? "" : "s");
  }
  std::vector<std::string> parts(
      faults.begin(),
      faults.begin() + static_cast<std::ptrdiff_t>(std::min(faults.size(), kNamedMax)));
  if (faults.size() > kNamedMax) {
    parts.push_back(fmt::format("{} more will not do either", faults.size() - kNamedMax));
  }
  if (nodes.size() < static_cast<std::size_t>(demand.count)) {
    parts.push_back(advice(demand, nodes));
  }
  return parts.empty() ? text : text + ": " + join(parts, ", ");
}

namespace detail {

NodeVerdict plan_own_nodes(const NodeDemand& demand, const NodeObservation& observed,
                           std::string_view now) {
  std::vector<const NodeView*> fit;
  for (const NodeView& node : observed.nodes) {
    if (fault_of(demand, node).empty()) fit.push_back(&node);
  }
  NodeVerdict verdict;
  if (fit.size() < static_cast<std::size_t>(demand.count)) {
    conclude(verdict, demand,
             {.ok = false,
              .reason = std::string(kNodeNotReadyReason),
              .message = fmt::format("{}: {}", kNotEnoughNodes,
                                     describe_own_nodes(demand, observed.nodes))},
             std::nullopt, now);
    return verdict;
  }
  std::ranges::sort(fit, {}, [&](const NodeView* node) {
    return std::pair(rank_of(demand, *node), std::string_view(node->name));
  });
  for (std::size_t i = 0; i < static_cast<std::size_t>(demand.count); ++i) {
    verdict.worker_nodes.push_back(fit[i]->name);
  }
  conclude(
      verdict, demand,
      {.ok = true, .reason = std::string(kNodesReadyReason), .message = std::string(kEnoughNodes)},
      std::nullopt, now);
  return verdict;
}

}  // namespace detail
}  // namespace rage::op
