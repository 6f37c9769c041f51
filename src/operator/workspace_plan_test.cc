#include "operator/workspace_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/plan_for_test.h"
#include "operator/workspace_cluster_for_test.h"

namespace rage::op {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kPhi4 = R"({"inference": {"preset": {"name": "phi-4"}}})";
constexpr const char* kLlama = R"({"inference": {"preset": {"name": "llama-3.3-70b-instruct"}}})";
constexpr const char* kTuning = R"({"tuning": {"preset": {"name": "phi-4"}, "method": "qlora",
    "input": {"urls": ["https://example.com/d"]}, "output": {"image": "r.example.com/a:1"}}})";

ClusterForTest own_cluster(const char* body, int nodes = 1) {
  ClusterForTest cluster;
  cluster.settings.provisioner = Provisioner::kByo;
  cluster.workspace = a_workspace(body);
  for (int i = 0; i < nodes; ++i) {
    cluster.observed.nodes.nodes.push_back(a_node("node-" + std::to_string(i)));
  }
  return cluster;
}

int replicas_of(const ClusterForTest& cluster) {
  return cluster.observed.stateful_set["spec"]["replicas"].get<int>();
}

std::string image_of(const ClusterForTest& cluster) {
  const Json& pod = cluster.observed.stateful_set["spec"]["template"]["spec"];
  return pod["containers"][0]["image"].get<std::string>();
}

Json failing_pod(const char* reason) {
  Json pod = parse_for_test(R"({"metadata": {"name": "w-0"}, "spec": {"nodeName": "node-0"},
      "status": {"containerStatuses": [{"name": "w", "state": {"waiting": {}}}]}})");
  pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = reason;
  return pod;
}

TEST(PlanWorkspace, StartsInOrder) {
  ClusterForTest cluster = own_cluster(kPhi4);
  const Plan plan = cluster.plan();
  EXPECT_THAT(kinds_of(plan), ElementsAre("Workspace", "ControllerRevision", "Workspace", "Service",
                                          "Service", "StatefulSet"));
  const auto& finalizer = std::get<PatchObject>(plan.changes[0]);
  EXPECT_EQ(finalizer.patch["metadata"]["finalizers"].dump(),
            R"(["workspace.finalizer.kaito.sh"])");
  EXPECT_EQ(finalizer.patch["metadata"]["resourceVersion"], "1");
  const Json& revision = std::get<CreateObject>(plan.changes[1]).object;
  EXPECT_EQ(revision["data"]["inference"]["preset"]["name"], "phi-4");
  EXPECT_TRUE(revision["data"].contains("resource") && revision["data"]["tuning"].is_null());
  EXPECT_FALSE(plan.release);
}

TEST(PlanWorkspace, BecomesReadyAndSaysSo) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.step();
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_TRUE(cluster.is_true("ResourceReady"));
  EXPECT_EQ(cluster.condition("InferenceReady").reason, "WorkspaceInferenceStatusPending");
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_EQ(cluster.condition("InferenceReady").message,
            "Inference has been deployed successfully");
  EXPECT_EQ(cluster.condition("InferenceReady").reason, "WorkspaceInferenceStatusSuccess");
  EXPECT_EQ(cluster.condition("WorkspaceSucceeded").reason, "workspaceSucceeded");
  EXPECT_EQ(cluster.condition("NodesReady").message, "Enough Nodes are ready");
  EXPECT_EQ(cluster.condition("NodeClaimReady").type, "");
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], 1);
  EXPECT_EQ(cluster.workspace["status"]["workerNodes"].dump(), R"(["node-0"])");
  EXPECT_EQ(cluster.condition("InferenceReady").observed_generation, 1);
}

// The benchmark is optional: a model that serves is Ready, measured or not.
TEST(PlanWorkspace, ABenchmarkNeverHoldsUpReady) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.workspace["status"] = parse_for_test(R"({"conditions": [{"type": "BenchmarkCompleted",
      "status": "False", "reason": "BenchmarkFailed", "message": "no line"}]})");
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_EQ(cluster.condition("BenchmarkCompleted").reason, "BenchmarkFailed");
}

