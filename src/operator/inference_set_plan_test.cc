#include "operator/inference_set_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/detail/replica.h"
#include "operator/inference_set_world_for_test.h"
#include "operator/plan_for_test.h"

namespace rage::op {
namespace {

using detail::TemplateChange;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

World a_running_world(int replicas) {
  World world(a_set(replicas));
  EXPECT_TRUE(world.settle());
  EXPECT_EQ(world.serving(), replicas);
  return world;
}

apis::Workspace parsed(const Json& document) {
  return *apis::parse_workspace(document);
}

// A create whose reply was lost is tried again: it must not make a second Workspace.
TEST(InferenceSetPlan, CreatesTheSameNamesAgain) {
  World world(a_set(2));
  const InferenceSetObservation nothing;
  const auto first = plan_inference_set(world.set, nothing, {}, world.now());
  const auto second = plan_inference_set(world.set, nothing, {}, world.now());
  const auto creates = changes_of<CreateObject>(first, "Workspace");
  ASSERT_THAT(creates, SizeIs(2));
  const auto again = changes_of<CreateObject>(second, "Workspace");
  EXPECT_EQ(creates[0].object, again[0].object);
  EXPECT_NE(creates[0].object["metadata"]["name"], creates[1].object["metadata"]["name"]);
  EXPECT_THAT(creates[0].object["metadata"]["name"].get<std::string>(),
              testing::MatchesRegex("phi-[a-z0-9]{5}"));
}

// The StatefulSet of a deleted replica may still be going away when the next replica comes.
TEST(InferenceSetPlan, NeverUsesANameTwice) {
  World world = a_running_world(2);
  const auto before = world.names();
  world.scale(0);
  ASSERT_TRUE(world.settle());
  world.scale(2);
  ASSERT_TRUE(world.settle());
  for (const auto& name : world.names()) EXPECT_THAT(before, testing::Not(testing::Contains(name)));
}

TEST(InferenceSetPlan, MakesChildrenAsTheTemplateSays) {
  apis::InferenceSet set = a_set(1);
  set.template_labels = {{"team", "a"}};
  set.template_annotations = {{"kaito.sh/performance-mode", "throughput"}};
  set.meta.annotations = {{"kaito.sh/disable-benchmark", "true"}};
  set.meta.labels = {{"kaito.sh/inference-role", "decode"}};
  const auto plan = plan_inference_set(set, {}, {}, "2026-01-01T00:00:00Z");
  const Json child = changes_of<CreateObject>(plan, "Workspace").at(0).object;
  EXPECT_EQ(child["metadata"]["labels"], Json::parse(R"({"inferenceset.kaito.sh/created-by": "phi",
                            "kaito.sh/inference-role": "decode", "team": "a"})"));
  EXPECT_EQ(child["metadata"]["annotations"]["kaito.sh/performance-mode"], "throughput");
  EXPECT_EQ(child["metadata"]["annotations"]["kaito.sh/disable-benchmark"], "true");
  EXPECT_EQ(child["metadata"]["ownerReferences"][0]["kind"], "InferenceSet");
  EXPECT_EQ(child["resource"]["instanceType"], "Standard_NC24ads_A100_v4");
  EXPECT_EQ(child["resource"]["labelSelector"]["matchLabels"]["apps"], "phi");
  EXPECT_EQ(child["inference"]["preset"]["name"], "phi-4");
}

// A model outside the catalogue may change on the hub between two replicas.
TEST(InferenceSetPlan, NewReplicasServeTheCommitOfTheOthers) {
  World world = a_running_world(1);
  world.children.begin()->second.document["metadata"]["annotations"]["rage.dev/model-revision"] =
      "c0ffee";
  world.scale(2);
  ASSERT_TRUE(world.settle());
  for (const auto& [name, child] : world.children) {
    EXPECT_EQ(parsed(child.document).meta.annotation("rage.dev/model-revision"), "c0ffee") << name;
  }
  EXPECT_EQ(world.created, 2);
  world.set_preset("other/model");  // Another model has other commits.
  ASSERT_TRUE(world.settle());
  for (const auto& [name, child] : world.children) {
    EXPECT_EQ(parsed(child.document).meta.annotation("rage.dev/model-revision"), "") << name;
  }
}

// With nodes of one's own an instance type is refused by admission.
TEST(InferenceSetPlan, NamesNoInstanceTypeForOwnNodes) {
  Settings settings;
  settings.provisioner = Provisioner::kByo;
  const auto plan = plan_inference_set(a_set(1), {}, settings, "2026-01-01T00:00:00Z");
  const Json child = changes_of<CreateObject>(plan, "Workspace").at(0).object;
  EXPECT_FALSE(child["resource"].contains("instanceType"));
}

// A cluster taken over must keep its pods: children without our records, and with generated names.
TEST(InferenceSetPlan, AdoptsChildrenAsTheyAre) {
  World world = a_running_world(2);
  for (auto& [name, child] : world.children) {
    child.document["metadata"]["annotations"] = Json::object();
    child.document["inference"]["preset"]["accessMode"] = "public";  // By the schema's default.
    child.running = codec::render_json(child.document["inference"]);
  }
  const auto before = world.names();
  ASSERT_TRUE(world.settle([&] { EXPECT_EQ(world.serving(), 2); }));
  EXPECT_EQ(world.names(), before);
  for (const auto& [name, child] : world.children) {
    EXPECT_NE(parsed(child.document).meta.annotation(detail::kTemplateHash), "");
  }
}

// A label is added without waiting for a roll-out, also under OnDelete.
TEST(InferenceSetPlan, AddsLabelsAtOnce) {
  World world = a_running_world(3);
  world.set.update_strategy.type = "OnDelete";
  world.set.template_labels["team"] = "b";
  world.reconcile();
  EXPECT_THAT(changes_of<PatchObject>(world.last, "Workspace"), SizeIs(3));
  EXPECT_TRUE(world.settle([&] { EXPECT_EQ(world.serving(), 3); }));
}

TEST(TemplateChange, IsInPlaceWhereAWorkspaceMayChange) {
  apis::InferenceSet set = a_set(1);
  set.template_annotations = {{"kaito.sh/performance-mode", "balanced"}};
  const auto child = detail::wanted_child(set, {});
  const auto change_to = [&](const std::function<void(apis::InferenceSet&)>& edit) {
    apis::InferenceSet edited = set;
    edit(edited);
    return detail::change_between(child, detail::wanted_child(edited, {}), {});
  };
  EXPECT_EQ(change_to([](auto&) {}), TemplateChange::kNone);
  EXPECT_EQ(change_to([](auto& s) { s.inference.preset->name = "PHI-4"; }), TemplateChange::kNone);
  EXPECT_EQ(change_to([](auto& s) { s.inference.config = "c"; }), TemplateChange::kInPlace);
  EXPECT_EQ(change_to([](auto& s) { s.inference.adapters.emplace_back(); }),
            TemplateChange::kInPlace);
  EXPECT_EQ(change_to([](auto& s) { s.template_annotations["kaito.sh/runtime"] = "vllm"; }),
            TemplateChange::kInPlace);
  EXPECT_EQ(change_to([](auto& s) { s.inference.preset->name = "phi-5"; }),
            TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) { s.inference.preset->model_access_secret = "s"; }),
            TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) { s.instance_type = "Standard_NC48ads_A100_v4"; }),
            TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) { s.label_selector.match_labels["x"] = "y"; }),
            TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) { s.partition = apis::Partition{}; }), TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) { s.template_annotations["kaito.sh/node-class-name"] = "n"; }),
            TemplateChange::kReplace);
  EXPECT_EQ(change_to([](auto& s) {
              s.inference.preset.reset();
              s.inference.pod_template = Json::object();
            }),
            TemplateChange::kReplace);
}

