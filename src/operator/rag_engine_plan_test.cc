#include "operator/rag_engine_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "operator/detail/rag_engine_objects.h"
#include "operator/plan_for_test.h"

namespace rage::op {
namespace {

using apis::ConditionStatus;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kNow = "2026-03-05T10:00:00Z";

apis::RagEngine an_engine() {
  apis::RagEngine engine;
  engine.meta.name = "scale23x";
  engine.meta.ns = "default";
  engine.meta.uid = "e1";
  engine.meta.generation = 3;
  engine.meta.finalizers = {std::string(kRagEngineFinalizer)};
  engine.local_embedding = apis::LocalEmbedding{.image = {},
                                                .image_pull_secret = {},
                                                .model_id = "BAAI/bge-small-en-v1.5",
                                                .model_access_secret = {}};
  engine.inference_url = "http://kaito-gateway-istio/v1/chat/completions";
  engine.context_window_size = 131'072;
  engine.spec = Json::object();
  return engine;
}

// The resource of the talk's demo.
apis::RagEngine the_demo() {
  apis::RagEngine engine = an_engine();
  engine.compute = apis::ResourceSpec{
      .count = 1,
      .instance_type = "Standard_NC4as_T4_v3",
      .label_selector = {.match_labels = {{"apps", "scale23x"}}, .match_expressions = {}},
      .preferred_nodes = {},
      .partition = {}};
  return engine;
}

// Applies a plan to what is observed, as the API server would.
void apply(const Plan& plan, RagEngineObservation& observed) {
  for (const Change& change : plan.changes) {
    if (const auto* create = std::get_if<CreateObject>(&change)) {
      if (create->type.kind == "ControllerRevision") {
        observed.revision_documents.push_back(create->object);
      } else {
        observed.claim = create->object;
      }
    }
    const auto* item = std::get_if<ApplyObject>(&change);
    if (item == nullptr) continue;
    if (item->type.kind == "Service") observed.service = item->object;
    if (item->type.kind == "ConfigMap") observed.guardrails_copy = item->object;
    if (item->type.kind != "Deployment") continue;
    observed.deployment = item->object;
    observed.deployment["metadata"]["generation"] = 1;
  }
}

void become_ready(RagEngineObservation& observed) {
  observed.deployment["status"] = {
      {"observedGeneration", 1}, {"updatedReplicas", 1}, {"readyReplicas", 1}};
}

// As after a first pass whose objects exist and run.
RagEngineObservation running(const apis::RagEngine& engine, const Settings& settings = {}) {
  RagEngineObservation observed;
  apply(plan_rag_engine(engine, observed, settings, kNow), observed);
  become_ready(observed);
  return observed;
}

Json pod_of(const apis::RagEngine& engine) {
  return detail::render_rag_deployment(engine, {}, {})["spec"]["template"]["spec"];
}

std::map<std::string, std::string> environment_of(const apis::RagEngine& engine) {
  std::map<std::string, std::string> values;
  for (const Json& variable : detail::render_rag_environment(engine)) {
    std::string value = codec::string_or(variable, "value", "");
    if (const Json* from = codec::find_key(variable, "valueFrom")) {
      const Json* secret = codec::find_key(*from, "secretKeyRef");
      value = secret != nullptr ? "secret " + codec::string_or(*secret, "name", "") + "/" +
                                      codec::string_or(*secret, "key", "")
                                : codec::string_or((*from)["fieldRef"], "fieldPath", "");
    }
    EXPECT_TRUE(values.emplace(codec::string_or(variable, "name", ""), value).second)
        << "set twice: " << variable;
  }
  return values;
}

TEST(RagEngineDeployment, RunsOurService) {
  const Json pod = pod_of(an_engine());
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["args"], Json::parse(R"(["rag", "--address", "0.0.0.0", "--port", "5000"])"));
  EXPECT_EQ(container["image"], Settings{}.rage_image);
  EXPECT_EQ(container["ports"][0]["containerPort"], 5000);
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    EXPECT_EQ(container[probe]["httpGet"], Json::parse(R"({"path": "/health", "port": 5000})"));
  }
  EXPECT_FALSE(
      container.contains("lifecycle"));  // Nothing has to be saved, nor read back, by hooks.
  apis::RagEngine engine = an_engine();
  engine.grounding_answers = "extractive";
  engine.grounding_mode = "assist";
  const Json arguments = pod_of(engine)["containers"][0]["args"];
  EXPECT_THAT(arguments.get<std::vector<std::string>>(),
              testing::IsSupersetOf({"--answers", "extractive", "--grounding-mode", "assist"}));
}

