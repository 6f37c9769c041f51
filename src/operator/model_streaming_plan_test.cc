#include "operator/model_streaming_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/workspace_cluster_for_test.h"

namespace rage::op {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

ClusterForTest a_cluster() {
  ClusterForTest cluster;
  cluster.settings.provisioner = Provisioner::kByo;
  cluster.settings.model_mirror = cluster.settings.model_streaming = true;
  cluster.settings.mirror_storage_class = "nfs";
  cluster.workspace = a_workspace(R"({"inference": {"preset": {"name": "Phi-4"}}})");
  cluster.observed.nodes.nodes = {a_node("node-0")};
  cluster.observed.streaming.storage_class = parse_for_test(R"({"provisioner": "nfs.csi.k8s.io"})");
  return cluster;
}

Json a_mirror(const std::string& name, const char* status = R"({"phase": "Ready",
    "conditions": [{"type": "Ready", "status": "True", "reason": "ModelMirrorReady"}]})") {
  Json mirror = parse_for_test(R"({"spec": {"source": {"modelID": "Microsoft/phi-4"},
      "storage": {"size": "1Gi", "storageClassName": "nfs"}, "jobNamespace": "default"}})");
  mirror["metadata"]["name"] = name;
  mirror["status"] = parse_for_test(status);
  return mirror;
}

ObservedMirror in_a_claim(Json mirror) {
  return {.mirror = std::move(mirror),
          .claim = {},
          .volume = {},
          .storage_class = parse_for_test(R"({"provisioner": "nfs.csi.k8s.io"})")};
}

const CreateObject* created_mirror(const Plan& plan) {
  for (const Change& change : plan.changes) {
    const auto* create = std::get_if<CreateObject>(&change);
    if (create != nullptr && create->type.kind == "ModelMirror") return create;
  }
  return nullptr;
}

std::string streaming_command(const ClusterForTest& cluster) {
  return cluster.observed.stateful_set["spec"]["template"]["spec"]["containers"][0]["command"]
      .dump();
}

TEST(PlanStreaming, MakesAMirrorAndWaitsForItBeforeNodes) {
  ClusterForTest cluster = a_cluster();
  const Plan plan = cluster.plan();
  const CreateObject* mirror = created_mirror(plan);
  ASSERT_NE(mirror, nullptr);
  EXPECT_EQ(mirror->object["metadata"]["name"], mirror_name("microsoft/phi-4", "default"));
  EXPECT_EQ(mirror->object["spec"]["source"]["modelID"], "microsoft/phi-4");
  EXPECT_EQ(mirror->object["spec"]["jobNamespace"], "default");
  EXPECT_EQ(mirror->object["spec"]["storage"]["storageClassName"], "nfs");
  cluster.workspace["status"] = plan.status;
  EXPECT_EQ(cluster.condition("ModelMirrorReady").reason, "ModelMirrorPending");
  EXPECT_EQ(cluster.condition("ResourceReady").reason, "ModelMirrorNotReady");
  EXPECT_EQ(cluster.condition("ResourceReady").message, "Model download in progress");
  EXPECT_EQ(cluster.condition("NodesReady").type, "");
  EXPECT_EQ(cluster.state(), "Pending");
}