TEST(PlanWorkspace, ServingThatStopsIsNotReady) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  cluster.observed.stateful_set["status"]["readyReplicas"] = 0;
  cluster.step();
  EXPECT_EQ(cluster.state(), "NotReady");
  EXPECT_EQ(cluster.condition("InferenceReady").message,
            "Inference workload is not ready: 0 of 1 pods are ready");
  cluster.observed.pods = {failing_pod("ImagePullBackOff")};
  cluster.step();
  EXPECT_EQ(cluster.condition("InferenceReady").reason, "ImagePullError");
  EXPECT_THAT(cluster.condition("WorkspaceSucceeded").message, HasSubstr("ImagePullBackOff"));
}

// A roll-out of a set reads this condition: old pods must not pass for the new version.
TEST(PlanWorkspace, ReadyPodsOfTheOldVersionDoNotCount) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  cluster.workspace["inference"]["config"] = "other";
  cluster.workspace["metadata"]["generation"] = 2;
  cluster.step();
  EXPECT_FALSE(cluster.is_true("InferenceReady"));
  cluster.step();  // The StatefulSet is written; its controller has not seen it.
  EXPECT_FALSE(cluster.is_true("InferenceReady"));
  cluster.observed.stateful_set["status"]["observedGeneration"] = 2;
  cluster.observed.stateful_set["status"]["updatedReplicas"] = 0;
  cluster.step();
  EXPECT_FALSE(cluster.is_true("InferenceReady"));
  cluster.settle();
  EXPECT_TRUE(cluster.is_true("InferenceReady"));
  EXPECT_EQ(cluster.condition("InferenceReady").observed_generation, 2);
}

TEST(PlanWorkspace, WaitsForAWholeGang) {
  ClusterForTest cluster = own_cluster(kLlama, 2);
  EXPECT_EQ(cluster.plan().requeue_after, std::chrono::seconds(30));
  cluster.settle();
  EXPECT_TRUE(cluster.observed.stateful_set.is_null());
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], 3);
  EXPECT_THAT(cluster.condition("ResourceReady").message, HasSubstr("2 of 3 nodes"));
  EXPECT_THAT(cluster.condition("InferenceReady").message,
              testing::StartsWith("Inference workload is not ready: waiting for nodes"));
  cluster.observed.nodes.nodes.push_back(a_node("node-2"));
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_EQ(replicas_of(cluster), 3);
}

// --- Node count ----------------------------------------------------------------------------------

TEST(PlanWorkspace, CountIsAMinimumOnRequestOnly) {
  ClusterForTest cluster = own_cluster(kPhi4, 4);
  cluster.workspace["resource"]["count"] = 2;
  cluster.step();
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], 1);
  cluster.workspace["metadata"]["annotations"]["rage.dev/respect-count"] = "true";
  cluster.step();
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], 2);
}

TEST(PlanWorkspace, TransformersAndTemplatesUseCount) {
  ClusterForTest cluster = own_cluster(kPhi4, 4);
  cluster.workspace["resource"]["count"] = 2;
  cluster.workspace["metadata"]["annotations"]["kaito.sh/runtime"] = "transformers";
  cluster.step();
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], 2);
  cluster = own_cluster(R"({"inference": {"template": {"spec": {"containers": [
      {"name": "c", "image": "i"}]}}}})",
                        4);
  cluster.workspace["resource"]["count"] = 3;
  cluster.settle();
  EXPECT_EQ(replicas_of(cluster), 3);
}

// The original froze its first estimate; a longer context then never fitted.
TEST(PlanWorkspace, AChangedConfigIsEstimatedAnew) {
  ClusterForTest cluster =
      own_cluster(R"({"inference": {"preset": {"name": "phi-4"}, "config": "c"}})", 4);
  cluster.observed.config_hash = "one";
  cluster.settle();
  EXPECT_EQ(replicas_of(cluster), 1);
  cluster.observed.config_hash = "two";
  cluster.observed.max_model_len = 250'000;
  cluster.settle();
  EXPECT_GT(replicas_of(cluster), 1);
  EXPECT_EQ(cluster.workspace["status"]["targetNodeCount"], replicas_of(cluster));
}

