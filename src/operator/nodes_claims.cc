// NodeClaims, one by one, that azure-gpu-provisioner or Karpenter's core turns into nodes.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "apis/kinds.h"
#include "base/check.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "operator/detail/node_conditions.h"
#include "operator/nodes.h"
#include "operator/serving.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kFakePool = "kaito";

// The same for the same workspace and ordinal, so that a retry after a lost answer, or one from a
// cache that has not seen the first try, cannot order a second machine.
std::string node_claim_name(const NodeDemand& demand, int ordinal) {
  const std::string_view prefix = demand.owner_type.kind == "Workspace" ? "ws" : "rag";
  const std::string digest = sha256_hex(fmt::format("{}/{}", demand.owner.uid, ordinal));
  return fmt::format("{}{}", prefix, digest.substr(0, 9));
}

std::string image_family(const NodeDemand& demand, const Settings& settings) {
  const std::string asked =
      to_lower_ascii(trim(demand.owner.annotation("kaito.sh/node-image-family")));
  return asked == "ubuntu" || asked == "azurelinux" ? asked : settings.node_image_family;
}

Json node_class_reference(catalog::Cloud cloud) {
  switch (cloud) {
    case catalog::Cloud::kAzure:
      return {{"group", "kaito.sh"}, {"kind", "KaitoNodeClass"}, {"name", "default"}};
    case catalog::Cloud::kAws:
      return {{"group", "karpenter.k8s.aws"}, {"kind", "EC2NodeClass"}, {"name", "default"}};
    case catalog::Cloud::kArc:
      return {{"group", ""}, {"kind", ""}, {"name", "default"}};
  }
  UNREACHABLE();
}

Json requirements(const NodeDemand& demand, catalog::Cloud cloud) {
  const std::string& type = demand.resource.instance_type;
  Json list = Json::array({in_requirement("karpenter.sh/nodepool", kFakePool),
                           in_requirement("node.kubernetes.io/instance-type", type),
                           in_requirement("kubernetes.io/os", "linux")});
  if (cloud == catalog::Cloud::kAzure) {
    list.push_back(in_requirement("karpenter.azure.com/sku-name", type));
  }
  if (cloud == catalog::Cloud::kAws && demand.gpus_per_node > 0) {
    list.push_back({{"key", "karpenter.k8s.aws/instance-gpu-count"},
                    {"operator", "Gt"},
                    {"values", Json::array({"0"})}});
  }
  return list;
}

Json render_claim(const NodeDemand& demand, const Settings& settings, std::string name) {
  Json claim = object_of(apis::builtin_type("NodeClaim"), {.ns = "", .name = std::move(name)});
  Json& labels = claim["metadata"]["labels"];
  labels["karpenter.sh/nodepool"] = kFakePool;
  for (const auto& [key, value] : owner_labels(demand)) labels[key] = value;
  for (const auto& [key, value] : sanitized_selector(demand.resource.label_selector)) {
    labels[key] = value;
  }
  claim["metadata"]["annotations"] = {
      {"karpenter.sh/do-not-disrupt", "true"},
      {"kaito.sh/node-image-family", image_family(demand, settings)}};
  Json& spec = claim["spec"];
  spec["nodeClassRef"] = node_class_reference(settings.cloud);
  spec["taints"] = gpu_taints();
  spec["requirements"] = requirements(demand, settings.cloud);
  spec["resources"]["requests"]["storage"] = demand.disk;
  return claim;
}

// Names count up; one that is there, even on its way out, is passed over.
void order_claims(NodeVerdict& verdict, const NodeDemand& demand, const NodeObservation& observed,
                  const Settings& settings, int missing) {
  for (int ordinal = 0; missing > 0; ++ordinal) {
    std::string name = node_claim_name(demand, ordinal);
    const bool taken = std::ranges::any_of(
        observed.claims, [&](const NodeClaimView& claim) { return claim.meta.name == name; });
    if (taken) continue;
    --missing;
    verdict.events.push_back({.type = kube::EventType::kNormal,
                              .reason = "NodeClaimCreated",
                              .message = fmt::format("NodeClaim {} asks for one {}", name,
                                                     demand.resource.instance_type)});
    verdict.changes.emplace_back(CreateObject{apis::builtin_type("NodeClaim"),
                                              render_claim(demand, settings, std::move(name))});
  }
}

}  // namespace

NodeVerdict plan_node_claims(const NodeDemand& demand, const NodeObservation& observed,
                             const Settings& settings, std::string_view now) {
  NodeVerdict verdict;
  verdict.node_selector = owner_labels(demand);
  std::vector<const NodeView*> nodes;
  int by_hand = 0;
  for (const NodeView& node : observed.nodes) {
    if (!has_labels(node.labels.get(), verdict.node_selector)) continue;
    nodes.push_back(&node);
    verdict.worker_nodes.push_back(node.name);
    const bool ordered = node.labels.get().contains("karpenter.sh/nodepool");
    if (!ordered && is_usable(node, demand.resource.instance_type)) ++by_hand;
  }
  // Claims of any name count: those of the original operator, too. Surplus ones are left alone; a
  // machine that was paid for may be wanted again.
  std::vector<const NodeClaimView*> claims;
  for (const NodeClaimView& claim : observed.claims) {
    if (!claim.meta.deleting) claims.push_back(&claim);
  }
  const int needed = std::max(0, demand.count - by_hand);
  order_claims(verdict, demand, observed, settings, needed - static_cast<int>(claims.size()));
  label_accelerators(verdict, demand, nodes);
  conclude(verdict, demand, judge_nodes(demand, nodes), judge_claims(claims, needed), now);
  return verdict;
}

}  // namespace rage::op::detail
