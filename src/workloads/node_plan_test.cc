#include "workloads/node_plan.h"

#include <gmock/gmock.h>

#include "workloads/foreign_crds.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

constexpr LocalCapacity kCapacity{.cpus = 2, .memory_bytes = std::uint64_t{8} << 30};

class NodeClaimPlan : public testing::Test {
 protected:
  // As the operator orders nodes.
  void order(const char* instance_type) {
    Json claim = parse(R"({"metadata": {"name": "ws1",
        "labels": {"karpenter.sh/nodepool": "kaito", "kaito.sh/workspace": "phi"}},
      "spec": {"taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
               "requirements": [
                 {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                 {"key": "gpus", "operator": "Gt", "values": ["0"]}]}})");
    claim["spec"]["requirements"].push_back({{"key", "node.kubernetes.io/instance-type"},
                                             {"operator", "In"},
                                             {"values", Json::array({instance_type})}});
    world.put(kinds().node_claim, std::move(claim));
  }
  Plan pass() {
    Plan plan = plan_node_claim(
        {.claim = world.get(kinds().node_claim, "ws1"),
         .node = world.has(kinds().node, "ws1") ? world.get(kinds().node, "ws1") : Json(),
         .capacity = kCapacity,
         .now = world.now});
    world.carry_out(kinds().node_claim, "ws1", plan);
    return plan;
  }
  World world;
};

TEST_F(NodeClaimPlan, BecomesAReadyNodeOfItsType) {
  order("Standard_NC24ads_A100_v4");
  pass();
  const Json& node = world.get(kinds().node, "ws1");
  const Json& labels = node["metadata"]["labels"];
  EXPECT_EQ(labels["node.kubernetes.io/instance-type"], "Standard_NC24ads_A100_v4");
  EXPECT_EQ(labels["kaito.sh/workspace"], "phi");
  EXPECT_EQ(labels["rage.dev/local"], "true");
  EXPECT_FALSE(labels.contains("gpus"));
  EXPECT_EQ(node["status"]["allocatable"]["nvidia.com/gpu"], "1");
  EXPECT_EQ(node["status"]["capacity"]["cpu"], "2000m");
  EXPECT_EQ(node["status"]["allocatable"]["cpu"], "8000m");
  EXPECT_TRUE(is_condition_true(node, "Ready"));
  EXPECT_EQ(node["spec"]["taints"][0]["key"], "sku");
  EXPECT_EQ(node["metadata"]["ownerReferences"][0]["kind"], "NodeClaim");
  const Json& claim = world.get(kinds().node_claim, "ws1");
  EXPECT_TRUE(is_condition_true(claim, "Ready"));
  EXPECT_EQ(claim["status"]["nodeName"], "ws1");
  EXPECT_EQ(claim["metadata"]["labels"]["node.kubernetes.io/instance-type"],
            "Standard_NC24ads_A100_v4");
  EXPECT_TRUE(pass().changes.empty());
}

TEST_F(NodeClaimPlan, AnUnknownTypeHasTheGpusThatWereAskedFor) {
  order("nobody_sells_this");
  pass();
  EXPECT_FALSE(world.get(kinds().node, "ws1")["status"]["allocatable"].contains("nvidia.com/gpu"));
  world.erase(kinds().node, "ws1");
  world.get(kinds().node_claim, "ws1")["spec"]["resources"]["requests"]["nvidia.com/gpu"] = "4";
  pass();
  EXPECT_EQ(world.get(kinds().node, "ws1")["status"]["allocatable"]["nvidia.com/gpu"], "4");
}

TEST_F(NodeClaimPlan, TakesItsNodeAlong) {
  order("Standard_NC4as_T4_v3");
  pass();
  world.get(kinds().node_claim, "ws1")["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  pass();
  EXPECT_FALSE(world.has(kinds().node, "ws1"));
}

TEST(BaseNodePlan, IsMadeAndItsLabelsAreKept) {
  World world;
  world.carry_out(kinds().node, "local", plan_base_node(Json(), kCapacity, world.now));
  EXPECT_TRUE(
      plan_base_node(world.get(kinds().node, "local"), kCapacity, world.now).changes.empty());
  world.get(kinds().node, "local")["metadata"]["labels"].erase("rage.dev/local");
  world.carry_out(kinds().node, "local",
                  plan_base_node(world.get(kinds().node, "local"), kCapacity, world.now));
  EXPECT_EQ(world.get(kinds().node, "local")["metadata"]["labels"]["rage.dev/local"], "true");
  // Offered once each, two CPUs are too few for the requests of the demo's pods.
  world.get(kinds().node, "local")["status"]["allocatable"]["cpu"] = "2";
  world.carry_out(kinds().node, "local",
                  plan_base_node(world.get(kinds().node, "local"), kCapacity, world.now));
  EXPECT_EQ(world.get(kinds().node, "local")["status"]["allocatable"]["cpu"], "8000m");
  EXPECT_TRUE(is_condition_true(world.get(kinds().node, "local"), "Ready"));
}

TEST(ForeignCrds, AreCompleteAndHaveAStatus) {
  std::vector<std::string> kinds_found;
  for (const Json& crd : foreign_crds()) {
    kinds_found.push_back(crd["spec"]["names"]["kind"]);
    int stored = 0;
    for (const Json& version : crd["spec"]["versions"]) {
      stored += version["storage"].get<bool>() ? 1 : 0;
      EXPECT_TRUE(version["subresources"].contains("status"));
      for (const Json& column : version["additionalPrinterColumns"]) {
        EXPECT_TRUE(column["jsonPath"].get<std::string>().starts_with("."));
      }
    }
    EXPECT_EQ(stored, 1);
  }
  EXPECT_THAT(kinds_found, testing::UnorderedElementsAre(
                               "Rollout", "Workflow", "WorkflowTemplate", "CronWorkflow",
                               "NodeClaim", "DestinationRule", "Certificate", "ExternalSecret"));
}

}  // namespace
}  // namespace rage::workloads
