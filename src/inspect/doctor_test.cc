#include "inspect/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspect/world_for_test.h"

namespace rage::inspect {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// Each test breaks one thing; the first finding has to be its cause.
class DoctorTest : public testing::Test {
 protected:
  Json& first(const char* kind) { return world_.documents[kind].front(); }
  Json& container() { return first("Pod")["status"]["containerStatuses"][0]; }
  // The workspace and its pod do not work, for whatever reason.
  void break_workspace() {
    set_condition(first("Workspace"), "ResourceReady", "False", "NotReady", "not ready");
    set_condition(first("Workspace"), "WorkspaceSucceeded", "False", "workspacePending",
                  "workspace is not ready: pods are not ready");
  }
  void break_pod() {
    break_workspace();
    set_condition(first("Pod"), "Ready", "False", "ContainersNotReady", "");
    container()["ready"] = false;
  }
  void no_pods() {
    break_workspace();
    world_.documents["Pod"].clear();
    world_.documents["StatefulSet"].clear();
  }
  Diagnosis diagnosis(const char* kind = "Workspace") {
    std::vector<const Json*> subjects;
    for (const Json& object : world_.documents[kind]) subjects.push_back(&object);
    return diagnose(world_, subjects, kNow);
  }
  // "cause: what" of each error.
  std::vector<std::string> errors(const char* kind = "Workspace") {
    std::vector<std::string> lines;
    for (const Finding& finding : diagnosis(kind).findings) {
      if (finding.severity != Severity::kError) continue;
      EXPECT_FALSE(finding.todo.empty()) << finding.what;  // Every finding says what to do.
      lines.push_back(
          fmt::format("{}: {}: {}", name_of(finding.cause), finding.object, finding.what));
    }
    return lines;
  }
  Finding only(const char* kind = "Workspace") {
    const Diagnosis found = diagnosis(kind);
    EXPECT_EQ(found.findings.size(), 1U) << render_diagnosis(found, Colour::kNever);
    return found.findings.empty() ? Finding{} : found.findings.front();
  }

