#include "operator/nodes.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"

namespace rage::op {
namespace detail {
namespace {

void set(NodeVerdict& verdict, const NodeDemand& demand, std::string_view type,
         const NodeFact& fact, std::string_view now) {
  apis::set_condition(
      verdict.conditions,
      {.type = std::string(type),
       .status = fact.ok ? apis::ConditionStatus::kTrue : apis::ConditionStatus::kFalse,
       .reason = fact.reason,
       .message = fact.message,
       .observed_generation = demand.owner.generation},
      now);
}

NodeFact conclude_resource(const NodeDemand& demand, const NodeFact& nodes,
                           const std::optional<NodeFact>& claims) {
  const std::string kind = to_lower_ascii(demand.owner_type.kind);
  if (claims && !claims->ok) return *claims;
  if (nodes.ok) {
    return {.ok = true,
            .reason = kind + "ResourceStatusSuccess",
            .message = kind + " resource is ready"};
  }
  if (claims) return nodes;
  // Without NodeClaims, upstream has one reason for everything that is wrong with nodes.
  const bool workspace = demand.owner_type.kind == "Workspace";
  return {.ok = false,
          .reason = kind + (workspace ? "ResourceStatusNotReady" : "ResourceStatusFailed"),
          .message = "node status condition not ready: " + nodes.message};
}

}  // namespace

std::string shortened(std::string text) {
  if (text.size() <= kMessageBytesMax) return text;
  std::size_t end = kMessageBytesMax - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

void conclude(NodeVerdict& verdict, const NodeDemand& demand, const NodeFact& nodes,
              const std::optional<NodeFact>& claims, std::string_view now) {
  verdict.ready = nodes.ok && (!claims || claims->ok);
  set(verdict, demand, "NodesReady", nodes, now);
  if (claims) {
    set(verdict, demand, "NodeClaimReady", *claims, now);
  } else {
    verdict.remove_conditions.emplace_back("NodeClaimReady");
  }
  set(verdict, demand, "ResourceReady", conclude_resource(demand, nodes, claims), now);
}

apis::StringMap owner_labels(const NodeDemand& demand) {
  const std::string key = "kaito.sh/" + to_lower_ascii(demand.owner_type.kind);
  return {{key, demand.owner.name}, {key + "namespace", demand.owner.ns}};
}

bool has_labels(const apis::StringMap& labels, const apis::StringMap& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto found = labels.find(pair.first);
    return found != labels.end() && found->second == pair.second;
  });
}

bool is_usable(const NodeView& node, std::string_view instance_type) {
  return node.ready && !node.deleting && equals_ignoring_case(node.instance_type, instance_type);
}

NodeFact judge_claims(const std::vector<const NodeClaimView*>& claims, int needed) {
  const auto ready = std::ranges::count_if(claims, &NodeClaimView::ready);
  if (ready >= needed) {
    return {.ok = true, .reason = "NodeClaimsReady", .message = "Enough NodeClaims are ready"};
  }
  // AwaitingReconciliation says only that nobody has looked yet: any other reason tells more.
  const auto usefulness = [](const NodeClaimView* claim) {
    if (claim->ready || claim->reason.empty()) return 2;
    return claim->reason == "AwaitingReconciliation" ? 1 : 0;
  };
  const auto worst = std::ranges::min_element(claims, {}, usefulness);
  if (worst != claims.end() && usefulness(*worst) < 2) {
    return {.ok = false,
            .reason = (*worst)->reason,
            .message = shortened(fmt::format("NodeClaim {} is not ready: {}", (*worst)->meta.name,
                                             (*worst)->message))};
  }
  return {
      .ok = false,
      .reason = "NodeClaimNotReady",
      .message = fmt::format("Ready NodeClaims are not enough: {} of {} are ready", ready, needed)};
}

NodeFact judge_nodes(const NodeDemand& demand, const std::vector<const NodeView*>& nodes) {
  int usable = 0;
  const NodeView* without_gpu = nullptr;
  for (const NodeView* node : nodes) {
    if (!is_usable(*node, demand.resource.instance_type)) continue;
    ++usable;
    if (node->gpus_capacity == 0 && without_gpu == nullptr) without_gpu = node;
  }
  if (usable < demand.count) {
    return {.ok = false,
            .reason = std::string(kNodeNotReadyReason),
            .message = fmt::format("{}: {} of {} nodes of type {} are ready", kNotEnoughNodes,
                                   usable, demand.count, demand.resource.instance_type)};
  }
  if (demand.gpus_per_node > 0 && without_gpu != nullptr) {
    return {.ok = false,
            .reason = std::string(kPluginsNotReadyReason),
            .message = fmt::format("waiting all node plugins to be ready: {} offers no "
                                   "nvidia.com/gpu; is the NVIDIA device plugin running on it?",
                                   without_gpu->name)};
  }
  return {
      .ok = true, .reason = std::string(kNodesReadyReason), .message = std::string(kEnoughNodes)};
}

void label_accelerators(NodeVerdict& verdict, const NodeDemand& demand,
                        const std::vector<const NodeView*>& nodes) {
  if (demand.gpus_per_node == 0) return;
  for (const NodeView* node : nodes) {
    const auto label = node->labels.get().find("accelerator");
    if (label != node->labels.get().end() && label->second == "nvidia") continue;
    if (!is_usable(*node, demand.resource.instance_type)) continue;
    Json patch;
    patch["metadata"]["labels"]["accelerator"] = "nvidia";
    verdict.changes.emplace_back(PatchObject{
        .type = apis::builtin_type("Node"), .key = {.ns = "", .name = node->name}, .patch = patch});
  }
}

Json gpu_taints() {
  return Json::array({{{"key", "sku"}, {"value", "gpu"}, {"effect", "NoSchedule"}}});
}

Json in_requirement(std::string_view key, std::string_view value) {
  return {{"key", key}, {"operator", "In"}, {"values", Json::array({value})}};
}

}  // namespace detail

