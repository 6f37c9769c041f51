// One static Karpenter NodePool per Workspace.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/kinds.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"
#include "operator/nodes.h"
#include "operator/serving.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kDomain = "karpenter.kaito.sh/";

std::string inference_set_of(const NodeDemand& demand) {
  return demand.owner.label("inferenceset.kaito.sh/created-by");
}

// The pair that marks nodes of this owner, and the InferenceSet's if there is one.
apis::StringMap identity_labels(const NodeDemand& demand) {
  apis::StringMap labels = pool_labels(demand);
  const std::string set = inference_set_of(demand);
  if (!set.empty()) {
    labels[std::string(kDomain) + "inferenceset"] = set;
    labels[std::string(kDomain) + "inferenceset-namespace"] = demand.owner.ns;
  }
  return labels;
}

// The configured class that was asked for, else the default one. Null: neither.
const NodeClass* find_class(const NodeDemand& demand, const Settings& settings) {
  const std::string asked = demand.owner.annotation("kaito.sh/node-class-name");
  const auto found = std::ranges::find_if(settings.node_classes, [&](const NodeClass& one) {
    return asked.empty() ? one.is_default : one.name == asked;
  });
  return found == settings.node_classes.end() ? nullptr : &*found;
}

std::string describe_missing_class(const NodeDemand& demand, const Settings& settings) {
  std::vector<std::string> names;
  for (const NodeClass& one : settings.node_classes) names.push_back(one.name);
  const std::string asked = demand.owner.annotation("kaito.sh/node-class-name");
  if (asked.empty())
    return "no default node class: start the operator with one (--karpenter-node-classes)";
  return fmt::format(
      "node class {} of annotation kaito.sh/node-class-name is not configured: use one of {}",
      asked, names.empty() ? "none" : join(names, ", "));
}

Json to_json(const apis::StringMap& map) {
  Json object = Json::object();
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

Json render_template(const NodeDemand& demand, const Settings& settings, const NodeClass& chosen) {
  apis::StringMap labels = identity_labels(demand);
  labels.merge(sanitized_selector(demand.resource.label_selector));
  Json spec;
  spec["nodeClassRef"] = {{"group", settings.node_class_group},
                          {"kind", settings.node_class_kind},
                          {"name", chosen.name}};
  spec["taints"] = gpu_taints();
  spec["requirements"] = Json::array(
      {in_requirement("node.kubernetes.io/instance-type", demand.resource.instance_type)});
  if (settings.node_class_group == "karpenter.azure.com") {
    spec["requirements"].push_back(
        in_requirement("karpenter.azure.com/placement-scope", "regional"));
  }
  return {{"metadata", {{"labels", to_json(labels)}}}, {"spec", std::move(spec)}};
}

Json render_pool(const NodeDemand& demand, const Settings& settings, const NodeClass& chosen,
                 const Json& observed) {
  Json pool = object_of(apis::builtin_type("NodePool"), {.ns = "", .name = pool_name(demand)});
  apis::StringMap labels = identity_labels(demand);
  labels[std::string(kDomain) + "managed-by"] = "kaito";
  pool["metadata"]["labels"] = to_json(labels);
  Json& spec = pool["spec"];
  // Only ever raised: nodes that are there serve the next roll-out at once.
  spec["replicas"] = std::max(demand.count, int_at(observed, {"spec", "replicas"}));
  spec["template"] = render_template(demand, settings, chosen);
  spec["disruption"]["consolidateAfter"] = "0s";
  // The budget is the drift controller's switch ("0" holds a drifted node, "1" lets it go).
  const Json& budgets = list_at(observed, {"spec", "disruption", "budgets"});
  const char* const nodes = inference_set_of(demand).empty() ? "1" : "0";
  spec["disruption"]["budgets"] =
      !budgets.empty() ? budgets
                       : Json::array({{{"nodes", nodes}, {"reasons", Json::array({"Drifted"})}}});
  return pool;
}

// Why no pool can be asked for, if so.
std::optional<std::string> obstacle(const NodeDemand& demand, const NodeObservation& observed,
                                    const Settings& settings) {
  if (find_class(demand, settings) == nullptr) return describe_missing_class(demand, settings);
  if (!observed.node_pool.is_object()) return std::nullopt;
  const std::string name = pool_name(demand);
  if (!owns_pool(demand, observed.node_pool)) {
    return fmt::format(
        "NodePool {} belongs to another Workspace whose namespace and name read the same: rename "
        "one",
        name);
  }
  if (apis::parse_meta(observed.node_pool).deleting) {
    return fmt::format("NodePool {} is being deleted; it is created anew once it is gone", name);
  }
  return std::nullopt;
}

}  // namespace

apis::StringMap pool_labels(const NodeDemand& demand) {
  const std::string prefix = std::string(kDomain) + to_lower_ascii(demand.owner_type.kind);
  return {{prefix + "-name", demand.owner.name}, {prefix + "-namespace", demand.owner.ns}};
}

std::string pool_name(const NodeDemand& demand) {
  constexpr std::size_t kNameMax = 63;
  constexpr std::size_t kKept = 53;
  const std::string name = demand.owner.ns + "-" + demand.owner.name;
  if (name.size() <= kNameMax) return name;
  return name.substr(0, kKept) + "-" + sha256_hex(name).substr(0, 9);
}

bool owns_pool(const NodeDemand& demand, const Json& pool) {
  return pool.is_object() && has_labels(apis::parse_meta(pool).labels, pool_labels(demand));
}

NodeVerdict plan_node_pool(const NodeDemand& demand, const NodeObservation& observed,
                           const Settings& settings, std::string_view now) {
  NodeVerdict verdict;
  verdict.node_selector = pool_labels(demand);
  // Hand-made nodes and those of earlier NodeClaims do not count, as they do in the original: pods
  // ask for the pool's labels and could never land there.
  std::vector<const NodeView*> nodes;
  for (const NodeView& node : observed.nodes) {
    if (!has_labels(node.labels.get(), verdict.node_selector)) continue;
    nodes.push_back(&node);
    verdict.worker_nodes.push_back(node.name);
  }
  std::vector<const NodeClaimView*> claims;
  for (const NodeClaimView& claim : observed.claims) {
    if (!claim.meta.deleting && has_labels(claim.meta.labels, verdict.node_selector)) {
      claims.push_back(&claim);
    }
  }
  NodeFact claims_fact = judge_claims(claims, demand.count);
  if (const auto reason = obstacle(demand, observed, settings)) {
    claims_fact = {.ok = false, .reason = "NodeClaimNotReady", .message = *reason};
  } else {
    plan_apply(verdict.changes, apis::builtin_type("NodePool"),
               render_pool(demand, settings, *find_class(demand, settings), observed.node_pool),
               observed.node_pool);
  }
  label_accelerators(verdict, demand, nodes);
  NodeFact nodes_fact = judge_nodes(demand, nodes);
  if (nodes_fact.ok && demand.gpus_per_node > 0) nodes_fact.message += " with GPU resources";
  conclude(verdict, demand, nodes_fact, claims_fact, now);
  return verdict;
}

}  // namespace rage::op::detail
