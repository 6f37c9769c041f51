#include "workloads/workflow_plan.h"

#include <gmock/gmock.h>

#include "workloads/workflow_steps.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

const char* const kTemplate = R"({"metadata": {"name": "pipeline"}, "spec": {
  "entrypoint": "all", "podGC": {"strategy": "OnWorkflowCompletion"},
  "arguments": {"parameters": [{"name": "host", "value": "scale23x"}]},
  "volumeClaimTemplates": [{"metadata": {"name": "work"},
      "spec": {"resources": {"requests": {"storage": "5Mi"}}}}],
  "templates": [
    {"name": "all", "steps": [[{"name": "get", "template": "fetch"}],
                              [{"name": "a", "template": "load",
                                "arguments": {"parameters": [{"name": "what", "value": "x"}]}},
                               {"name": "b", "template": "load",
                                "arguments": {"parameters": [{"name": "what", "value": "y"}]}}]]},
    {"name": "fetch", "securityContext": {"runAsUser": 1001},
     "container": {"image": "one", "volumeMounts": [{"name": "work", "mountPath": "/out"}]}},
    {"name": "load", "inputs": {"parameters": [{"name": "what"}]},
     "container": {"image": "two",
        "args": ["curl http://{{workflow.parameters.host}}/{{inputs.parameters.what}} {{ .Go }}"]}}
  ]}})";

class WorkflowPlan : public testing::Test {
 protected:
  WorkflowPlan() {
    world.put(kinds().workflow, parse(R"({"metadata": {"name": "run"},
      "spec": {"workflowTemplateRef": {"name": "pipeline"}}})"));
    pattern = parse(kTemplate);
  }
  Json& workflow() { return world.get(kinds().workflow, "run"); }
  Plan pass() {
    Plan plan = plan_workflow({.workflow = workflow(),
                               .workflow_template = pattern,
                               .pods = world.owned(kinds().pod, workflow()),
                               .claims = world.owned(kinds().claim, workflow()),
                               .now = world.now});
    world.carry_out(kinds().workflow, "run", plan);
    return plan;
  }
  std::vector<std::string> running() {
    std::vector<std::string> names;
    for (const Json& pod : world.all(kinds().pod)) {
      if (!pod.contains("status")) names.push_back(apis::parse_meta(pod).name);
    }
    return names;
  }
  void end_all(const char* phase = "Succeeded") {
    for (const std::string& name : running()) world.finish(name, phase);
  }
  std::string phase() { return detail::text_at(workflow(), {"status", "phase"}); }
  World world;
  Json pattern;
};

TEST_F(WorkflowPlan, RunsGroupAfterGroupWithOneVolume) {
  pass();
  ASSERT_EQ(running().size(), 1U);
  EXPECT_EQ(phase(), "Running");
  const Json pod = world.all(kinds().pod)[0];
  EXPECT_EQ(pod["spec"]["securityContext"]["runAsUser"], 1001);
  EXPECT_EQ(pod["spec"]["restartPolicy"], "Never");
  EXPECT_EQ(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "run-work");
  EXPECT_TRUE(world.has(kinds().claim, "run-work"));
  EXPECT_TRUE(pass().changes.empty());
  end_all();
  pass();
  ASSERT_EQ(running().size(), 2U);
  std::vector<std::string> commands;
  for (const std::string& name : running()) {
    commands.push_back(world.get(kinds().pod, name)["spec"]["containers"][0]["args"][0]);
  }
  EXPECT_THAT(commands, testing::UnorderedElementsAre("curl http://scale23x/x {{ .Go }}",
                                                      "curl http://scale23x/y {{ .Go }}"));
  end_all();
  pass();
  EXPECT_EQ(phase(), "Succeeded");
  EXPECT_EQ(workflow()["status"]["progress"], "3/3");
  EXPECT_EQ(workflow()["metadata"]["labels"]["workflows.argoproj.io/completed"], "true");
  pass();
  EXPECT_TRUE(world.all(kinds().pod).empty());
  EXPECT_TRUE(world.all(kinds().claim).empty());
}

TEST_F(WorkflowPlan, StopsAtTheFirstFailureAndSaysWhatFailed) {
  pass();
  const std::string name = running()[0];
  world.get(kinds().pod, name)["status"] = parse(R"({"phase": "Failed", "containerStatuses": [
      {"name": "main", "state": {"terminated": {"exitCode": 7, "reason": "Error"}}}]})");
  pass();
  EXPECT_EQ(phase(), "Failed");
  EXPECT_EQ(workflow()["status"]["message"], "main: Error (exit code 7): Error");
  pass();
  EXPECT_TRUE(world.has(kinds().claim, "run-work"));  // To look into.
}

