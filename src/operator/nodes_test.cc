#include "operator/nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/workspace_cluster_for_test.h"

namespace rage::op {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kSku = "Standard_NC24ads_A100_v4";

// A Workspace's demand that owns what it refers to.
struct Wanted {
  ObjectMeta owner;
  apis::ResourceSpec resource;
  int count = 1;
  int gpus = 1;
  std::vector<std::string> held = {};

  Wanted() {
    owner.name = "w";
    owner.ns = "default";
    owner.uid = "uid-1";
    resource.label_selector.match_labels = {{"apps", "x"}};
  }
  NodeDemand demand() const {
    return {.owner_type = apis::workspace_type(),
            .owner = owner,
            .resource = resource,
            .count = count,
            .gpus_per_node = gpus,
            .disk = "107Gi",
            .held = held};
  }
};

Settings settings_of(Provisioner provisioner) {
  Settings settings;
  settings.provisioner = provisioner;
  settings.node_classes = {{.name = "ubuntu", .is_default = true}, {.name = "other"}};
  return settings;
}

NodeVerdict plan_for(const Wanted& wanted, const NodeObservation& observed,
                     Provisioner provisioner) {
  return plan_nodes(wanted.demand(), observed, settings_of(provisioner), kTestNow);
}

std::string message_of(const NodeVerdict& verdict, std::string_view type) {
  const apis::Condition* found = apis::find_condition(verdict.conditions, type);
  return found == nullptr ? "(absent)" : found->message;
}
std::string verdict_reason(const NodeVerdict& verdict, std::string_view type) {
  const apis::Condition* found = apis::find_condition(verdict.conditions, type);
  return found == nullptr ? "(absent)" : found->reason;
}

template <class T>
std::vector<T> verdict_changes(const NodeVerdict& verdict) {
  std::vector<T> found;
  for (const Change& change : verdict.changes) {
    if (const T* one = std::get_if<T>(&change)) found.push_back(*one);
  }
  return found;
}

// --- Bring your own ------------------------------------------------------------------------------

// Two replicas that each take one of two nodes wait for each other for ever.
TEST(OwnNodes, AGangIsPlacedWholeOrNotAtAll) {
  Wanted wanted;
  wanted.count = 3;
  NodeObservation observed{.nodes = {a_node("node-a"), a_node("node-b"), a_node("node-c")}};
  observed.nodes[1].gpus_used = 1;
  const NodeVerdict verdict = plan_for(wanted, observed, Provisioner::kByo);
  EXPECT_FALSE(verdict.ready);
  EXPECT_THAT(verdict.worker_nodes, IsEmpty());
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_EQ(message_of(verdict, "NodesReady"),
            "Not enough Nodes are ready: 2 of 3 nodes matching {apps=x} are ready and have 1 free "
            "GPU: node-b has 0 of 1 GPUs free");
  EXPECT_EQ(verdict_reason(verdict, "NodesReady"), "NodeNotReady");
  EXPECT_EQ(verdict_reason(verdict, "ResourceReady"), "workspaceResourceStatusNotReady");
  EXPECT_THAT(message_of(verdict, "ResourceReady"), HasSubstr("node status condition not ready"));
  EXPECT_THAT(verdict.remove_conditions, ElementsAre("NodeClaimReady"));

  observed.nodes[1].gpus_used = 0;
  EXPECT_THAT(plan_for(wanted, observed, Provisioner::kByo).worker_nodes,
              ElementsAre("node-a", "node-b", "node-c"));
}

TEST(OwnNodes, AMessageNamesEveryKindOfFault) {
  Wanted wanted;
  wanted.count = 4;
  NodeObservation observed{.nodes = {a_node("a"), a_node("b"), a_node("c")}};
  observed.nodes[0].ready = false;
  observed.nodes[1].deleting = true;
  observed.nodes[2].cordoned = true;
  EXPECT_THAT(message_of(plan_for(wanted, observed, Provisioner::kByo), "NodesReady"),
              HasSubstr("0 of 4 nodes matching {apps=x} are ready and have 1 free GPU: a is not "
                        "ready, b is being deleted, c is cordoned, label 1 more: kubectl label "
                        "node <name> apps=x"));
}

TEST(OwnNodes, NobodyReadsAThousandNames) {
  Wanted wanted;
  NodeObservation observed;
  for (int i = 0; i < 1000; ++i) {
    observed.nodes.push_back(a_node("node-" + std::to_string(i)));
    observed.nodes.back().ready = false;
  }
  const std::string message =
      message_of(plan_for(wanted, observed, Provisioner::kByo), "NodesReady");
  EXPECT_THAT(message, HasSubstr("997 more will not do either"));
  EXPECT_LT(message.size(), 300U);
}

TEST(OwnNodes, ChoosesByNameAndKeepsWhatItHas) {
  Wanted wanted;
  const NodeObservation observed{.nodes = {a_node("a"), a_node("b"), a_node("c")}};
  EXPECT_THAT(plan_for(wanted, observed, Provisioner::kByo).worker_nodes, ElementsAre("a"));
  wanted.held = {"c"};
  EXPECT_THAT(plan_for(wanted, observed, Provisioner::kByo).worker_nodes, ElementsAre("c"));
  wanted.count = 2;
  EXPECT_THAT(plan_for(wanted, observed, Provisioner::kByo).worker_nodes, ElementsAre("a", "c"));
}

// Draining starts with a cordon: what runs there is still running.
TEST(OwnNodes, ACordonedNodeKeepsItsPods) {
  Wanted wanted;
  wanted.held = {"a"};
  NodeObservation observed{.nodes = {a_node("a")}};
  observed.nodes[0].cordoned = true;
  EXPECT_TRUE(plan_for(wanted, observed, Provisioner::kByo).ready);
}

TEST(OwnNodes, WithoutGpusAnyReadyNodeDoes) {
  Wanted wanted;
  wanted.gpus = 0;
  NodeObservation observed{.nodes = {a_node("a")}};
  observed.nodes[0].gpus_capacity = 0;
  const NodeVerdict verdict = plan_for(wanted, observed, Provisioner::kByo);
  EXPECT_TRUE(verdict.ready);
  EXPECT_THAT(verdict.node_selector, IsEmpty());
  observed.nodes[0].ready = false;
  EXPECT_EQ(message_of(plan_for(wanted, observed, Provisioner::kByo), "NodesReady"),
            "Not enough Nodes are ready: 0 of 1 node matching {apps=x} is ready: a is not ready");
}

// A cluster that was switched from own nodes to a provisioner keeps its Workspaces.
TEST(OwnNodes, NoInstanceTypeMeansOwnNodesUnderAnyProvisioner) {
  const NodeObservation observed{.nodes = {a_node("a")}};
  for (const auto provisioner : {Provisioner::kAzureGpu, Provisioner::kKarpenter}) {
    const NodeVerdict verdict = plan_for(Wanted(), observed, provisioner);
    EXPECT_TRUE(verdict.ready);
    EXPECT_THAT(verdict.changes, IsEmpty());
  }
}

TEST(Nodes, PressureOnWorkersIsAWarning) {
  NodeObservation observed{.nodes = {a_node("a"), a_node("b")}};
  observed.nodes[0].pressure = {"DiskPressure", "PIDPressure"};
  observed.nodes[1].pressure = {"MemoryPressure"};
  EXPECT_EQ(message_of(plan_for(Wanted(), observed, Provisioner::kByo), "NodesReady"),
            "Enough Nodes are ready; warning: worker node(s) under resource pressure: a "
            "(DiskPressure, PIDPressure)");
}

// --- NodeClaims ----------------------------------------------------------------------------------

Wanted provisioned(int count = 1) {
  Wanted wanted;
  wanted.count = count;
  wanted.resource.instance_type = kSku;
  return wanted;
}

NodeClaimView claim_of(const Json& object) {
  return view_node_claim(object);
}

NodeView machine(std::string name) {
  NodeView node = a_node(std::move(name));
  node.instance_type = kSku;
  node.labels.set("kaito.sh/workspace", "w");
  node.labels.set("kaito.sh/workspacenamespace", "default");
  node.labels.set("karpenter.sh/nodepool", "kaito");
  node.labels.set("accelerator", "nvidia");
  return node;
}

TEST(NodeClaims, LookAsTheProvisionerExpects) {
  const NodeVerdict verdict = plan_for(provisioned(), {}, Provisioner::kAzureGpu);
  const auto created = verdict_changes<CreateObject>(verdict);
  ASSERT_THAT(created, SizeIs(1));
  Json claim = created[0].object;
  const std::string name = claim["metadata"]["name"].get<std::string>();
  EXPECT_TRUE(name.starts_with("ws") && name.size() == 11) << name;
  claim["metadata"]["name"] = "ws";
  EXPECT_TRUE(same_json(claim, parse_for_test(R"({
    "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
    "metadata": {"name": "ws",
      "labels": {"karpenter.sh/nodepool": "kaito", "kaito.sh/workspace": "w",
                 "kaito.sh/workspacenamespace": "default", "apps": "x"},
      "annotations": {"karpenter.sh/do-not-disrupt": "true",
                      "kaito.sh/node-image-family": "ubuntu"}},
    "spec": {
      "nodeClassRef": {"group": "kaito.sh", "kind": "KaitoNodeClass", "name": "default"},
      "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
      "requirements": [
        {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["kaito"]},
        {"key": "node.kubernetes.io/instance-type", "operator": "In",
         "values": ["Standard_NC24ads_A100_v4"]},
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
        {"key": "karpenter.azure.com/sku-name", "operator": "In",
         "values": ["Standard_NC24ads_A100_v4"]}],
      "resources": {"requests": {"storage": "107Gi"}}}})")))
      << claim.dump(2);
  ASSERT_THAT(verdict.events, SizeIs(1));
  EXPECT_EQ(verdict.events[0].reason, "NodeClaimCreated");
  EXPECT_THAT(verdict.events[0].message, HasSubstr(name));
  EXPECT_EQ(verdict_reason(verdict, "NodeClaimReady"), "NodeClaimNotReady");
  EXPECT_EQ(verdict_reason(verdict, "ResourceReady"), "NodeClaimNotReady");
  EXPECT_EQ(verdict.node_selector.at("kaito.sh/workspace"), "w");
}

// A create whose answer was lost, repeated from a stale cache, must not buy a second machine.
TEST(NodeClaims, ARetryAsksForTheSameNames) {
  const auto first =
      verdict_changes<CreateObject>(plan_for(provisioned(3), {}, Provisioner::kAzureGpu));
  const auto again =
      verdict_changes<CreateObject>(plan_for(provisioned(3), {}, Provisioner::kAzureGpu));
  ASSERT_THAT(first, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first[i].object["metadata"]["name"], again[i].object["metadata"]["name"]);
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NE(first[i].object["metadata"]["name"], first[j].object["metadata"]["name"]);
    }
  }
  // One is known: only the two others are asked for. One on its way out: a new name.
  NodeObservation observed{.claims = {claim_of(first[0].object)}};
  const auto rest =
      verdict_changes<CreateObject>(plan_for(provisioned(3), observed, Provisioner::kAzureGpu));
  ASSERT_THAT(rest, SizeIs(2));
  EXPECT_EQ(rest[0].object["metadata"]["name"], first[1].object["metadata"]["name"]);
  observed.claims[0].meta.deleting = true;
  const auto anew =
      verdict_changes<CreateObject>(plan_for(provisioned(), observed, Provisioner::kAzureGpu));
  ASSERT_THAT(anew, SizeIs(1));
  EXPECT_EQ(anew[0].object["metadata"]["name"], first[1].object["metadata"]["name"]);
}