// The restricted pod security standard refuses anything less.
TEST(RagEngineDeployment, IsASecurePod) {
  const Json pod = pod_of(an_engine());
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["fsGroup"], 1000);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const Json& context = pod["containers"][0]["securityContext"];
  EXPECT_EQ(context["readOnlyRootFilesystem"], true);
  EXPECT_EQ(context["allowPrivilegeEscalation"], false);
  EXPECT_EQ(context["capabilities"]["drop"], Json::parse(R"(["ALL"])"));
  // What a read-only root leaves to write to.
  std::vector<std::string> paths;
  for (const Json& mount : pod["containers"][0]["volumeMounts"])
    paths.push_back(mount["mountPath"]);
  EXPECT_THAT(paths, ElementsAre("/mnt/data", "/tmp"));
}

// The chosen embedding model was ignored: the service reads other names than upstream sets.
TEST(RagEngineEnvironment, SetsOldAndNewNames) {
  apis::RagEngine engine = an_engine();
  engine.local_embedding->model_access_secret = "hf";
  engine.inference_access_secret = "llm";
  const auto values = environment_of(engine);
  const std::map<std::string, std::string> wanted = {
      {"MODEL_ID", "BAAI/bge-small-en-v1.5"},
      {"LOCAL_EMBEDDING_MODEL_ID", "BAAI/bge-small-en-v1.5"},
      {"EMBEDDING_TYPE", "local"},
      {"EMBEDDING_SOURCE_TYPE", "local"},
      {"ACCESS_SECRET", "hf"},
      {"HF_TOKEN", "secret hf/HF_TOKEN"},
      {"VECTOR_DB_TYPE", "faiss"},
      {"DEFAULT_VECTOR_DB_PERSIST_DIR", "/mnt/data/scale23x"},
      {"RAGE_CACHE_DIR", "/mnt/data/.cache"},
      {"LLM_INFERENCE_URL", "http://kaito-gateway-istio/v1/chat/completions"},
      {"LLM_ACCESS_SECRET", "secret llm/LLM_ACCESS_SECRET"},
      {"LLM_CONTEXT_WINDOW", "131072"},
      {"OUTPUT_GUARDRAILS_ENABLED", "false"},
      {"POD_NAME", "metadata.name"},
      {"POD_UID", "metadata.uid"},
      {"HOME", "/tmp"},
  };
  EXPECT_EQ(values, wanted);
}

TEST(RagEngineEnvironment, SetsTheRemoteOnes) {
  apis::RagEngine engine = an_engine();
  engine.local_embedding.reset();
  engine.remote_embedding = apis::RemoteEmbedding{.url = "http://embed", .access_secret = "e"};
  engine.vector_db =
      apis::VectorDb{.engine = "qdrant", .url = "http://qdrant:6333", .access_secret = "q"};
  engine.volume = apis::PersistentVolume{.claim = "c", .mount_path = "/data/", .size = {}};
  engine.guardrails_enabled = true;
  const auto values = environment_of(engine);
  EXPECT_EQ(values.at("EMBEDDING_SOURCE_TYPE"), "remote");
  EXPECT_EQ(values.at("REMOTE_EMBEDDING_URL"), "http://embed");
  EXPECT_EQ(values.at("REMOTE_EMBEDDING_ACCESS_SECRET"), "secret e/REMOTE_EMBEDDING_ACCESS_SECRET");
  EXPECT_FALSE(values.contains("LOCAL_EMBEDDING_MODEL_ID"));
  EXPECT_EQ(values.at("VECTOR_DB_TYPE"), "qdrant");
  EXPECT_EQ(values.at("VECTOR_DB_URL"), "http://qdrant:6333");
  EXPECT_EQ(values.at("VECTOR_DB_ACCESS_SECRET"), "secret q/VECTOR_DB_ACCESS_SECRET");
  EXPECT_EQ(values.at("DEFAULT_VECTOR_DB_PERSIST_DIR"), "/data/scale23x");
  EXPECT_EQ(values.at("OUTPUT_GUARDRAILS_ENABLED"), "true");
  EXPECT_EQ(values.at("OUTPUT_GUARDRAILS_POLICY_PATH"),
            "/etc/ragengine/guardrails/guardrails.yaml");
}