TEST(PlanStreaming, SaysWhyTheDownloadFails) {
  ClusterForTest cluster = a_cluster();
  cluster.observed.streaming.mirrors = {in_a_claim(a_mirror("mine", R"({"failureMessage": "gated",
      "conditions": [{"type": "Ready", "status": "False", "reason": "DownloadFailed"}]})"))};
  cluster.step();
  EXPECT_EQ(cluster.condition("ModelMirrorReady").reason, "DownloadFailed");
  EXPECT_EQ(cluster.condition("ModelMirrorReady").message, "gated");
  EXPECT_EQ(cluster.condition("ResourceReady").message, "gated");
}

// Any name and spelling will do: upstream's are six hex digits of the id as somebody wrote it.
TEST(PlanStreaming, ServesFromAMountedClaim) {
  ClusterForTest cluster = a_cluster();
  cluster.observed.streaming.mirrors = {in_a_claim(a_mirror("3fa2b1"))};
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_TRUE(cluster.is_true("ModelMirrorReady"));
  EXPECT_TRUE(cluster.is_true("ResourceReady"));
  EXPECT_THAT(streaming_command(cluster), HasSubstr("--model=/models/Microsoft/phi-4"));
  EXPECT_THAT(streaming_command(cluster), Not(HasSubstr("download-dir")));
  const Json& pod = cluster.observed.stateful_set["spec"]["template"]["spec"];
  EXPECT_THAT(pod["volumes"].dump(),
              HasSubstr(R"("persistentVolumeClaim":{"claimName":"3fa2b1","readOnly":true})"));
  EXPECT_THAT(pod["containers"][0]["volumeMounts"].dump(),
              HasSubstr(R"({"name":"model-mirror","mountPath":"/models","readOnly":true})"));
  EXPECT_THAT(pod["volumes"].dump(), Not(HasSubstr("model-weights-volume")));
  EXPECT_THAT(cluster.plan().changes, IsEmpty());
}

TEST(PlanStreaming, AClaimElsewhereCannotBeMounted) {
  ClusterForTest cluster = a_cluster();
  Json other = a_mirror("other");
  other["spec"]["jobNamespace"] = "elsewhere";
  cluster.observed.streaming.mirrors = {in_a_claim(other)};
  EXPECT_NE(created_mirror(cluster.plan()), nullptr);
}

// Switching the gate on must not restart what serves.
TEST(PlanStreaming, WhatRunsKeepsItsWay) {
  ClusterForTest cluster = a_cluster();
  cluster.settings.model_streaming = false;
  cluster.settle();
  EXPECT_THAT(streaming_command(cluster), HasSubstr("download-dir"));
  cluster.settings.model_streaming = true;
  EXPECT_THAT(cluster.plan().changes, IsEmpty());
  EXPECT_EQ(cluster.state(), "Ready");
}

// A server has its weights in memory: it goes on, and the status says what a restart would meet.
TEST(PlanStreaming, AMirrorThatVanishesLeavesServersAlone) {
  ClusterForTest cluster = a_cluster();
  cluster.observed.streaming.mirrors = {in_a_claim(a_mirror("mine"))};
  cluster.settle();
  cluster.observed.streaming.mirrors = {in_a_claim(a_mirror("mine", R"({"phase": "Pending",
      "conditions": [{"type": "Ready", "status": "False", "reason": "PVCLost"}]})"))};
  EXPECT_THAT(cluster.plan().changes, IsEmpty());
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_EQ(cluster.condition("ModelMirrorReady").reason, "PVCLost");
  EXPECT_THAT(streaming_command(cluster), HasSubstr("/models/Microsoft/phi-4"));
}

TEST(PlanStreaming, OptingOutDownloadsAsEver) {
  for (const char* annotation :
       {R"({"kaito.sh/model-streaming": "disabled"})", R"({"kaito.sh/use-local-weights": "true"})",
        R"({"kaito.sh/runtime": "transformers"})"}) {
    ClusterForTest cluster = a_cluster();
    cluster.workspace["metadata"]["annotations"] = parse_for_test(annotation);
    EXPECT_EQ(created_mirror(cluster.plan()), nullptr) << annotation;
    cluster.settle();
    EXPECT_EQ(cluster.state(), "Ready") << annotation;
    EXPECT_EQ(cluster.condition("ModelMirrorReady").type, "") << annotation;
  }
}

// --- What cannot be done is said -----------------------------------------------------------------

TEST(PlanStreaming, NamesWhatIsMissing) {
  struct Row {
    const char* reason;
    const char* text;
    void (*edit)(ClusterForTest&);
  };
  for (const Row& row : {
           Row{"ModelStreamingStorageClassNotFound", "kaito.sh/model-mirror-storage-class",
               [](ClusterForTest& c) { c.settings.mirror_storage_class.clear(); }},
           Row{"ModelStreamingStorageClassNotFound", "StorageClass nfs does not exist",
               [](ClusterForTest& c) { c.observed.streaming.storage_class = Json(); }},
           Row{"ModelStreamingServiceAccountInvalid", "kaito.sh/streaming-service-account",
               [](ClusterForTest& c) {
                 c.observed.streaming.storage_class["provisioner"] = "blob.csi.azure.com";
               }},
           Row{"ModelStreamingInvalidAnnotations", "SAS",
               [](ClusterForTest& c) {
                 c.workspace["metadata"]["annotations"] = {
                     {"inference.kaito.sh/static-model-mirror", "true"}};
               }},
           Row{"ModelMirrorCreateFailed", "holds another model",
               [](ClusterForTest& c) {
                 Json other = a_mirror(mirror_name("phi-4", "default"));
                 other["spec"]["source"]["modelID"] = "org/other";
                 c.observed.streaming.mirrors = {in_a_claim(other)};
               }},
       }) {
    ClusterForTest cluster = a_cluster();
    row.edit(cluster);
    cluster.step();
    EXPECT_EQ(cluster.condition("InferenceReady").reason, row.reason);
    EXPECT_THAT(cluster.condition("InferenceReady").message, HasSubstr(row.text));
    EXPECT_EQ(cluster.condition("ResourceReady").reason, "ModelMirrorNotReady") << row.reason;
  }
}

// --- Azure ---------------------------------------------------------------------------------------

ObservedMirror in_azure(const char* ns) {
  Json mirror = a_mirror("3fa2b1");
  mirror["spec"]["jobNamespace"] = ns;
  return {.mirror = std::move(mirror),
          .claim = {},
          .volume = parse_for_test(R"({"spec": {"csi": {"driver": "blob.csi.azure.com",
              "volumeHandle": "group#account#container#uuid#ns#"}}})"),
          .storage_class = {}};
}

