#include "apis/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/detail/duration.h"
#include "apis/inference_set.h"
#include "apis/rag_engine.h"
#include "apis/random_document_for_test.h"
#include "codec/json_for_test.h"

namespace rage::apis {
namespace {

using codec::json_of;
using testing::ElementsAre;
using testing::HasSubstr;

Workspace workspace_of(std::string_view text) {
  Result<Workspace> workspace = parse_workspace(json_of(text));
  EXPECT_TRUE(workspace.has_value()) << workspace.error().message;
  return workspace ? *std::move(workspace) : Workspace();
}

InferenceSet set_of(std::string_view text) {
  Result<InferenceSet> set = parse_inference_set(json_of(text));
  EXPECT_TRUE(set.has_value()) << set.error().message;
  return set ? *std::move(set) : InferenceSet();
}

TEST(ParseWorkspace, ReadsEveryPart) {
  const Workspace workspace = workspace_of(R"({"metadata":{"name":"w","namespace":"n"},
    "resource":{"count":2,"instanceType":"t","labelSelector":{"matchLabels":{"a":"b"}},
      "partition":{"mode":"mig","profile":"3g.40gb"}},
    "inference":{"preset":{"name":"phi-4","accessMode":"public",
        "presetOptions":{"modelAccessSecret":"s"}},"config":"c",
      "adapters":[{"source":{"name":"x","image":"i"},"strength":"0.5"}]},
    "status":{"workerNodes":["n1"],"state":"Ready","targetNodeCount":3,
      "performance":{"metrics":{"peak":{"value":"1.5","unit":"u","config":{"k":"v"}}}}}})");
  EXPECT_TRUE(workspace.has_resource);
  EXPECT_EQ(workspace.resource.count, 2);
  EXPECT_EQ(workspace.resource.partition->profile, "3g.40gb");
  ASSERT_TRUE(workspace.inference && workspace.inference->preset);
  EXPECT_EQ(workspace.inference->preset->model_access_secret, "s");
  EXPECT_EQ(workspace.inference->adapters[0].strength, "0.5");
  EXPECT_EQ(workspace.status.target_node_count, 3);
  EXPECT_EQ(workspace.status.performance[0].config.at("k"), "v");
  EXPECT_FALSE(workspace.tuning.has_value());
}

TEST(ParseWorkspace, NamesTheFirstValueOfAWrongType) {
  const auto message = [](std::string_view text) {
    const Result<Workspace> workspace = parse_workspace(json_of(text));
    return workspace ? "" : workspace.error().message;
  };
  EXPECT_EQ(message(R"({"resource":{"count":"2"}})"), "resource.count: must be a 32-bit integer");
  EXPECT_EQ(message(R"({"resource":{"count":4294967296}})"),
            "resource.count: must be a 32-bit integer");
  EXPECT_EQ(message(R"({"inference":{"adapters":[{},{"source":3}]}})"),
            "inference.adapters[1].source: must be an object");
  EXPECT_EQ(message(R"({"inference":{"adapters":{"a":1}}})"), "inference.adapters: must be a list");
  EXPECT_EQ(message(R"({"resource":{"partition":{"mode":"half"}}})"),
            "resource.partition.mode: must be mig or accelerator");
  EXPECT_EQ(message("[]"), "must be an object");
}

TEST(RenderWorkspace, PartsAreReadBack) {
  const Workspace workspace = workspace_of(R"({
    "resource":{"instanceType":"t","labelSelector":{"matchLabels":{"a":"b"}},
      "preferredNodes":["n"],"partition":{"mode":"accelerator","count":2}},
    "inference":{"template":{"spec":{"containers":[]}},
      "adapters":[{"source":{"volumeSource":{"emptyDir":{}}}}]},
    "status":{"state":"Pending","conditions":[{"type":"A","status":"True","reason":"R",
      "message":"","lastTransitionTime":"t"}]}})");
  const Result<ResourceSpec> resource =
      parse_resource_spec(render_resource_spec(workspace.resource));
  ASSERT_TRUE(resource.has_value());
  EXPECT_EQ(*resource, workspace.resource);
  const Result<InferenceSpec> inference =
      parse_inference_spec(render_inference_spec(*workspace.inference));
  ASSERT_TRUE(inference.has_value());
  EXPECT_EQ(*inference, *workspace.inference);
  Json document = Json::object();
  document["status"] = render_workspace_status(workspace.status);
  EXPECT_EQ(parse_workspace(document)->status, workspace.status);
  EXPECT_EQ(render_workspace_status({}), Json::object());
}