// Taking a cluster over, or a better estimate in a new release, must not restart what serves.
TEST(PlanWorkspace, TheCountOfWhatServesIsKept) {
  ClusterForTest cluster = own_cluster(kPhi4, 2);
  cluster.settle();
  cluster.workspace["status"]["targetNodeCount"] = 2;
  cluster.observed.stateful_set["spec"]["replicas"] = 2;
  cluster.settle();
  EXPECT_EQ(replicas_of(cluster), 2);
  // But nobody else's scaling is.
  cluster.observed.stateful_set["spec"]["replicas"] = 0;
  cluster.settle();
  EXPECT_EQ(replicas_of(cluster), 2);
}

// --- What cannot be planned ----------------------------------------------------------------------

struct Obstacle {
  const char* name;
  const char* body;
  const char* resource_message;
  const char* inference_reason;
};

class Blocked : public ::testing::TestWithParam<Obstacle> {};

TEST_P(Blocked, IsACondition) {
  ClusterForTest cluster = own_cluster(GetParam().body);
  cluster.settle();
  EXPECT_EQ(cluster.condition("ResourceReady").reason, "workspaceResourceStatusNotReady");
  EXPECT_THAT(cluster.condition("ResourceReady").message, HasSubstr(GetParam().resource_message));
  EXPECT_EQ(cluster.condition("InferenceReady").reason, GetParam().inference_reason);
  EXPECT_EQ(cluster.condition("WorkspaceSucceeded").reason, "workspacePending");
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_TRUE(cluster.observed.stateful_set.is_null());
}

INSTANTIATE_TEST_SUITE_P(
    Obstacles, Blocked,
    ::testing::Values(Obstacle{"UnknownModel", R"({"inference": {"preset": {"name": "phi-44"}}})",
                               "model phi-44 is not known", "WorkspaceInferenceStatusFailed"},
                      Obstacle{"DeprecatedModel", R"({"inference": {"preset": {"name": "phi-2"}}})",
                               "no longer supported", "WorkspaceInferenceStatusFailed"},
                      Obstacle{"NotDescribed",
                               R"({"inference": {"preset": {"name": "some/model"}}})",
                               "not in the catalogue", "WorkspaceInferenceStatusPending"},
                      Obstacle{"Partition",
                               R"({"resource": {"partition": {"mode": "accelerator", "count": 2}},
                                  "inference": {"preset": {"name": "phi-4"}}})",
                               "partition.count asks for 2 GPUs, a node has 1",
                               "WorkspaceInferenceStatusPending"},
                      Obstacle{"MigTooSmall", R"({"resource": {"partition": {"mode": "mig",
                                                               "profile": "3g.40gb"}},
                                    "inference": {"preset": {"name": "llama-3.3-70b-instruct"}}})",
                               "", "WorkspaceInferenceStatusPending"},
                      Obstacle{"Neither", "{}", "neither inference nor tuning",
                               "WorkspaceInferenceStatusFailed"}),
    [](const auto& one) { return one.param.name; });

TEST(PlanWorkspace, UnknownInstanceTypesAreNamed) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settings.provisioner = Provisioner::kAzureGpu;
  cluster.workspace["resource"]["instanceType"] = "Standard_NX1";
  cluster.settle();
  EXPECT_THAT(cluster.condition("ResourceReady").message, HasSubstr("Standard_NX1"));
  EXPECT_THAT(cluster.observed.nodes.claims, IsEmpty());
}

TEST(PlanWorkspace, NodesWithoutLabelsAreExplained) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.observed.nodes.nodes[0].labels = NodeLabels(apis::StringMap{{"apps", "x"}});
  cluster.step();
  EXPECT_THAT(cluster.condition("ResourceReady").message,
              HasSubstr("the GPUs of node node-0 are not known"));
  cluster.observed.nodes.nodes[0].ready = false;
  cluster.step();
  EXPECT_THAT(cluster.condition("NodesReady").message, HasSubstr("node-0 is not ready"));
}