namespace {

std::string describe_pressure(const NodeVerdict& verdict, const NodeObservation& observed) {
  std::vector<std::string> parts;
  for (const NodeView& node : observed.nodes) {
    const bool ours =
        std::ranges::find(verdict.worker_nodes, node.name) != verdict.worker_nodes.end();
    if (ours && !node.pressure.empty()) {
      parts.push_back(fmt::format("{} ({})", node.name, join(node.pressure, ", ")));
    }
  }
  return join(parts, ", ");
}

}  // namespace

bool brings_own_nodes(const apis::ResourceSpec& resource, const Settings& settings) {
  return settings.provisioner == Provisioner::kByo || resource.instance_type.empty();
}

NodeVerdict plan_nodes(const NodeDemand& demand, const NodeObservation& observed,
                       const Settings& settings, std::string_view now) {
  NodeVerdict verdict = brings_own_nodes(demand.resource, settings)
                            ? detail::plan_own_nodes(demand, observed, now)
                        : settings.provisioner == Provisioner::kKarpenter
                            ? detail::plan_node_pool(demand, observed, settings, now)
                            : detail::plan_node_claims(demand, observed, settings, now);
  std::ranges::sort(verdict.worker_nodes);
  const std::string pressure = describe_pressure(verdict, observed);
  if (!pressure.empty()) {
    for (apis::Condition& condition : verdict.conditions) {
      if (condition.type != "NodesReady") continue;
      condition.message += "; warning: worker node(s) under resource pressure: " + pressure;
    }
  }
  return verdict;
}

// Whatever was ordered goes, also what an earlier provisioner ordered: nobody else would.
std::vector<Change> plan_node_release(const NodeDemand& demand, const NodeObservation& observed,
                                      const Settings&) {
  std::vector<Change> changes;
  const bool has_pool = detail::owns_pool(demand, observed.node_pool);
  const ObjectMeta pool = apis::parse_meta(observed.node_pool);
  if (has_pool && !pool.deleting) {
    changes.emplace_back(
        DeleteObject{.type = apis::builtin_type("NodePool"), .key = pool.key(), .uid = pool.uid});
  }
  for (const NodeClaimView& claim : observed.claims) {
    // Those of the pool go with it.
    const bool pooled = has_pool && claim.meta.label("karpenter.sh/nodepool") == pool.name;
    if (claim.meta.deleting || pooled) continue;
    changes.emplace_back(DeleteObject{
        .type = apis::builtin_type("NodeClaim"), .key = claim.meta.key(), .uid = claim.meta.uid});
  }
  return changes;
}

NodeView view_node(const Json& node) {
  const ObjectMeta meta = apis::parse_meta(node);
  NodeView view{.name = meta.name, .deleting = meta.deleting, .labels = NodeLabels(meta.labels)};
  view.instance_type = meta.label("node.kubernetes.io/instance-type");
  view.gpus_capacity = detail::int_at(node, {"status", "allocatable", "nvidia.com/gpu"});
  for (const Json& condition : detail::list_at(node, {"status", "conditions"})) {
    if (codec::string_or(condition, "status", "") != "True") continue;
    const std::string type = codec::string_or(condition, "type", "");
    if (type == "Ready") view.ready = true;
    if (type.ends_with("Pressure")) view.pressure.push_back(type);
  }
  // A cordoned node takes no new pod, whatever it reports.
  if (detail::flag_at(node, {"spec", "unschedulable"})) view.cordoned = true;
  return view;
}

NodeClaimView view_node_claim(const Json& claim) {
  NodeClaimView view{.meta = apis::parse_meta(claim)};
  view.node_name = detail::text_at(claim, {"status", "nodeName"});
  const Json* ready = detail::find_condition_json(claim, "Ready");
  view.ready = ready != nullptr && codec::string_or(*ready, "status", "") == "True";
  for (const std::string_view type : {"Launched", "Registered", "Initialized"}) {
    const Json* condition = detail::find_condition_json(claim, type);
    if (condition == nullptr || codec::string_or(*condition, "status", "") == "True") continue;
    view.reason = codec::string_or(*condition, "reason", "");
    view.message = codec::string_or(*condition, "message", "");
    break;
  }
  return view;
}

}  // namespace rage::op