TEST(ParseInferenceSet, ReadsStrategyAndWindow) {
  const InferenceSet set = set_of(R"({"spec":{"replicas":8,
    "labelSelector":{"matchLabels":{"a":"b"}},
    "updateStrategy":{"rollingUpdate":{"maxUnavailable":"30%"},"maxSurge":2,
      "progressDeadlineSeconds":600},
    "autoUpgrade":{"enabled":true,"strategy":"Surge",
      "maintenanceWindow":{"schedule":"0 2 * * 6","duration":"1h30m"}},
    "template":{"metadata":{"labels":{"x":"y"}},"resource":{"instanceType":"t"},
      "inference":{"preset":{"name":"phi-4"}}}}})");
  EXPECT_EQ(set.replicas, 8);
  EXPECT_EQ(set.update_strategy.max_unavailable, 3);  // 2.4, rounded up.
  EXPECT_EQ(set.update_strategy.max_surge, 2);
  EXPECT_EQ(set.update_strategy.progress_deadline.count(), 600);
  EXPECT_EQ(set.auto_upgrade.strategy, UpgradeStrategy::kSurge);
  EXPECT_EQ(set.auto_upgrade.window->duration.count(), 5400);
  EXPECT_EQ(set.template_labels.at("x"), "y");
  EXPECT_EQ(set.inference.preset->name, "phi-4");
}

TEST(ParseInferenceSet, DefaultsAreUpstreams) {
  const InferenceSet set = set_of(R"({"spec":{"template":{"inference":{}}}})");
  EXPECT_EQ(set.replicas, 1);
  EXPECT_EQ(set.update_strategy.max_unavailable, 1);
  EXPECT_EQ(set.update_strategy.max_surge, 0);
  EXPECT_FALSE(set.auto_upgrade.enabled);
  EXPECT_FALSE(parse_inference_set(json_of(R"({"spec":{"updateStrategy":{"maxSurge":"half"}}})"))
                   .has_value());
}

TEST(ParseRagEngine, ReadsEveryPart) {
  const Result<RagEngine> engine = parse_rag_engine(json_of(R"({"spec":{
    "compute":{"instanceType":"t","labelSelector":{"matchLabels":{"a":"b"}}},
    "storage":{"persistentVolume":{"size":"20Gi"},"vectorDB":{"engine":"qdrant","url":"http://q"}},
    "embedding":{"local":{"modelID":"m"}},
    "inferenceService":{"url":"http://i","contextWindowSize":4096},
    "guardrails":{"enabled":true,"configMapRef":{"name":"g"}},
    "grounding":{"answers":"extractive","mode":"assist"}}})"));
  ASSERT_TRUE(engine.has_value());
  EXPECT_EQ(engine->volume->mount_path, "/mnt/data");
  EXPECT_EQ(engine->volume->size, "20Gi");
  EXPECT_EQ(engine->vector_db->engine, "qdrant");
  EXPECT_EQ(engine->local_embedding->model_id, "m");
  EXPECT_FALSE(engine->remote_embedding.has_value());
  EXPECT_EQ(engine->context_window_size, 4096);
  EXPECT_EQ(engine->guardrails_config_map, "g");
  EXPECT_EQ(engine->grounding_answers, "extractive");
  EXPECT_EQ(engine->grounding_mode, "assist");
}

// One byte off, and taking a cluster over from the original rewrites every pod.
TEST(RevisionInput, IsWhatGoEncodes) {
  EXPECT_EQ(revision_input(workspace_of(R"({
    "inference":{"preset":{"name":"phi-4-mini-instruct","accessMode":"public"}},
    "resource":{"labelSelector":{"matchLabels":{"b":"2","a":"1"}},"instanceType":"Standard_X",
                "count":1}})")),
            "{\"count\":1,\"instanceType\":\"Standard_X\",\"labelSelector\":{\"matchLabels\":"
            "{\"a\":\"1\",\"b\":\"2\"}}}\n"
            "{\"preset\":{\"name\":\"phi-4-mini-instruct\",\"accessMode\":\"public\","
            "\"presetOptions\":{}}}\n"
            "null\n");
}

TEST(RevisionInput, KeepsGoOrderOfAllFields) {
  EXPECT_EQ(
      revision_input(workspace_of(R"({
    "resource":{"partition":{"count":2,"mode":"accelerator"},"preferredNodes":["n"],"count":3,
      "labelSelector":{"matchExpressions":[{"operator":"In","values":["v"],"key":"k"}]}},
    "inference":{"adapters":[{"strength":"0.5","source":{"image":"i","name":"x",
        "imagePullSecrets":["p"]}}],"config":"c",
      "preset":{"presetOptions":{"modelAccessSecret":"s","imagePullSecrets":["q"],"image":"j"},
        "name":"m"}}})")),
      "{\"count\":3,\"labelSelector\":{\"matchExpressions\":[{\"key\":\"k\",\"operator\":"
      "\"In\",\"values\":[\"v\"]}]},\"preferredNodes\":[\"n\"],\"partition\":{\"mode\":"
      "\"accelerator\",\"count\":2}}\n"
      "{\"preset\":{\"name\":\"m\",\"presetOptions\":{\"image\":\"j\",\"imagePullSecrets\":"
      "[\"q\"],\"modelAccessSecret\":\"s\"}},\"config\":\"c\",\"adapters\":[{\"source\":"
      "{\"name\":\"x\",\"image\":\"i\",\"imagePullSecrets\":[\"p\"]},\"strength\":\"0.5\"}]}\n"
      "null\n");
}