// What the template no longer says must go from a child too, or a rollback would not be one.
TEST(InferenceSetPlan, TakesBackWhatATemplateAdded) {
  World world = a_running_world(1);
  const Json before = world.children.begin()->second.document;
  world.set.template_annotations["kaito.sh/performance-mode"] = "throughput";
  world.set_config("good");
  ASSERT_TRUE(world.settle());
  const auto edited = parsed(world.children.begin()->second.document);
  EXPECT_EQ(edited.meta.annotation("kaito.sh/performance-mode"), "throughput");
  EXPECT_EQ(edited.inference->config, "good");
  world.set.template_annotations.clear();
  world.set_config("");
  ASSERT_TRUE(world.settle());
  const Json after = world.children.begin()->second.document;
  EXPECT_EQ(after["inference"], before["inference"]);
  EXPECT_FALSE(after["metadata"]["annotations"].contains("kaito.sh/performance-mode"));
}

// The status of a child that was just patched is that of its old pods.
TEST(InferenceSetPlan, DoesNotBelieveTheStatusBeforeAPatchHasSettled) {
  World world = a_running_world(2);
  world.set.template_annotations["kaito.sh/performance-mode"] = "throughput";
  const int before = world.patched;
  world.reconcile();
  EXPECT_EQ(world.patched, before + 1);
  world.reconcile();
  EXPECT_EQ(codec::number_or(world.set.status, "readyReplicas", -1), 1);
  EXPECT_THAT(changes_of<PatchObject>(world.last, "Workspace"), IsEmpty());
  EXPECT_EQ(world.last.requeue_after, std::chrono::milliseconds{15'000});
}

TEST(InferenceSetPlan, StallsWhenTheDeadlinePasses) {
  World world = a_running_world(2);
  world.load_steps = 1000;
  world.set.update_strategy.progress_deadline = std::chrono::seconds{100};
  world.set_config("good-but-slow");
  for (int i = 0; i < 4; ++i) {
    world.reconcile();
    world.step();
  }
  EXPECT_EQ(world.condition("RolloutProgressing").reason, "RolloutInProgress");
  EXPECT_TRUE(world.last.requeue_after);
  for (int i = 0; i < 3; ++i) {
    world.reconcile();
    world.step();
  }
  EXPECT_EQ(world.condition("RolloutProgressing").reason, "RolloutStalled");
  EXPECT_THAT(world.condition("RolloutProgressing").message, HasSubstr("after 100 s"));
}

TEST(InferenceSetPlan, WarnsOnceThatARolloutStalled) {
  World world = a_running_world(2);
  world.set_config("bad");
  int warnings = 0;
  ASSERT_TRUE(world.settle([&] {
    for (const auto& event : world.last.events) warnings += event.reason == "RolloutStalled";
  }));
  EXPECT_EQ(warnings, 1);
}

TEST(InferenceSetPlan, LeavesTheRolloutToTheUserUnderOnDelete) {
  World world = a_running_world(2);
  const auto before = world.names();
  world.set.update_strategy.type = "OnDelete";
  world.set_config("good");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.names(), before);
  EXPECT_EQ(world.running("good"), 0);
  EXPECT_EQ(world.condition("RolloutProgressing").reason, "WaitingForDelete");
  EXPECT_THAT(world.condition("RolloutProgressing").message, HasSubstr(before.front()));
  world.remove(before.front());
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.running("good"), 1);
}