TEST(NodeClaims, AdoptsTheOriginalsAndLeavesSurplusAlone) {
  NodeObservation observed{.nodes = {machine("a")}};
  for (const char* name : {"wsoriginal1", "wsoriginal2"}) {
    NodeClaimView claim{.ready = true, .node_name = "a"};
    claim.meta.name = name;
    observed.claims.push_back(claim);
  }
  const NodeVerdict verdict = plan_for(provisioned(), observed, Provisioner::kAzureGpu);
  EXPECT_TRUE(verdict.ready);
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_EQ(message_of(verdict, "NodeClaimReady"), "Enough NodeClaims are ready");
  EXPECT_EQ(message_of(verdict, "ResourceReady"), "workspace resource is ready");
}

// A node labelled by hand for this Workspace serves without a machine being bought.
TEST(NodeClaims, HandLabelledNodesCount) {
  NodeObservation observed{.nodes = {machine("a")}};
  observed.nodes[0].labels.erase("karpenter.sh/nodepool");
  EXPECT_TRUE(plan_for(provisioned(), observed, Provisioner::kAzureGpu).ready);
  EXPECT_THAT(
      verdict_changes<CreateObject>(plan_for(provisioned(2), observed, Provisioner::kAzureGpu)),
      SizeIs(1));
  observed.nodes[0].labels.erase("kaito.sh/workspace");
  EXPECT_THAT(
      verdict_changes<CreateObject>(plan_for(provisioned(), observed, Provisioner::kAzureGpu)),
      SizeIs(1));
}