  World world_ = a_world();
};

TEST_F(DoctorTest, SaysThatAllIsWellAndWhatThatMeans) {
  EXPECT_TRUE(diagnosis().well());
  EXPECT_EQ(render_diagnosis(diagnosis(), Colour::kNever),
            "all well (1 Pod, 1 Workspace, 1 Node, CRDs, the operator, webhooks)\n");
}

TEST_F(DoctorTest, CrdsAreMissing) {
  world_.documents["CustomResourceDefinition"].clear();
  EXPECT_THAT(errors(), UnorderedElementsAre(
                            HasSubstr("inferencesets.kaito.sh"), HasSubstr("ragengines.kaito.sh"),
                            HasSubstr("crds: CustomResourceDefinition workspaces.kaito.sh: "
                                      "is not installed")));
}

TEST_F(DoctorTest, CrdsAreOfAnotherVersion) {
  for (Json& definition : world_.documents["CustomResourceDefinition"]) {
    if (definition["metadata"]["name"] == "workspaces.kaito.sh") {
      definition["spec"]["versions"][0]["name"] = "v1alpha1";
    }
  }
  EXPECT_EQ(only().what, "is of another version: the operator needs v1beta1");
  EXPECT_THAT(only().evidence, ElementsAre("it serves v1alpha1"));
}

TEST_F(DoctorTest, TheOperatorsLeaseIsStale) {
  first("Lease")["spec"]["renewTime"] = "2026-01-01T00:50:00.000000Z";
  EXPECT_EQ(only().cause, Cause::kOperator);
  EXPECT_THAT(only().evidence,
              ElementsAre("Lease default/ef60f9b0.io of operator-1 was renewed 10m ago"));
}

TEST_F(DoctorTest, NobodyReconciles) {
  world_.documents["Lease"].clear();
  EXPECT_TRUE(diagnosis().well());  // A single replica has no Lease.
  first("Workspace").erase("status");
  EXPECT_EQ(only().cause, Cause::kOperator);
  EXPECT_THAT(only().evidence, ElementsAre("Workspace default/phi is 60m old and has no status"));
}

TEST_F(DoctorTest, TheOperatorsPodsAreNotReady) {
  world_.documents["Lease"].clear();
  Json pod = a_gpu_pod("rage-operator-1", "gpu-0", 0);
  pod["spec"]["containers"][0]["args"] = {"operator"};
  set_condition(pod, "Ready", "False", "", "");
  world_.documents["Pod"].push_back(pod);
  EXPECT_EQ(only().what, "the operator's pods are not ready");
}

TEST_F(DoctorTest, TheWebhookPointsNowhere) {
  Json configuration = an_object("admissionregistration.k8s.io/v1",
                                 "ValidatingWebhookConfiguration", "validation.workspace.kaito.sh");
  configuration["metadata"].erase("namespace");
  configuration["webhooks"] = Json::array(
      {{{"name", "validation.workspace.kaito.sh"},
        {"clientConfig",
         {{"caBundle", "x"}, {"service", {{"namespace", "kaito"}, {"name", "webhook"}}}}},
        {"rules", Json::array({{{"apiGroups", {"kaito.sh"}}}})}}});
  world_.documents["ValidatingWebhookConfiguration"] = {configuration};
  world_.named[{.kind = "Service", .key = {"kaito", "webhook"}, .field = "x"}] = std::nullopt;
  EXPECT_EQ(only().what, "admission goes to nobody: there is no Service kaito/webhook");
  EXPECT_EQ(only().cause, Cause::kWebhook);
  // There, but nobody answers.
  world_.named.clear();
  Json service = an_object("v1", "Service", "webhook");
  service["metadata"]["namespace"] = "kaito";
  service["spec"]["selector"] = {{"app", "operator"}};
  world_.documents["Service"] = {service};
  EXPECT_EQ(only().what,
            "admission goes to nobody: no pod behind the Service kaito/webhook is ready");
}

TEST_F(DoctorTest, ASecretIsMissingOrLacksItsKey) {
  break_workspace();
  first("Workspace")["inference"]["preset"]["presetOptions"]["modelAccessSecret"] = "hf";
  const Reference secret = references_of(first("Workspace")).front();
  world_.named[secret] = std::nullopt;
  EXPECT_EQ(only().what, "Secret default/hf does not exist");
  EXPECT_THAT(only().todo, ElementsAre("kubectl -n default create secret generic hf "
                                       "--from-literal=HF_TOKEN=VALUE"));
  world_.named[secret] = std::set<std::string>{"TOKEN"};
  EXPECT_EQ(only().what, "Secret default/hf has no key HF_TOKEN");
  EXPECT_THAT(only().evidence, Contains("it has TOKEN"));
}

TEST_F(DoctorTest, AGatedModelHasNoToken) {
  break_workspace();
  first("Workspace")["inference"]["preset"]["name"] = "llama-3.1-8b-instruct";
  EXPECT_THAT(errors(), Contains(HasSubstr("gated-model: Workspace default/phi: "
                                           "llama-3.1-8b-instruct is gated")));
}

TEST_F(DoctorTest, TheInferenceServiceIsNotThere) {
  Json engine = an_object("kaito.sh/v1beta1", "RAGEngine", "handbook");
  engine["spec"] = {{"inferenceService", {{"url", "http://phi.models/v1/chat/completions"}}}};
  set_condition(engine, "ServiceReady", "True", "", "");
  world_.documents["RAGEngine"] = {engine};
  const Reference service = references_of(engine).front();
  EXPECT_EQ(service.key.str(), "models/phi");
  world_.named[service] = std::nullopt;
  EXPECT_EQ(only("RAGEngine").what, "Service models/phi does not exist");
  EXPECT_THAT(only("RAGEngine").evidence, ElementsAre("named by .spec.inferenceService.url"));
}

TEST_F(DoctorTest, NoNodeHasTheLabels) {
  no_pods();
  first("Node")["metadata"]["labels"]["apps"] = "other";
  EXPECT_THAT(errors(), ElementsAre("nodes: Workspace default/phi: 0 of the 1 node needed have the "
                                    "label apps=phi"));
  EXPECT_THAT(only().todo, ElementsAre("kubectl label node gpu-0 apps=phi"));
  EXPECT_THAT(only().evidence, ElementsAre("these would do: gpu-0"));
}

// The node's label is the cause, the pod without a node what it causes: that order.
TEST_F(DoctorTest, CausesComeBeforeSymptoms) {
  break_pod();
  first("Node")["metadata"]["labels"]["apps"] = "other";
  first("Pod")["spec"].erase("nodeName");
  first("Pod")["status"].erase("containerStatuses");
  set_condition(first("Pod"), "PodScheduled", "False", "Unschedulable",
                "0/1 nodes are available: 1 node(s) didn't match");
  EXPECT_THAT(errors(), ElementsAre(HasSubstr("nodes: "), HasSubstr("scheduling: Pod")));
}

TEST_F(DoctorTest, NodesAreNotReadyCordonedOrTainted) {
  const auto evidence = [&] {
    for (const Finding& finding : diagnosis().findings) {
      if (finding.cause == Cause::kNodes) return finding.evidence.front();
    }
    return std::string();
  };
  no_pods();
  set_condition(first("Node"), "Ready", "Unknown", "NodeStatusUnknown", "");
  EXPECT_EQ(evidence(), "gpu-0 is not ready: NodeStatusUnknown");
  set_condition(first("Node"), "Ready", "True", "", "");
  first("Node")["spec"]["unschedulable"] = true;
  EXPECT_EQ(evidence(), "gpu-0 is cordoned");
  world_ = a_world();
  break_pod();
  first("Pod")["spec"].erase("nodeName");
  first("Node")["spec"]["taints"] =
      Json::array({{{"key", "sku"}, {"value", "gpu"}, {"effect", "NoSchedule"}},
                   {{"key", "team"}, {"value", "b"}, {"effect", "NoSchedule"}}});
  EXPECT_EQ(evidence(), "gpu-0 has the taint team=b:NoSchedule");
}

TEST_F(DoctorTest, OthersHoldTheGpus) {
  no_pods();
  world_.documents["Pod"] = {a_gpu_pod("other-0", "gpu-0", 1)};
  EXPECT_EQ(only().cause, Cause::kGpus);
  EXPECT_THAT(only().evidence, ElementsAre("gpu-0: 1 of 1 GPUs are held: default/other-0 holds 1"));
}

TEST_F(DoctorTest, ANodeShowsNoGpus) {
  no_pods();
  first("Node")["status"]["allocatable"].erase("nvidia.com/gpu");
  EXPECT_EQ(only().cause, Cause::kGpus);
  EXPECT_THAT(only().evidence, ElementsAre("gpu-0 shows 0 of the 1 GPUs that a pod needs"));
  // On CPUs that is fine.
  first("Workspace")["metadata"]["annotations"]["kaito.sh/runtime"] = "llamacpp";
  EXPECT_EQ(only().cause, Cause::kCondition);
}

TEST_F(DoctorTest, AMachineIsNotLaunched) {
  no_pods();
  first("Workspace")["resource"]["instanceType"] = "Standard_NC24ads_A100_v4";
  Json claim = an_object("karpenter.sh/v1", "NodeClaim", "ws123");
  claim["metadata"].erase("namespace");
  claim["metadata"]["labels"] = {{"kaito.sh/workspace", "phi"},
                                 {"kaito.sh/workspacenamespace", "default"}};
  set_condition(claim, "Launched", "False", "InsufficientCapacity", "no capacity in this zone");
  world_.documents["NodeClaim"] = {claim};
  EXPECT_THAT(errors(), Contains("node-claim: NodeClaim ws123: the machine is not launched: no "
                                 "capacity in this zone"));
}

TEST_F(DoctorTest, AQuotaIsExceeded) {
  no_pods();
  Json set = an_object("apps/v1", "StatefulSet", "phi");
  own(first("Workspace"), set);
  world_.documents["StatefulSet"] = {set};
  world_.documents["Event"] = {
      an_event(set, "FailedCreate", "pods \"phi-0\" is forbidden: exceeded quota: gpus")};
  Json quota = an_object("v1", "ResourceQuota", "gpus");
  quota["status"] = {{"hard", {{"requests.nvidia.com/gpu", "1"}}},
                     {"used", {{"requests.nvidia.com/gpu", "1"}}}};
  world_.documents["ResourceQuota"] = {quota};
  EXPECT_EQ(only().cause, Cause::kQuota);
  EXPECT_THAT(only().evidence, Contains("requests.nvidia.com/gpu is used up: 1 of 1"));
}

TEST_F(DoctorTest, AClaimIsNotBound) {
  break_pod();
  first("Pod")["spec"]["volumes"] =
      Json::array({{{"name", "v"}, {"persistentVolumeClaim", {{"claimName", "weights"}}}}});
  EXPECT_THAT(errors(), Contains("volume: PersistentVolumeClaim default/weights: does not exist"));
  Json claim = an_object("v1", "PersistentVolumeClaim", "weights");
  claim["spec"]["storageClassName"] = "fast";
  claim["status"]["phase"] = "Pending";
  world_.documents["PersistentVolumeClaim"] = {claim};
  EXPECT_THAT(errors(), Contains("volume: PersistentVolumeClaim default/weights: is Pending: there "
                                 "is no StorageClass fast"));
  Json storage = an_object("storage.k8s.io/v1", "StorageClass", "fast");
  storage["metadata"].erase("namespace");
  storage["volumeBindingMode"] = "WaitForFirstConsumer";
  world_.documents["StorageClass"] = {storage};
  EXPECT_THAT(errors(), Not(Contains(HasSubstr("volume:"))));  // It waits for its pod.
  world_.documents["Event"] = {an_event(claim, "ProvisioningFailed", "disk quota")};
  EXPECT_THAT(errors(), Contains(HasSubstr("is Pending: disk quota")));
}

// What a container's status says, and the cause that it is.
TEST_F(DoctorTest, ContainersFail) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {R"({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}})",
       "image: Pod default/phi-0: container model cannot get its image registry/model:1"},
      {R"({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\""}})",
       "start: Pod default/phi-0: container model cannot be started"},
      {R"({"terminated": {"reason": "OOMKilled", "exitCode": 137}})",
       "memory: Pod default/phi-0: container model ran out of memory and was killed"},
      {R"({"waiting": {"reason": "CrashLoopBackOff"}})",
       "crash: Pod default/phi-0: container model keeps ending: 0 restarts"},
      {R"({"terminated": {"reason": "Error", "exitCode": 2}})",
       "crash: Pod default/phi-0: container model ended with a failure"},
  };
  for (const auto& [state, wanted] : table) {
    world_ = a_world();
    break_pod();
    container()["state"] = json_of(state);
    EXPECT_THAT(errors(), ElementsAre(wanted)) << state;
  }
}