// Two pods that write one index would corrupt it.
TEST(RagEngineDeployment, IsRecreatedWithAClaim) {
  apis::RagEngine engine = an_engine();
  EXPECT_EQ(detail::render_rag_deployment(engine, {}, {})["spec"]["strategy"]["type"],
            "RollingUpdate");
  engine.volume = apis::PersistentVolume{.claim = "mine", .mount_path = "/data", .size = {}};
  const Json deployment = detail::render_rag_deployment(engine, {}, {});
  EXPECT_EQ(deployment["spec"]["strategy"], Json::parse(R"({"type": "Recreate"})"));
  const Json& pod = deployment["spec"]["template"]["spec"];
  EXPECT_EQ(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "mine");
  EXPECT_EQ(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/data");
}

TEST(RagEngineDeployment, AsksForAGpuOnlyForALocalEmbeddingOnAGpuType) {
  EXPECT_FALSE(pod_of(an_engine())["containers"][0]["resources"].contains("limits"));
  // The demo's type is none that is known to have GPUs for us: its pod runs on the CPU.
  EXPECT_FALSE(pod_of(the_demo())["containers"][0]["resources"].contains("limits"));
  apis::RagEngine engine = the_demo();
  engine.compute->instance_type = "Standard_NV36ads_A10_v5";
  EXPECT_EQ(pod_of(engine)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
  engine.local_embedding.reset();
  engine.remote_embedding = apis::RemoteEmbedding{.url = "http://embed", .access_secret = {}};
  EXPECT_FALSE(pod_of(engine)["containers"][0]["resources"].contains("limits"));
  engine = the_demo();
  engine.compute->instance_type = "Standard_D8s_v5";
  EXPECT_FALSE(pod_of(engine)["containers"][0]["resources"].contains("limits"));
}

TEST(RagEnginePlan, ComesUpWithoutCompute) {
  RagEngineObservation observed;
  const apis::RagEngine engine = an_engine();
  Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  ASSERT_TRUE(find_change<ApplyObject>(plan, "Deployment"));
  const auto* service = find_change<ApplyObject>(plan, "Service");
  ASSERT_TRUE(service);
  EXPECT_EQ(service->object["spec"]["type"], "ClusterIP");
  EXPECT_EQ(service->object["spec"]["ports"][0]["port"], 80);
  EXPECT_EQ(service->object["spec"]["ports"][0]["targetPort"], 5000);
  EXPECT_EQ(condition_of(plan, "ResourceReady").reason, "ragengineResourceStatusSuccess");
  EXPECT_EQ(condition_of(plan, "ServiceReady").status, ConditionStatus::kFalse);
  EXPECT_EQ(condition_of(plan, "RAGEngineSucceeded").reason, "ragenginePending");
  apply(plan, observed);
  become_ready(observed);
  plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_EQ(condition_of(plan, "ServiceReady").reason, "RAGEngineServiceSuccess");
  EXPECT_EQ(condition_of(plan, "RAGEngineSucceeded").reason, "ragengineSucceeded");
  EXPECT_FALSE(find_change<ApplyObject>(plan, "Deployment"));
  EXPECT_FALSE(find_change<ApplyObject>(plan, "Service"));
}

// A service that stops must say so: upstream's condition stayed True for ever.
TEST(RagEnginePlan, TakesServiceReadyBack) {
  apis::RagEngine engine = an_engine();
  RagEngineObservation observed = running(engine);
  engine.status = plan_rag_engine(engine, observed, {}, kNow).status;
  engine.status["conditions"].push_back(
      {{"type", "RAGEngineServiceReady"}, {"status", "False"}, {"reason", "old"}});
  observed.deployment["status"]["readyReplicas"] = 0;
  const Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_EQ(condition_of(plan, "ServiceReady").status, ConditionStatus::kFalse);
  EXPECT_EQ(condition_of(plan, "RAGEngineServiceReady").type, "");
}

TEST(RagEnginePlan, SaysWhyThePodDoesNotRun) {
  RagEngineObservation observed = running(an_engine());
  observed.deployment["status"]["readyReplicas"] = 0;
  observed.pods = {Json::parse(R"({"status": {"phase": "Pending", "containerStatuses": [
      {"name": "scale23x", "state": {"waiting": {"reason": "ImagePullBackOff",
       "message": "no such image"}}}]}})")};
  const Plan plan = plan_rag_engine(an_engine(), observed, {}, kNow);
  const auto service = condition_of(plan, "ServiceReady");
  EXPECT_EQ(service.reason, "RAGEngineServiceStatusFailed");
  EXPECT_THAT(service.message, HasSubstr("ImagePullError"));
  EXPECT_EQ(condition_of(plan, "RAGEngineSucceeded").reason, "ragengineFailed");
}