// Only time mends a hub that does not answer; a hub that describes the model does.
TEST(PlanWorkspace, AModelOfTheHubIsWaitedForThenServed) {
  ClusterForTest cluster = own_cluster(R"({"inference": {"preset": {"name": "some/model"}}})");
  cluster.observed.hub_error = Error{.code = ErrorCode::kUnavailable,
                                     .message = "huggingface.co: connection refused",
                                     .retry_after = std::chrono::seconds(45)};
  EXPECT_EQ(cluster.plan().requeue_after, std::chrono::seconds(45));
  cluster.step();
  EXPECT_THAT(cluster.condition("InferenceReady").message, HasSubstr("connection refused"));
  EXPECT_EQ(cluster.condition("InferenceReady").reason, "WorkspaceInferenceStatusPending");
  cluster.observed.hub_error->code = ErrorCode::kPermissionDenied;
  cluster.step();
  EXPECT_EQ(cluster.condition("InferenceReady").reason, "WorkspaceInferenceStatusFailed");
  cluster.observed.hub_error.reset();
  cluster.observed.hub_model = *catalog::find_model("phi-4");
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  // What serves goes on serving when the hub is away.
  cluster.observed.hub_model.reset();
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
}

std::string command_of(const ClusterForTest& cluster) {
  return codec::render_json(
      cluster.observed.stateful_set["spec"]["template"]["spec"]["containers"][0]["command"]);
}

// Its owner may upload something else tomorrow: replicas made then must be the same.
TEST(PlanWorkspace, AModelOfTheHubIsPinned) {
  const std::string commit(40, 'c');
  ClusterForTest cluster = own_cluster(R"({"inference": {"preset": {"name": "some/model"}}})");
  cluster.observed.hub_model = *catalog::find_model("phi-4");
  cluster.observed.hub_commit = commit;
  cluster.settle();
  EXPECT_EQ(cluster.parsed().meta.annotation(kModelRevision), commit);
  EXPECT_THAT(command_of(cluster),
              HasSubstr("--revision=" + commit + " --code-revision=" + commit));
  cluster.observed.hub_commit = std::string(40, 'd');
  cluster.settle();
  EXPECT_THAT(command_of(cluster), HasSubstr("--revision=" + commit));
}

// Pods taken over from another operator serve without a pin, and go on.
TEST(PlanWorkspace, AModelThatRunsUnpinnedIsNotRestarted) {
  ClusterForTest cluster = own_cluster(R"({"inference": {"preset": {"name": "some/model"}}})");
  cluster.observed.hub_model = *catalog::find_model("phi-4");
  cluster.settle();
  const std::string before = command_of(cluster);
  cluster.observed.hub_commit = std::string(40, 'c');
  cluster.settle();
  EXPECT_EQ(command_of(cluster), before);
  EXPECT_EQ(cluster.parsed().meta.annotation(kModelRevision), "");
}

// The pod would fail for half an hour and say 401 in its log.
TEST(PlanWorkspace, AGatedModelWithoutASecretSaysWhatToDo) {
  ClusterForTest cluster =
      own_cluster(R"({"inference": {"preset": {"name": "meta-llama/Llama-3.1-8B-Instruct"}}})");
  cluster.step();
  EXPECT_THAT(cluster.condition("InferenceReady").message,
              HasSubstr("is gated: accept its licence and set presetOptions.modelAccessSecret"));
  cluster.workspace["inference"]["preset"]["presetOptions"]["modelAccessSecret"] = "hf";
  cluster.step();
  EXPECT_THAT(cluster.condition("InferenceReady").message, testing::Not(HasSubstr("gated")));
}

TEST(PlanWorkspace, ALostNodeIsReportedWhateverElseIsUnknown) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  cluster.observed.nodes.nodes[0].ready = false;
  cluster.settle();
  EXPECT_EQ(cluster.state(), "NotReady");
  EXPECT_EQ(cluster.condition("NodesReady").reason, "NodeNotReady");
  EXPECT_THAT(cluster.condition("NodesReady").message, HasSubstr("node-0 is not ready"));
  EXPECT_FALSE(cluster.observed.stateful_set.is_null());
}

// --- Children ------------------------------------------------------------------------------------

