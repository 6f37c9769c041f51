#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "operator/workspace_cluster_for_test.h"

namespace rage::op {
namespace {

using ::testing::IsEmpty;

struct Kind {
  const char* name;
  const char* body;
};

constexpr Kind kKinds[] = {
    {"SmallPreset", R"({"inference": {"preset": {"name": "phi-4"}}})"},
    {"LargePreset", R"({"inference": {"preset": {"name": "llama-3.3-70b-instruct"}}})"},
    {"LoadBalancer", R"({"metadata": {"annotations": {"kaito.sh/enablelb": "True"}},
                         "inference": {"preset": {"name": "phi-4"}}})"},
    {"RespectedCount", R"({"metadata": {"annotations": {"rage.dev/respect-count": "true"}},
                           "resource": {"count": 2},
                           "inference": {"preset": {"name": "phi-4"}}})"},
    {"Transformers", R"({"metadata": {"annotations": {"kaito.sh/runtime": "transformers"}},
                         "inference": {"preset": {"name": "phi-4"}}})"},
    {"LlamaCpp", R"({"metadata": {"annotations": {"kaito.sh/runtime": "llamacpp"}},
                     "inference": {"preset": {"name": "packaged:SmolLM2-135M-Instruct"}}})"},
    {"Child", R"({"metadata": {"labels": {"inferenceset.kaito.sh/created-by": "set"}},
                  "inference": {"preset": {"name": "phi-4"}, "config": "c"}})"},
    {"Template", R"({"resource": {"count": 2}, "inference": {"template": {"spec": {
        "containers": [{"name": "c", "image": "i",
                        "resources": {"limits": {"nvidia.com/gpu": 1}}}]}}}})"},
    {"Tuning", R"({"tuning": {"preset": {"name": "phi-4"}, "method": "qlora",
        "input": {"urls": ["https://example.com/d"]},
        "output": {"image": "r.example.com/a:1", "imagePushSecret": "s"}}})"},
    {"TuningWithoutData", R"({"tuning": {"preset": {"name": "phi-4"}, "method": "lora",
        "input": {}, "output": {}}})"},
    {"UnknownModel", R"({"inference": {"preset": {"name": "no-such-model"}}})"},
    {"DeprecatedModel", R"({"inference": {"preset": {"name": "phi-2"}}})"},
    {"HubModel", R"({"inference": {"preset": {"name": "someone/something"}}})"},
    {"Mig", R"({"resource": {"partition": {"mode": "mig", "profile": "3g.40gb"}},
                "inference": {"preset": {"name": "phi-4"}}})"},
    {"TooManyGpus", R"({"resource": {"partition": {"mode": "accelerator", "count": 9}},
                        "inference": {"preset": {"name": "phi-4"}}})"},
    {"Nothing", "{}"},
};

enum class Machines { kNone, kOne, kFour, kNotReady, kTaken, kNoLabels };

std::vector<NodeView> nodes_of(Machines machines) {
  std::vector<NodeView> nodes;
  const int count = machines == Machines::kNone ? 0 : machines == Machines::kFour ? 4 : 1;
  for (int i = 0; i < count; ++i) nodes.push_back(a_node("node-" + std::to_string(i)));
  if (machines == Machines::kNotReady) nodes[0].ready = false;
  if (machines == Machines::kTaken) nodes[0].gpus_used = 1;
  if (machines == Machines::kNoLabels) nodes[0].labels = NodeLabels(apis::StringMap{{"apps", "x"}});
  return nodes;
}

using ConvergeCase = std::tuple<Provisioner, const char*, Machines>;

class Converges : public ::testing::TestWithParam<ConvergeCase> {
 protected:
  ClusterForTest cluster(const Kind& kind) const {
    const auto [provisioner, instance_type, machines] = GetParam();
    ClusterForTest cluster;
    cluster.settings.provisioner = provisioner;
    cluster.settings.node_classes = {{.name = "ubuntu", .is_default = true}};
    cluster.workspace = a_workspace(kind.body);
    if (*instance_type != '\0') cluster.workspace["resource"]["instanceType"] = instance_type;
    cluster.observed.nodes.nodes = nodes_of(machines);
    return cluster;
  }
};

// A plan that is never satisfied with its own work floods the API server, times every Workspace.
TEST_P(Converges, AndThenPlansNothing) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    ClusterForTest one = cluster(kind);
    EXPECT_LE(one.settle(), 8) << one.workspace.dump(2);
    // An hour on, nothing has happened: not a byte of the status may differ.
    const Plan again = one.plan(kTestLater);
    EXPECT_THAT(again.changes, IsEmpty());
    EXPECT_THAT(again.events, IsEmpty());
    EXPECT_EQ(codec::render_json(again.status), codec::render_json(one.workspace["status"]));
    EXPECT_FALSE(one.state().empty());
    EXPECT_NE(one.condition("ResourceReady").status, apis::ConditionStatus::kUnknown);
    for (const apis::Condition& condition : apis::parse_conditions(again.status)) {
      EXPECT_FALSE(condition.reason.empty()) << condition.type;
      EXPECT_FALSE(condition.message.empty()) << condition.type;
    }
  }
}

// What was ordered is released, whatever state the Workspace is in.
TEST_P(Converges, AndDeletingLeavesNoMachine) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    ClusterForTest one = cluster(kind);
    one.settle();
    one.workspace["metadata"]["deletionTimestamp"] = kTestLater;
    EXPECT_TRUE(one.plan().release);
    one.step();
    const bool pooled = std::get<0>(GetParam()) == Provisioner::kKarpenter;
    if (!pooled) {
      EXPECT_THAT(one.observed.nodes.claims, IsEmpty());
    }
    EXPECT_TRUE(one.observed.nodes.node_pool.is_null());
    EXPECT_THAT(one.plan().changes, IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Own, Converges,
                         ::testing::Combine(::testing::Values(Provisioner::kByo),
                                            ::testing::Values(""),
                                            ::testing::Values(Machines::kNone, Machines::kOne,
                                                              Machines::kFour, Machines::kNotReady,
                                                              Machines::kTaken,
                                                              Machines::kNoLabels)));
INSTANTIATE_TEST_SUITE_P(
    Provisioned, Converges,
    ::testing::Combine(::testing::Values(Provisioner::kAzureGpu, Provisioner::kKarpenter),
                       ::testing::Values("Standard_NC24ads_A100_v4", "Standard_NX1_unknown", ""),
                       ::testing::Values(Machines::kNone, Machines::kOne)));

}  // namespace
}  // namespace rage::op