// The annotation was read only when the Service was made.
TEST(RagEnginePlan, FollowsTheLoadBalancerAnnotation) {
  apis::RagEngine engine = an_engine();
  const RagEngineObservation observed = running(engine);
  engine.meta.annotations["kaito.sh/enablelb"] = "True";
  const Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  const auto* service = find_change<ApplyObject>(plan, "Service");
  ASSERT_TRUE(service);
  EXPECT_EQ(service->object["spec"]["type"], "LoadBalancer");
}

// A first pod waits for the node that is ordered for it; the demo asks for a GPU node.
TEST(RagEnginePlan, OrdersANodeForTheDemo) {
  const Plan plan = plan_rag_engine(the_demo(), {}, {}, kNow);
  EXPECT_FALSE(find_change<ApplyObject>(plan, "Deployment"));
  EXPECT_TRUE(find_change<ApplyObject>(plan, "Service"));
  EXPECT_TRUE(find_change<CreateObject>(plan, "NodeClaim") ||
              find_change<ApplyObject>(plan, "NodeClaim"));
  EXPECT_EQ(condition_of(plan, "ResourceReady").reason, "ragengineResourceStatusFailed");
  EXPECT_THAT(condition_of(plan, "ServiceReady").message, HasSubstr("waiting for a node"));
}

TEST(RagEnginePlan, TakesOwnNodesByTheirLabels) {
  Settings settings;
  settings.provisioner = Provisioner::kByo;
  const Plan plan = plan_rag_engine(the_demo(), {}, settings, kNow);
  const auto* deployment = find_change<ApplyObject>(plan, "Deployment");
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->object["spec"]["template"]["spec"]["nodeSelector"],
            Json::parse(R"({"apps": "scale23x"})"));
  EXPECT_FALSE(find_change<CreateObject>(plan, "NodeClaim"));
}

// Indexes must outlive the RAGEngine unless its owner says otherwise.
TEST(RagEnginePlan, MakesAClaimThatStays) {
  apis::RagEngine engine = an_engine();
  engine.volume = apis::PersistentVolume{.claim = {}, .mount_path = "/data", .size = "20Gi"};
  RagEngineObservation observed;
  Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  const auto* claim = find_change<CreateObject>(plan, "PersistentVolumeClaim");
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->object["metadata"]["name"], claim_name(engine));
  EXPECT_EQ(claim->object["spec"]["resources"]["requests"]["storage"], "20Gi");
  EXPECT_FALSE(claim->object["metadata"].contains("ownerReferences"));
  EXPECT_FALSE(claim->object["metadata"].contains("annotations"));
  apply(plan, observed);
  plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_FALSE(find_change<CreateObject>(plan, "PersistentVolumeClaim"));
  EXPECT_FALSE(find_change<PatchObject>(plan, "PersistentVolumeClaim"));
  engine.meta.annotations["rage.dev/claim-retention"] = "Delete";
  plan = plan_rag_engine(engine, observed, {}, kNow);
  const auto* patch = find_change<PatchObject>(plan, "PersistentVolumeClaim");
  ASSERT_TRUE(patch);
  EXPECT_EQ(patch->patch["metadata"]["ownerReferences"][0]["uid"], "e1");
}

TEST(RagEnginePlan, NamesTheClaimThatIsMissing) {
  apis::RagEngine engine = an_engine();
  engine.volume = apis::PersistentVolume{.claim = "mine", .mount_path = "/data", .size = {}};
  const Plan plan = plan_rag_engine(engine, {}, {}, kNow);
  EXPECT_FALSE(find_change<CreateObject>(plan, "PersistentVolumeClaim"));
  EXPECT_THAT(condition_of(plan, "ServiceReady").message,
              HasSubstr("PersistentVolumeClaim mine does not exist"));
}