// A node that dies after the roll-out is no reason to blame the template.
TEST(InferenceSetPlan, DoesNotBlameTheTemplateOnceItHasServed) {
  World world = a_running_world(1);
  auto& child = world.children.begin()->second;
  for (auto& condition : child.status.conditions) {
    condition.status = apis::ConditionStatus::kFalse;
    condition.reason = "NodeDiskPressure";
  }
  world.reconcile();
  EXPECT_EQ(world.condition("RolloutProgressing").reason, "RolloutComplete");
  EXPECT_EQ(world.condition("InferenceSetReady").status, apis::ConditionStatus::kFalse);
  EXPECT_THAT(world.condition("InferenceSetReady").message, HasSubstr("NodeDiskPressure"));
}

// One replica more than asked for, as during an upgrade, is not "not ready".
TEST(InferenceSetPlan, IsReadyWithMoreThanWanted) {
  World world = a_running_world(3);
  world.scale(2);
  world.reconcile();
  EXPECT_EQ(world.condition("InferenceSetReady").status, apis::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("InferenceSetReady").reason, "inferencesetReady");
  EXPECT_EQ(codec::number_or(world.set.status, "replicas", -1), 3);  // Observed, not wished.
  EXPECT_EQ(codec::string_or(world.set.status, "selector", ""),
            "inferenceset.kaito.sh/created-by=phi");
}