TEST(RevisionInput, TuningHasItsInputAndOutputAlways) {
  EXPECT_EQ(
      revision_input(workspace_of(R"({"tuning":{"method":"lora",
    "preset":{"name":"phi-4"},"input":{},"output":{"imagePushSecret":"s","image":"i"}}})")),
      "{\"labelSelector\":null}\n"
      "null\n"
      "{\"preset\":{\"name\":\"phi-4\",\"presetOptions\":{}},\"method\":\"lora\",\"input\":{},"
      "\"output\":{\"image\":\"i\",\"imagePushSecret\":\"s\"}}\n");
}

// Go escapes for HTML and for JavaScript's line separators; the rest of Unicode stays.
TEST(RevisionInput, EscapesAsGoDoes) {
  EXPECT_THAT(revision_input(workspace_of(
                  R"({"resource":{"instanceType":"<a&b>\u2028\u2029\u00e9/\u0001\u007f\n\b"}})")),
              HasSubstr("\"\\u003ca\\u0026b\\u003e\\u2028\\u2029\u00e9/\\u0001\x7f\\n\\b\""));
}

TEST(RevisionInput, OfAnInferenceSetIsItsSpec) {
  EXPECT_EQ(revision_input(set_of(R"({"spec":{
    "autoUpgrade":{"strategy":"InPlace","enabled":true,
      "maintenanceWindow":{"duration":"4h","schedule":"0 2 * * 6"}},
    "updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1},"maxSurge":0},
    "labelSelector":{"matchLabels":{"a":"1"}},"replicas":2,"nodeCountLimit":4,
    "template":{"inference":{"preset":{"name":"m","accessMode":"public"}},
      "resource":{"instanceType":"t"}}}})")),
            "{\"template\":{\"metadata\":{},\"resource\":{\"instanceType\":\"t\"},\"inference\":"
            "{\"preset\":{\"name\":\"m\",\"accessMode\":\"public\",\"presetOptions\":{}}}},"
            "\"replicas\":2,\"nodeCountLimit\":4,\"labelSelector\":{\"matchLabels\":{\"a\":\"1\"}},"
            "\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":"
            "{\"maxUnavailable\":1}},\"autoUpgrade\":{\"enabled\":true,\"strategy\":\"InPlace\","
            "\"maintenanceWindow\":{\"schedule\":\"0 2 * * 6\",\"duration\":\"4h\"}}}\n");
}

TEST(RevisionInput, OfARagEngineIsItsSpec) {
  const Result<RagEngine> engine = parse_rag_engine(json_of(R"({"spec":{
    "inferenceService":{"contextWindowSize":4096,"url":"http://i?a&b"},
    "embedding":{"local":{"modelID":"m"}},
    "storage":{"persistentVolume":{"persistentVolumeClaim":"p"}}}})"));
  ASSERT_TRUE(engine.has_value());
  EXPECT_EQ(revision_input(*engine),
            "{\"storage\":{\"persistentVolume\":{\"persistentVolumeClaim\":\"p\"}},\"embedding\":"
            "{\"local\":{\"modelID\":\"m\"}},\"inferenceService\":{\"url\":\"http://i?a\\u0026b\","
            "\"contextWindowSize\":4096}}\n");
}

TEST(GoDuration, ReadsWhatGoWrites) {
  using detail::parse_go_duration;
  EXPECT_EQ(parse_go_duration("4h")->count(), 14400);
  EXPECT_EQ(parse_go_duration("1h30m5s")->count(), 5405);
  EXPECT_EQ(parse_go_duration("1.5h")->count(), 5400);
  EXPECT_EQ(parse_go_duration(".5m")->count(), 30);
  EXPECT_EQ(parse_go_duration("-2m")->count(), -120);
  EXPECT_EQ(parse_go_duration("2000ms")->count(), 2);
  EXPECT_EQ(parse_go_duration("0")->count(), 0);
  for (const char* text : {"", "4", "h", ".h", "4x", "1h-2m", "1e3s", "9999999999h", "4 h"}) {
    EXPECT_FALSE(parse_go_duration(text).has_value()) << text;
  }
}

// Anything may be stored by somebody who bypassed the checks: reading it must never end the
// process.
TEST(Parsing, SurvivesDamagedDocuments) {
  RandomDocuments random(1);
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    Json workspace = random.document("Workspace", "v1beta1");
    Json set = random.document("InferenceSet", "v1beta1");
    Json engine = random.document("RAGEngine", "v1beta1");
    random.damage(workspace);
    random.damage(set);
    random.damage(engine);
    if (const auto parsed = parse_workspace(workspace)) {
      EXPECT_FALSE(revision_input(*parsed).empty());
    } else {
      ++refused;
    }
    const auto parsed_set = parse_inference_set(set);
    EXPECT_TRUE(!parsed_set || !revision_input(*parsed_set).empty());
    const auto parsed_engine = parse_rag_engine(engine);
    EXPECT_TRUE(!parsed_engine || !revision_input(*parsed_engine).empty());
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace rage::apis