// Pods are deleted as they end: what they did must not be done again.
TEST_F(WorkflowPlan, RemembersStepsWhosePodsAreGone) {
  pass();
  end_all();
  pass();
  for (const Json& pod : world.all(kinds().pod)) {
    if (pod.contains("status")) world.erase(kinds().pod, apis::parse_meta(pod).name);
  }
  pattern = Json();  // Nor does it need the template any more.
  end_all();
  pass();
  EXPECT_EQ(phase(), "Succeeded");
}

TEST_F(WorkflowPlan, WhatIsNotRunHereIsNamed) {
  struct Case {
    const char* patch;
    const char* message;
  };
  for (const Case& each : {
           Case{R"({"templates": [{"name": "all", "dag": {"tasks": []}}]})", "\"dag\""},
           Case{R"({"templates": [{"name": "all", "script": {}}]})", "\"script\""},
           Case{R"({"templates": [{"name": "all",
                    "steps": [[{"name": "a", "template": "b", "when": "1 == 2"}]]}]})",
                "\"when\""},
           Case{R"({"templates": [{"name": "all", "steps": [[{"name": "a", "template": "b"}]]}]})",
                "no template \"b\""},
           Case{
               R"({"templates": [{"name": "all", "steps": [[{"name": "a", "template": "all"}]]}]})",
               "too deep"},
           Case{R"({"templates": [{"name": "all", "container":
                    {"args": ["{{workflow.parameters.nobody}}"]}}]})",
                "{{workflow.parameters.nobody}} is not known"},
           Case{R"({"templates": [{"name": "all"}]})", "neither container nor steps"},
           Case{R"({"entrypoint": null})", "entrypoint"},
       }) {
    workflow().erase("status");
    pattern = parse(kTemplate);
    pattern["spec"].merge_patch(parse(each.patch));
    pass();
    EXPECT_EQ(phase(), "Error") << each.patch;
    EXPECT_THAT(workflow()["status"]["message"].get<std::string>(),
                testing::HasSubstr(each.message));
  }
  workflow().erase("status");
  pattern = Json();
  pass();
  EXPECT_EQ(workflow()["status"]["message"],
            "workflowtemplates.argoproj.io \"pipeline\" not found");
}

TEST_F(WorkflowPlan, DeadlineShutdownAndTimeToLive) {
  workflow()["spec"]["activeDeadlineSeconds"] = 100;
  workflow()["spec"]["ttlStrategy"] = {{"secondsAfterFailure", 50}};
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(100s));
  world.now += 100s;
  pass();
  EXPECT_EQ(workflow()["status"]["message"], "Max duration limit exceeded");
  EXPECT_EQ(pass().requeue_after, std::chrono::milliseconds(50s));
  world.now += 50s;
  pass();
  EXPECT_FALSE(world.has(kinds().workflow, "run"));
}

TEST(WorkflowSteps, TheWorkflowsOwnParametersWin) {
  const Json merged = merge_workflow_specs(
      parse(R"({"entrypoint": "a", "arguments": {"parameters": [{"name": "x", "value": 1},
                                                                {"name": "y", "value": 2}]}})"),
      parse(R"({"workflowTemplateRef": {"name": "t"},
                "arguments": {"parameters": [{"name": "y", "value": 3}, {"name": "z"}]}})"));
  EXPECT_EQ(merged, parse(R"({"entrypoint": "a", "arguments": {"parameters": [
      {"name": "x", "value": 1}, {"name": "y", "value": 3}, {"name": "z"}]}})"));
}

// Ten steps of ten steps, eight deep, would be a hundred million of them.
TEST(WorkflowSteps, StepsThatMultiplyAreRefused) {
  Json templates = Json::array();
  for (int depth = 0; depth < 8; ++depth) {
    Json members = Json::array();
    for (int i = 0; i < 10; ++i) members.push_back({{"template", fmt::format("t{}", depth + 1)}});
    templates.push_back({{"name", fmt::format("t{}", depth)}, {"steps", Json::array({members})}});
  }
  templates.push_back({{"name", "t8"}, {"steps", Json::array()}});
  const auto groups = plan_steps({{"entrypoint", "t0"}, {"templates", templates}}, {});
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().message, "too many steps");
}

// A value may come from anybody who may start a workflow: what it holds is text, not variables.
TEST(WorkflowSteps, AParametersValueIsNotFilledInAgain) {
  const auto groups = plan_steps(parse(R"({"entrypoint": "a",
        "arguments": {"parameters": [{"name": "x", "value": "{{workflow.uid}}"}]},
        "templates": [{"name": "a", "container": {"args": ["{{ workflow.parameters.x }}"]}}]})"),
                                 {.name = "w", .ns = "n", .uid = "secret"});
  ASSERT_TRUE(groups);
  EXPECT_EQ((*groups)[0][0].pattern["container"]["args"][0], "{{workflow.uid}}");
}

}  // namespace
}  // namespace rage::workloads