// A replica on its way out serves nobody.
TEST(InferenceSetPlan, DoesNotCountWhatIsBeingDeleted) {
  World world = a_running_world(2);
  world.vanish_steps = 5;
  world.remove(world.names().front());
  world.reconcile();
  EXPECT_EQ(codec::number_or(world.set.status, "readyReplicas", -1), 1);
  EXPECT_EQ(world.condition("InferenceSetReady").status, apis::ConditionStatus::kFalse);
  EXPECT_EQ(world.created, 2);  // It still holds its node.
}

TEST(InferenceSetPlan, SaysWhatWakesASetThatIsScaledToZero) {
  World world = a_running_world(1);
  world.scale(0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.live(), 0);
  const auto ready = world.condition("InferenceSetReady");
  EXPECT_EQ(ready.reason, "ScaledToZero");
  EXPECT_THAT(ready.message, HasSubstr("spec.replicas is raised"));
}

TEST(InferenceSetPlan, KeepsTheNodeLimit) {
  World world(a_set(4));
  world.set.node_count_limit = 5;
  world.reconcile();
  EXPECT_EQ(world.created, 1);  // How many nodes a replica takes is not known yet.
  world.reconcile();
  EXPECT_EQ(world.created, 1);
  EXPECT_THAT(world.condition("InferenceSetReady").message, HasSubstr("waiting for the first"));
  world.children.begin()->second.status.target_node_count = 2;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.created, 2);
  EXPECT_EQ(world.condition("InferenceSetReady").reason, "NodeCountLimitReached");
  EXPECT_THAT(world.condition("InferenceSetReady").message,
              HasSubstr("spec.nodeCountLimit 5 allows no more"));
  world.set.node_count_limit = 8;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.created, 4);
}

TEST(InferenceSetPlan, AddsUpWhatReplicasMeasured) {
  World world = a_running_world(2);
  const auto measure = [&](auto it, const char* value) {
    it->second.status.performance = {{.name = "peakTokensPerMinute",
                                      .description = "",
                                      .value = value,
                                      .unit = "tokens/min",
                                      .config = {{"engine", "vllm"}, {"durationSec", "60"}}}};
  };
  measure(world.children.begin(), "1000.5");
  world.reconcile();
  EXPECT_EQ(world.condition("BenchmarkCompleted").reason, "BenchmarkPending");
  measure(std::next(world.children.begin()), "2000.25");
  world.reconcile();
  EXPECT_EQ(world.condition("BenchmarkCompleted").status, apis::ConditionStatus::kTrue);
  const Json metric = world.set.status["performance"]["metrics"]["aggregatedPeakTokensPerMinute"];
  EXPECT_EQ(metric["value"], "3000.75");
  EXPECT_EQ(metric["config"], Json::parse(R"({"engine": "vllm"})"));
}

TEST(InferenceSetPlan, AddsItsFinalizerAndKeepsTheOthers) {
  apis::InferenceSet set = a_set(0);
  set.meta.finalizers = {"other"};
  const auto plan = plan_inference_set(set, {}, {}, "2026-01-01T00:00:00Z");
  const auto patches = changes_of<PatchObject>(plan, "InferenceSet");
  ASSERT_FALSE(patches.empty());
  EXPECT_EQ(patches.front().patch["metadata"]["finalizers"],
            Json::parse(R"(["other", "inferenceset.finalizer.kaito.sh"])"));
  EXPECT_EQ(patches.front().patch["metadata"]["resourceVersion"], "1");
}

// Status writes wake the controller: what it writes must not differ from what it wrote.
TEST(InferenceSetPlan, SaysTheSameOfTheSame) {
  World world = a_running_world(2);
  const Json status = world.set.status;
  world.step();
  EXPECT_FALSE(world.reconcile());
  EXPECT_EQ(world.last.status, status);
  EXPECT_FALSE(world.last.requeue_after);
  EXPECT_THAT(world.last.events, IsEmpty());
}

class ImageUpgradeTest : public testing::Test {
 protected:
  ImageUpgradeTest() {
    world_.settings.auto_upgrade = true;
    world_.set.auto_upgrade.enabled = true;
  }
  Plan plan() {
    InferenceSetObservation observed;
    for (const auto& [name, child] : world_.children) {
      auto workspace = parsed(child.document);
      workspace.status = child.status;
      observed.children.push_back(workspace);
      observed.stateful_sets.push_back(
          {{"metadata", {{"name", name}, {"generation", 2}}},
           {"spec",
            {{"replicas", 1},
             {"template",
              {{"spec", {{"containers", Json::array({{{"image", images_[name]}}})}}}}}}},
           {"status", {{"observedGeneration", 2}, {"readyReplicas", ready_[name]}}}});
    }
    observed.revision_documents = world_.revisions;
    Plan plan = plan_inference_set(world_.set, observed, world_.settings, world_.now());
    world_.set.status = plan.status;
    return plan;
  }
  void run(const std::string& name, const std::string& image, int ready) {
    images_[name] = image;
    ready_[name] = ready;
  }