// Guardrails without a policy let everything pass: better no service than that.
TEST(RagEnginePlan, DoesNotRunUnguarded) {
  apis::RagEngine engine = an_engine();
  engine.guardrails_enabled = true;
  RagEngineObservation observed;
  Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_FALSE(find_change<ApplyObject>(plan, "Deployment"));
  EXPECT_EQ(condition_of(plan, "ServiceReady").reason, "RAGEngineServiceStatusFailed");
  EXPECT_THAT(condition_of(plan, "ServiceReady").message,
              HasSubstr("kaito-workspace/ragengine-guardrails-policy-template"));
  observed.guardrails_policy = Json::parse(R"({"data": {"guardrails.yaml": "scanners: []"}})");
  plan = plan_rag_engine(engine, observed, {}, kNow);
  const auto* copy = find_change<ApplyObject>(plan, "ConfigMap");
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->object["metadata"]["namespace"], "default");
  EXPECT_EQ(copy->object["data"], observed.guardrails_policy["data"]);
  const auto* deployment = find_change<ApplyObject>(plan, "Deployment");
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->object["spec"]["template"]["spec"]["volumes"][2]["configMap"]["name"],
            copy->object["metadata"]["name"]);
  apply(plan, observed);
  plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_FALSE(find_change<ApplyObject>(plan, "ConfigMap"));
  engine.guardrails_config_map = "my-policy";
  plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_FALSE(find_change<ApplyObject>(plan, "ConfigMap"));
}

// KAITO's operator changes the environment alone: the service is told of a policy that is not
// there.
TEST(RagEnginePlan, GuardrailsTurnedOnLaterAreMountedInWhatRuns) {
  apis::RagEngine engine = an_engine();
  RagEngineObservation observed = running(engine);
  engine.guardrails_enabled = true;
  engine.guardrails_config_map = "my-policy";
  observed.guardrails_policy = Json::parse(R"({"data": {"guardrails.yaml": "scanners: []"}})");
  const auto plan = plan_rag_engine(engine, observed, {}, kNow);
  const auto* deployment = find_change<ApplyObject>(plan, "Deployment");
  ASSERT_TRUE(deployment);
  const Json& pod = deployment->object["spec"]["template"]["spec"];
  EXPECT_EQ(pod["volumes"][2]["configMap"]["name"], "my-policy");
  EXPECT_EQ(pod["containers"][0]["volumeMounts"][2]["mountPath"], "/etc/ragengine/guardrails");
  EXPECT_EQ(environment_of(engine).at("OUTPUT_GUARDRAILS_ENABLED"), "true");
}

// What another operator's Deployment runs and hooks in does not exist in our image.
TEST(RagEnginePlan, ReplacesAnotherOperatorsDeployment) {
  RagEngineObservation observed = running(an_engine());
  observed.deployment["metadata"]["annotations"] = Json::object();
  observed.deployment["metadata"]["uid"] = "theirs";
  const Plan plan = plan_rag_engine(an_engine(), observed, {}, kNow);
  const auto* removal = find_change<DeleteObject>(plan, "Deployment");
  ASSERT_TRUE(removal);
  EXPECT_EQ(removal->uid, "theirs");
  EXPECT_FALSE(find_change<ApplyObject>(plan, "Deployment"));
  observed.deployment["metadata"]["deletionTimestamp"] = kNow;
  EXPECT_FALSE(
      find_change<DeleteObject>(plan_rag_engine(an_engine(), observed, {}, kNow), "Deployment"));
}

TEST(RagEnginePlan, UpdatesTheDeploymentWhenTheSpecChanges) {
  apis::RagEngine engine = an_engine();
  const RagEngineObservation observed = running(engine);
  engine.context_window_size = 4096;
  const Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  EXPECT_TRUE(find_change<ApplyObject>(plan, "Deployment"));
  EXPECT_EQ(condition_of(plan, "ServiceReady").status, ConditionStatus::kFalse);
}

TEST(RagEnginePlan, ReleasesWhatItHeldWhenDeleted) {
  apis::RagEngine engine = an_engine();
  engine.meta.deleting = true;
  const Plan plan = plan_rag_engine(engine, running(an_engine()), {}, kNow);
  EXPECT_TRUE(plan.release);
  EXPECT_THAT(plan.changes, IsEmpty());
}

// Status writes wake the controller: what it writes must not differ from what it wrote.
TEST(RagEnginePlan, IsSilentWhenNothingChanged) {
  apis::RagEngine engine = an_engine();
  const RagEngineObservation observed = running(engine);
  Plan plan = plan_rag_engine(engine, observed, {}, kNow);
  for (const Change& change : plan.changes) {
    if (const auto* patch = std::get_if<PatchObject>(&change)) {
      for (const auto& [key, value] : patch->patch["metadata"]["annotations"].items()) {
        engine.meta.annotations[key] = value;
      }
    }
  }
  engine.status = plan.status;
  plan = plan_rag_engine(engine, observed, {}, "2026-03-05T11:00:00Z");
  EXPECT_THAT(plan.changes, IsEmpty());
  EXPECT_EQ(plan.status, engine.status);
}

}  // namespace
}  // namespace rage::op