TEST(PlanStreaming, StreamsFromBlobStorageWithWorkloadIdentity) {
  ClusterForTest cluster = a_cluster();
  cluster.settings.streaming_service_account = "reader";
  cluster.observed.streaming.service_account = parse_for_test(
      R"({"metadata": {"annotations": {"azure.workload.identity/client-id": "id"}}})");
  cluster.observed.streaming.mirrors = {in_azure("elsewhere")};  // Read from every namespace.
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Ready");
  EXPECT_THAT(streaming_command(cluster), HasSubstr("--model=az://container/Microsoft/phi-4"));
  EXPECT_THAT(streaming_command(cluster), HasSubstr("--load-format=runai_streamer"));
  EXPECT_THAT(streaming_command(cluster), Not(HasSubstr("--load_format")));
  const Json& pods = cluster.observed.stateful_set["spec"]["template"];
  EXPECT_EQ(pods["metadata"]["labels"]["azure.workload.identity/use"], "true");
  EXPECT_EQ(pods["spec"]["serviceAccountName"], "reader");
  EXPECT_THAT(pods["spec"]["containers"][0]["env"].dump(),
              HasSubstr(R"({"name":"AZURE_STORAGE_ACCOUNT_NAME","value":"account"})"));
}

// --- Names ---------------------------------------------------------------------------------------

TEST(MirrorName, DoesNotDependOnSpelling) {
  EXPECT_EQ(mirror_name("phi-4", "a"), mirror_name("Microsoft/Phi-4", "a"));
  EXPECT_NE(mirror_name("phi-4", "a"), mirror_name("phi-4", "b"));
  EXPECT_NE(mirror_name("phi-4", ""), mirror_name("phi-4-mini-instruct", ""));
  EXPECT_THAT(mirror_name("phi-4", ""), SizeIs(std::string_view("mirror-").size() + 12));
  EXPECT_EQ(mirrored_model_key("Org/Unknown"), "org/unknown");
}

}  // namespace
}  // namespace rage::op