  World world_ = a_running_world(2);
  const std::string old_ = "mcr.microsoft.com/aks/kaito/kaito-base:0.4.0";
  const std::string new_ = world_.settings.base_image();
  std::map<std::string, std::string> images_;
  std::map<std::string, int> ready_;
};

TEST_F(ImageUpgradeTest, LabelsOneAfterTheOther) {
  const auto names = world_.names();
  for (const auto& name : names) run(name, old_, 1);
  auto patches = changes_of<PatchObject>(plan(), "Workspace");
  ASSERT_THAT(patches, SizeIs(1));
  EXPECT_EQ(patches[0].patch["metadata"]["labels"]["kaito.sh/upgrade-to-version"], "0.5.0");
  EXPECT_EQ(world_.set.status["autoUpgrade"]["numDriftedWorkspaces"], 2);
  const std::string first = patches[0].key.name;
  world_.children.at(first).document.merge_patch(patches[0].patch);
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), IsEmpty());
  run(first, new_, 0);  // Still loading.
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), IsEmpty());
  run(first, new_, 1);
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), SizeIs(1));
  for (const auto& name : names) run(name, new_, 1);
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), IsEmpty());
  EXPECT_EQ(world_.set.status["autoUpgrade"]["numDriftedWorkspaces"], 0);
  EXPECT_EQ(world_.set.status["autoUpgrade"]["lastSuccessfulUpgradeTime"], world_.now());
}

TEST_F(ImageUpgradeTest, WaitsForTheWindow) {
  for (const auto& name : world_.names()) run(name, old_, 1);
  world_.set.auto_upgrade.window = {.schedule = "not a schedule"};
  const Plan closed = plan();
  EXPECT_THAT(changes_of<PatchObject>(closed, "Workspace"), IsEmpty());
  EXPECT_EQ(closed.requeue_after, std::chrono::minutes{5});
  world_.set.auto_upgrade.window = {.schedule = "* * * * *"};
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), SizeIs(1));
}

TEST_F(ImageUpgradeTest, SurgesWithOneMore) {
  for (const auto& name : world_.names()) run(name, old_, 1);
  world_.set.auto_upgrade.strategy = apis::UpgradeStrategy::kSurge;
  const Plan surge = plan();
  EXPECT_THAT(changes_of<PatchObject>(surge, "Workspace"), IsEmpty());
  const auto creates = changes_of<CreateObject>(surge, "Workspace");
  ASSERT_THAT(creates, SizeIs(1));
  const std::string name = creates[0].object["metadata"]["name"];
  world_.children[name].document = creates[0].object;
  run(name, new_, 0);
  const Plan waiting = plan();
  EXPECT_THAT(changes_of<CreateObject>(waiting, "Workspace"), IsEmpty());
  EXPECT_THAT(changes_of<DeleteObject>(waiting, "Workspace"), IsEmpty());
  EXPECT_TRUE(apis::is_true(apis::parse_conditions(waiting.status), "InferenceSetReady"));
  for (int i = 0; i < 4; ++i) world_.step();
  run(name, new_, 1);
  const auto deletes = changes_of<DeleteObject>(plan(), "Workspace");
  ASSERT_THAT(deletes, SizeIs(1));
  EXPECT_NE(deletes[0].key.name, name);
}

// Images of our own runtimes are not KAITO's base image.
TEST_F(ImageUpgradeTest, LeavesOtherImagesAlone) {
  for (const auto& name : world_.names()) run(name, "ghcr.io/rage/rage-llamacpp:1", 1);
  EXPECT_THAT(changes_of<PatchObject>(plan(), "Workspace"), IsEmpty());
  EXPECT_EQ(world_.set.status["autoUpgrade"]["numDriftedWorkspaces"], 0);
}

}  // namespace
}  // namespace rage::op