TEST_F(DoctorTest, ACrashShowsItsLastLinesWithoutControlCharacters) {
  break_pod();
  container()["state"] = json_of(R"({"waiting": {"reason": "CrashLoopBackOff"}})");
  container()["lastState"] = json_of(R"({"terminated": {"exitCode": 1}})");
  world_.logs["default/phi-0/model"] = "loading\n\x1b[31mRuntimeError: no CUDA\n";
  EXPECT_THAT(only().evidence, ElementsAre("the last exit code was 1", "log: loading",
                                           "log: [31mRuntimeError: no CUDA"));
  EXPECT_THAT(only().todo, ElementsAre("rage logs -n default pod/phi-0 -c model --previous"));
}

TEST_F(DoctorTest, AProbeFails) {
  break_pod();
  container()["started"] = false;
  EXPECT_EQ(diagnosis().findings.back().severity, Severity::kWarning);  // It may be loading.
  world_.documents["Event"] = {
      an_event(first("Pod"), "Unhealthy", "Startup probe failed: connection refused")};
  EXPECT_EQ(only().what, "container model runs since 50m and does not pass its startup probe");
  EXPECT_THAT(only().evidence, ElementsAre("Startup probe failed: connection refused"));
}

TEST_F(DoctorTest, AServingPodThatWasKilledBeforeIsAWarning) {
  container()["lastState"] = json_of(R"({"terminated": {"reason": "OOMKilled", "exitCode": 137}})");
  EXPECT_EQ(only().severity, Severity::kWarning);
  EXPECT_TRUE(diagnosis().well());
}