// A release of the operator must not restart every model in the cluster.
TEST(PlanWorkspace, ANewBaseImageWaitsForItsLabel) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  const std::string old_image = image_of(cluster);
  cluster.settings.base_image_tag = "0.6.0";
  cluster.settle();
  EXPECT_EQ(image_of(cluster), old_image);
  cluster.workspace["status"]["performance"] = parse_for_test(
      R"({"metrics": {"peakTokensPerMinute": {"description": "d", "value": "1", "unit": "u"}}})");
  cluster.settle();
  EXPECT_TRUE(cluster.workspace["status"].contains("performance"));
  cluster.workspace["metadata"]["labels"]["kaito.sh/upgrade-to-version"] = "0.6.0";
  cluster.settle();
  EXPECT_THAT(image_of(cluster), HasSubstr("0.6.0"));
  EXPECT_FALSE(cluster.workspace["status"].contains("performance"));
}

TEST(PlanWorkspace, DriftIsRepaired) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  cluster.observed.service["spec"]["type"] = "NodePort";
  cluster.observed.stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = "evil";
  cluster.settle();
  EXPECT_EQ(cluster.observed.service["spec"]["type"], "ClusterIP");
  EXPECT_THAT(image_of(cluster), Not(HasSubstr("evil")));
}

// Deleted and created again under the same name: the API server refuses a second controller.
TEST(PlanWorkspace, LeftoversOfANamesakeAreWaitedFor) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  cluster.workspace = a_workspace(kPhi4);
  cluster.workspace["metadata"]["uid"] = "uid-2";
  cluster.observed.revision_documents.clear();
  const Plan plan = cluster.plan();
  EXPECT_THAT(kinds_of(plan), ElementsAre("Workspace", "ControllerRevision", "Workspace"));
  EXPECT_EQ(plan.requeue_after, std::chrono::seconds(5));
  cluster.observed.stateful_set = cluster.observed.service = cluster.observed.headless_service =
      Json();
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
}

// --- Provisioned ---------------------------------------------------------------------------------

TEST(PlanWorkspace, OrdersMachinesThenPinsPodsToThem) {
  ClusterForTest cluster = own_cluster(kLlama, 0);
  cluster.settings.provisioner = Provisioner::kAzureGpu;
  cluster.workspace["resource"]["instanceType"] = "Standard_NC24ads_A100_v4";
  cluster.step();
  EXPECT_EQ(cluster.observed.nodes.claims.size(), 3U);
  EXPECT_EQ(cluster.condition("NodeClaimReady").reason, "NodeClaimNotReady");
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_EQ(cluster.condition("NodeClaimReady").reason, "NodeClaimsReady");
  EXPECT_EQ(cluster.events.size(), 3U);
  const std::string pod = cluster.observed.stateful_set["spec"]["template"].dump();
  EXPECT_THAT(pod, HasSubstr("kaito.sh/workspacenamespace"));
  EXPECT_THAT(pod, HasSubstr(R"("apps")"));
}

// --- Tuning --------------------------------------------------------------------------------------

struct JobRow {
  const char* status;
  const char* state;
  const char* reason;
  const char* outcome;
};

TEST(PlanWorkspace, TuningStates) {
  for (const JobRow& row : {
           JobRow{"{}", "Pending", "WorkspaceTuningJobStatusPending", "workspacePending"},
           JobRow{R"({"active": 1})", "Running", "WorkspaceTuningJobStatusStarted",
                  "workspacePending"},
           JobRow{R"({"ready": 1})", "Running", "WorkspaceTuningJobStatusStarted",
                  "workspacePending"},
           JobRow{R"({"failed": 1, "active": 1})", "Failed", "WorkspaceTuningJobStatusFailed",
                  "workspaceFailed"},
           JobRow{R"({"conditions": [{"type": "Failed", "status": "True"}]})", "Failed",
                  "WorkspaceTuningJobStatusFailed", "workspaceFailed"},
           JobRow{R"({"succeeded": 1})", "Succeeded", "WorkspaceTuningJobStatusStarted",
                  "workspaceSucceeded"},
           JobRow{R"({"failed": 1, "succeeded": 1})", "Succeeded",
                  "WorkspaceTuningJobStatusStarted", "workspaceSucceeded"},
       }) {
    SCOPED_TRACE(row.status);
    ClusterForTest cluster = own_cluster(kTuning);
    cluster.step();
    ASSERT_TRUE(cluster.observed.tuning_job.is_object());
    cluster.observed.tuning_job["status"] = parse_for_test(row.status);
    cluster.step();
    EXPECT_EQ(cluster.state(), row.state);
    EXPECT_EQ(cluster.condition("JobStarted").reason, row.reason);
    EXPECT_EQ(cluster.condition("WorkspaceSucceeded").reason, row.outcome);
    EXPECT_EQ(cluster.condition("InferenceReady").type, "");
  }
}