TEST(NodeClaims, AClaimsOwnReasonIsShown) {
  NodeObservation observed;
  observed.claims.push_back(view_node_claim(parse_for_test(R"({
      "metadata": {"name": "ws1"}, "status": {"conditions": [
        {"type": "Launched", "status": "Unknown", "reason": "AwaitingReconciliation"}]}})")));
  observed.claims.push_back(view_node_claim(parse_for_test(R"({
      "metadata": {"name": "ws2"}, "status": {"conditions": [
        {"type": "Initialized", "status": "False", "reason": "Later"},
        {"type": "Launched", "status": "False", "reason": "InsufficientCapacity",
         "message": "no quota in eastus"}]}})")));
  const NodeVerdict verdict = plan_for(provisioned(2), observed, Provisioner::kAzureGpu);
  EXPECT_EQ(verdict_reason(verdict, "NodeClaimReady"), "InsufficientCapacity");
  EXPECT_EQ(message_of(verdict, "ResourceReady"), "NodeClaim ws2 is not ready: no quota in eastus");
}

TEST(NodeClaims, WaitForGpusAndLabelTheNode) {
  NodeObservation observed{.nodes = {machine("a")}};
  observed.nodes[0].gpus_capacity = 0;
  observed.nodes[0].labels.erase("accelerator");
  NodeClaimView claim{.ready = true, .node_name = "a"};
  claim.meta.name = "ws1";
  observed.claims.push_back(claim);
  const NodeVerdict verdict = plan_for(provisioned(), observed, Provisioner::kAzureGpu);
  EXPECT_FALSE(verdict.ready);
  EXPECT_EQ(verdict_reason(verdict, "NodesReady"), "NodePluginsNotReady");
  EXPECT_THAT(message_of(verdict, "NodesReady"), HasSubstr("waiting all node plugins to be ready"));
  const auto patches = verdict_changes<PatchObject>(verdict);
  ASSERT_THAT(patches, SizeIs(1));
  EXPECT_EQ(patches[0].patch["metadata"]["labels"]["accelerator"], "nvidia");
}

TEST(NodeClaims, ClassesDifferByCloud) {
  Wanted wanted = provisioned();
  wanted.owner.annotations["kaito.sh/node-image-family"] = " AzureLinux ";
  Settings settings = settings_of(Provisioner::kAzureGpu);
  settings.cloud = catalog::Cloud::kAws;
  const NodeVerdict verdict = plan_nodes(wanted.demand(), {}, settings, kTestNow);
  const auto created = verdict_changes<CreateObject>(verdict);
  ASSERT_THAT(created, SizeIs(1));
  const Json& claim = created[0].object;
  EXPECT_EQ(claim["spec"]["nodeClassRef"]["kind"], "EC2NodeClass");
  EXPECT_EQ(claim["spec"]["requirements"].back()["key"], "karpenter.k8s.aws/instance-gpu-count");
  EXPECT_EQ(claim["metadata"]["annotations"]["kaito.sh/node-image-family"], "azurelinux");
}

// --- Karpenter -----------------------------------------------------------------------------------

Json pool_for(const Wanted& wanted) {
  const auto applied = verdict_changes<ApplyObject>(plan_for(wanted, {}, Provisioner::kKarpenter));
  return applied.empty() ? Json() : applied[0].object;
}

TEST(NodePool, LooksAsUpstreams) {
  Json pool = pool_for(provisioned(2));
  ASSERT_TRUE(pool.is_object());
  pool["metadata"].erase("annotations");
  EXPECT_TRUE(same_json(pool, parse_for_test(R"({
    "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
    "metadata": {"name": "default-w", "labels": {
      "karpenter.kaito.sh/managed-by": "kaito", "karpenter.kaito.sh/workspace-name": "w",
      "karpenter.kaito.sh/workspace-namespace": "default"}},
    "spec": {"replicas": 2,
      "template": {
        "metadata": {"labels": {"apps": "x", "karpenter.kaito.sh/workspace-name": "w",
                                "karpenter.kaito.sh/workspace-namespace": "default"}},
        "spec": {
          "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass",
                           "name": "ubuntu"},
          "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
          "requirements": [
            {"key": "node.kubernetes.io/instance-type", "operator": "In",
             "values": ["Standard_NC24ads_A100_v4"]},
            {"key": "karpenter.azure.com/placement-scope", "operator": "In",
             "values": ["regional"]}]}},
      "disruption": {"consolidateAfter": "0s",
                     "budgets": [{"nodes": "1", "reasons": ["Drifted"]}]}}})")))
      << pool.dump(2);
}

TEST(NodePool, NamesFitAndStayTheSame) {
  Wanted wanted = provisioned();
  wanted.owner.ns = std::string(31, 'n');
  wanted.owner.name = std::string(31, 'w');
  const std::string at_limit = pool_for(wanted)["metadata"]["name"];
  EXPECT_EQ(at_limit, wanted.owner.ns + "-" + wanted.owner.name);
  wanted.owner.name += "w";
  const std::string over = pool_for(wanted)["metadata"]["name"];
  EXPECT_EQ(over.size(), 63U);
  EXPECT_TRUE(over.starts_with(std::string(31, 'n') + "-" + std::string(21, 'w') + "-"));
  EXPECT_EQ(over, pool_for(wanted)["metadata"]["name"].get<std::string>());
}

TEST(NodePool, ReplicasOnlyRiseAndBudgetsAreKept) {
  Json pool = pool_for(provisioned(3));
  pool["spec"]["disruption"]["budgets"] =
      parse_for_test(R"([{"nodes": "0", "reasons": ["Drifted"]}])");
  const NodeVerdict fewer = plan_for(provisioned(1), {.node_pool = pool}, Provisioner::kKarpenter);
  for (const ApplyObject& change : verdict_changes<ApplyObject>(fewer)) {
    EXPECT_EQ(change.object["spec"]["replicas"], 3);
    EXPECT_EQ(change.object["spec"]["disruption"]["budgets"][0]["nodes"], "0");
  }
  const auto more = verdict_changes<ApplyObject>(
      plan_for(provisioned(5), {.node_pool = pool}, Provisioner::kKarpenter));
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_EQ(more[0].object["spec"]["replicas"], 5);
}

TEST(NodePool, AnUnchangedPoolIsLeftAlone) {
  const NodeObservation observed{.node_pool = pool_for(provisioned())};
  EXPECT_THAT(plan_for(provisioned(), observed, Provisioner::kKarpenter).changes, IsEmpty());
}

TEST(NodePool, ChildrenOfASetDriftOneByOne) {
  Wanted wanted = provisioned();
  wanted.owner.labels["inferenceset.kaito.sh/created-by"] = "set";
  const Json pool = pool_for(wanted);
  EXPECT_EQ(pool["spec"]["disruption"]["budgets"][0]["nodes"], "0");
  EXPECT_EQ(pool["metadata"]["labels"]["karpenter.kaito.sh/inferenceset"], "set");
  EXPECT_EQ(
      pool["spec"]["template"]["metadata"]["labels"]["karpenter.kaito.sh/inferenceset-namespace"],
      "default");
}

// The original counts nodes that its pods cannot land on, and waits for ever.
TEST(NodePool, OnlyNodesOfThePoolCount) {
  NodeObservation observed{.nodes = {a_node("by-hand"), machine("legacy")}};
  observed.nodes[0].instance_type = kSku;
  NodeClaimView legacy{.ready = true, .node_name = "legacy"};
  legacy.meta.name = "ws1";
  legacy.meta.labels = observed.nodes[1].labels.get();
  observed.claims.push_back(legacy);
  const NodeVerdict verdict = plan_for(provisioned(), observed, Provisioner::kKarpenter);
  EXPECT_FALSE(verdict.ready);
  EXPECT_THAT(verdict.worker_nodes, IsEmpty());
  EXPECT_EQ(verdict_changes<ApplyObject>(verdict)[0].object["spec"]["replicas"], 1);
}

TEST(NodePool, RefusesAClassThatIsNotConfigured) {
  Wanted wanted = provisioned();
  wanted.owner.annotations["kaito.sh/node-class-name"] = "typo";
  const NodeVerdict verdict = plan_for(wanted, {}, Provisioner::kKarpenter);
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_THAT(message_of(verdict, "ResourceReady"), HasSubstr("use one of ubuntu, other"));
  wanted.owner.annotations["kaito.sh/node-class-name"] = "other";
  EXPECT_EQ(pool_for(wanted)["spec"]["template"]["spec"]["nodeClassRef"]["name"], "other");
}

// "a-b" + "c" and "a" + "b-c" make one name: neither may take the other's machines.
TEST(NodePool, ANeighboursPoolIsNeitherChangedNorDeleted) {
  Wanted theirs = provisioned();
  theirs.owner.ns = "a-b";
  theirs.owner.name = "c";
  Wanted ours = provisioned();
  ours.owner.ns = "a";
  ours.owner.name = "b-c";
  const NodeObservation observed{.node_pool = pool_for(theirs)};
  const NodeVerdict verdict = plan_for(ours, observed, Provisioner::kKarpenter);
  EXPECT_THAT(verdict.changes, IsEmpty());
  EXPECT_THAT(message_of(verdict, "ResourceReady"), HasSubstr("belongs to another Workspace"));
  EXPECT_THAT(plan_node_release(ours.demand(), observed, settings_of(Provisioner::kKarpenter)),
              IsEmpty());
}

// --- Release -------------------------------------------------------------------------------------

// A GPU machine that nobody releases costs more than the rest of the cluster.
TEST(NodeRelease, ReleasesWhatEveryProvisionerOrdered) {
  const Wanted wanted = provisioned();
  NodeObservation observed{.node_pool = pool_for(wanted)};
  for (const char* name : {"ws1", "pooled", "leaving"}) {
    NodeClaimView claim;
    claim.meta.name = name;
    observed.claims.push_back(claim);
  }
  observed.claims[1].meta.labels["karpenter.sh/nodepool"] = "default-w";
  observed.claims[2].meta.deleting = true;
  for (const auto provisioner :
       {Provisioner::kAzureGpu, Provisioner::kKarpenter, Provisioner::kByo}) {
    const auto changes = plan_node_release(wanted.demand(), observed, settings_of(provisioner));
    ASSERT_THAT(changes, SizeIs(2));
    EXPECT_EQ(std::get<DeleteObject>(changes[0]).type.kind, "NodePool");
    EXPECT_EQ(std::get<DeleteObject>(changes[1]).key.name, "ws1");
  }
}

TEST(NodeViews, ReadWhatMattersAndSurviveNonsense) {
  const NodeView node = view_node(parse_for_test(R"({
    "metadata": {"name": "n", "labels": {"node.kubernetes.io/instance-type": "t"}},
    "spec": {"unschedulable": true},
    "status": {"allocatable": {"nvidia.com/gpu": "4"}, "conditions": [
      {"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"},
      {"type": "MemoryPressure", "status": "False"}]}})"));
  EXPECT_TRUE(node.ready && node.cordoned && !node.deleting);
  EXPECT_EQ(node.instance_type, "t");
  EXPECT_EQ(node.gpus_capacity, 4);
  EXPECT_THAT(node.pressure, ElementsAre("DiskPressure"));
  for (const char* text :
       {"null", "[1]", R"({"status": {"conditions": [7, "x", null]}})",
        R"({"status": {"allocatable": {"nvidia.com/gpu": "-9999999999999"}}})"}) {
    EXPECT_FALSE(view_node(parse_for_test(text)).ready) << text;
    EXPECT_EQ(view_node(parse_for_test(text)).gpus_capacity, 0) << text;
    EXPECT_FALSE(view_node_claim(parse_for_test(text)).ready) << text;
  }
}

}  // namespace
}  // namespace rage::op