TEST_F(DoctorTest, ARollOutStopped) {
  Json set = an_object("kaito.sh/v1beta1", "InferenceSet", "phis");
  set_condition(set, "InferenceSetReady", "True", "", "");
  set_condition(set, "RolloutProgressing", "False", "RolloutStalled", "replica phi fails");
  world_.documents["InferenceSet"] = {set};
  EXPECT_EQ(only("InferenceSet").cause, Cause::kRollout);
  EXPECT_THAT(only("InferenceSet").evidence, ElementsAre("replica phi fails"));
}

TEST_F(DoctorTest, AFinalizerHoldsADeletionUp) {
  break_workspace();
  first("Workspace")["metadata"]["deletionTimestamp"] = "2026-01-01T00:58:00Z";
  first("Workspace")["metadata"]["finalizers"] = {"workspace.finalizer.kaito.sh"};
  EXPECT_EQ(only().what, "is being deleted since 2m and waits for workspace.finalizer.kaito.sh");
  EXPECT_THAT(only().evidence, ElementsAre("still there: StatefulSet default/phi"));
}

TEST_F(DoctorTest, WithNothingBetterItQuotesTheCondition) {
  break_workspace();
  EXPECT_EQ(only().what, "is not ready: workspace is not ready: pods are not ready");
  EXPECT_EQ(only().cause, Cause::kCondition);
}