// Without its ConfigMap beside it the pod would wait for ever; the copy is made once.
TEST(PlanWorkspace, TuningWithoutConfigCopiesTheTemplate) {
  ClusterForTest cluster = own_cluster(kTuning);
  cluster.observed.tuning_template = Json();
  cluster.step();
  EXPECT_FALSE(cluster.observed.tuning_job.is_object());
  EXPECT_THAT(cluster.workspace["status"].dump(),
              HasSubstr("kaito-workspace/qlora-params-template with key training_config.yaml"));
  cluster.observed.tuning_template["data"] = {{"training_config.yaml", "training_config: {}"}};
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Succeeded");
  const Json& copy = cluster.observed.tuning_config;
  EXPECT_EQ(copy["metadata"]["name"], "qlora-params-template");
  EXPECT_EQ(copy["data"], cluster.observed.tuning_template["data"]);
  EXPECT_FALSE(copy["metadata"].contains("ownerReferences"));
}

// A new training starts only when the pods of the old one have let go of their GPUs.
TEST(PlanWorkspace, AChangedTuningReplacesItsJob) {
  ClusterForTest cluster = own_cluster(kTuning);
  cluster.settle();
  cluster.workspace["tuning"]["input"]["urls"] = {"https://example.com/other"};
  const Plan plan = cluster.plan();
  ASSERT_TRUE(std::holds_alternative<DeleteObject>(plan.changes.back()));
  EXPECT_EQ(std::get<DeleteObject>(plan.changes.back()).propagation,
            kube::Propagation::kForeground);
  EXPECT_EQ(codec::string_or(plan.status, "state", ""), "Pending");

  cluster.observed.tuning_job["metadata"]["deletionTimestamp"] = kTestNow;
  cluster.step();
  EXPECT_THAT(kinds_of(cluster.plan()), IsEmpty());
  cluster.observed.tuning_job = Json();
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Succeeded");
  EXPECT_THAT(cluster.observed.tuning_job.dump(), HasSubstr("example.com/other"));
}

// --- Deletion ------------------------------------------------------------------------------------

TEST(PlanWorkspace, DeletionReleasesMachinesAndItself) {
  ClusterForTest cluster = own_cluster(kPhi4, 0);
  cluster.settings.provisioner = Provisioner::kAzureGpu;
  cluster.workspace["resource"]["instanceType"] = "Standard_NC24ads_A100_v4";
  cluster.settle();
  cluster.workspace["metadata"]["deletionTimestamp"] = kTestNow;
  const Plan plan = cluster.plan();
  EXPECT_THAT(kinds_of(plan), ElementsAre("NodeClaim"));
  EXPECT_TRUE(plan.release);
  cluster.step();
  EXPECT_EQ(cluster.condition("WorkspaceDeleting").reason, "workspaceDeleted");

  // Somebody else's finalizer holds it: ours is gone, nothing is left to do.
  cluster.workspace["metadata"]["finalizers"] = {"other"};
  EXPECT_FALSE(cluster.plan().release);
  EXPECT_THAT(cluster.plan().changes, IsEmpty());
}

TEST(PlanWorkspace, FinalizersOfOthersStay) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.workspace["metadata"]["finalizers"] = {"other"};
  cluster.step();
  EXPECT_EQ(cluster.workspace["metadata"]["finalizers"].dump(),
            R"(["other","workspace.finalizer.kaito.sh"])");
}

TEST(PlanWorkspace, AnErrorOfThePassBeforeIsNotCarriedOn) {
  ClusterForTest cluster = own_cluster(kPhi4);
  cluster.settle();
  const std::string clean = codec::render_json(cluster.workspace["status"]);
  for (Json& condition : cluster.workspace["status"]["conditions"]) {
    condition["message"] =
        condition["message"].get<std::string>() + " (last reconcile error: conflict)";
  }
  EXPECT_EQ(codec::render_json(cluster.plan().status), clean);
}

}  // namespace
}  // namespace rage::op