TEST_F(DoctorTest, AnIndexersEngineIsNotThere) {
  Json indexer = an_object("kaito.sh/v1alpha1", "AutoIndexer", "docs");
  indexer["spec"]["ragEngine"] = "handbook";
  set_condition(indexer, "Ready", "False", "", "");
  world_.documents["AutoIndexer"] = {indexer};
  EXPECT_EQ(only("AutoIndexer").what, "RAGEngine default/handbook does not exist");
}

// What may not be read is not called well.
TEST_F(DoctorTest, SaysWhatItCouldNotSee) {
  world_.documents.erase("Node");
  world_.unseen["nodes"] = "forbidden";
  EXPECT_EQ(render_diagnosis(diagnosis(), Colour::kNever),
            "all well (1 Pod, 1 Workspace, CRDs, the operator, webhooks)\n"
            "not checked, nodes: forbidden\n");
  EXPECT_EQ(diagnosis_json(diagnosis())["unseen"][0], "nodes: forbidden");
}

TEST_F(DoctorTest, FitsAScreen) {
  no_pods();
  world_.documents["Pod"] = {a_gpu_pod("other-0", "gpu-0", 1)};
  EXPECT_EQ(render_diagnosis(diagnosis(), Colour::kNever),
            "1. error [gpus] Workspace default/phi\n"
            "   the GPUs of matching nodes are in use; 0 of the 1 nodes needed can be used\n"
            "   - gpu-0: 1 of 1 GPUs are held: default/other-0 holds 1\n"
            "   -> delete or scale down a holder, or label another node: kubectl label node NAME "
            "apps=phi\n"
            "checked: 1 Workspace, 1 Node, CRDs, the operator, webhooks\n");
  EXPECT_THAT(render_diagnosis(diagnosis(), Colour::kTerminal), HasSubstr("\x1b[31merror"));
}

}  // namespace
}  // namespace rage::inspect
