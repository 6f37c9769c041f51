#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "inspect/describe.h"
#include "inspect/doctor.h"
#include "inspect/gather.h"
#include "inspect/get.h"
#include "inspect/logs.h"
#include "inspect/wait.h"
#include "inspect/world_for_test.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::inspect {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kDiscovery = R"({"kind": "APIGroupDiscoveryList", "items": [
  {"metadata": {"name": "kaito.sh"}, "versions": [{"version": "v1beta1", "resources": [
    {"resource": "workspaces", "singularResource": "workspace", "shortNames": ["wk"],
     "scope": "Namespaced", "responseKind": {"kind": "Workspace"}, "verbs": ["list"]}]}]},
  {"metadata": {}, "versions": [{"version": "v1", "resources": [
    {"resource": "pods", "singularResource": "pod", "scope": "Namespaced",
     "responseKind": {"kind": "Pod"}, "verbs": ["list"]}]}]}]})";

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    client_.set_raw("/api", R"({"kind": "APIGroupDiscoveryList", "items": []})");
    client_.set_raw("/apis", kDiscovery);
    const World world = a_world();
    client_.seed(apis::workspace_type(), world.of("Workspace")[0]);
    client_.seed(apis::builtin_type("StatefulSet"), world.of("StatefulSet")[0]);
    client_.seed(apis::builtin_type("Pod"), world.of("Pod")[0]);
  }
  Cluster cluster() {
    return {.client = client_, .clock = clock_, .ns = "default", .output = output_};
  }
  // What was printed, or the error.
  std::string get(std::vector<std::string> arguments, std::string_view format) {
    out_.clear();
    GetCommand command{.arguments = std::move(arguments)};
    if (const auto set = set_format(command, format); !set) return set.error().message;
    const auto done = run_get({}, cluster(), command);
    return done ? out_ : done.error().message;
  }

  kube::FakeKubeClient client_;
  SystemClock clock_;
  std::string out_;
  std::string err_;
  const Output output_{.out = [this](std::string_view text) { out_ += text; },
                       .err = [this](std::string_view text) { err_ += text; }};
};

TEST_F(CommandsTest, GetsInEveryFormat) {
  EXPECT_EQ(get({"wk", "phi"}, "name"), "workspace.kaito.sh/phi\n");
  EXPECT_EQ(get({"pod/phi-0"}, "name"), "pod/phi-0\n");
  EXPECT_EQ(get({"workspace/phi"}, "jsonpath={.resource.count}"), "1");
  EXPECT_THAT(get({"wk"}, "yaml"), HasSubstr("kind: List\nmetadata:\n  resourceVersion: \"\"\n"));
  EXPECT_THAT(get({"wk", "phi"}, "json"), HasSubstr("\n    \"kind\": \"Workspace\",\n"));
  client_.set_raw("/apis/kaito.sh/v1beta1/namespaces/default/workspaces?limit=500",
                  R"({"kind": "Table", "columnDefinitions": [{"name": "Name", "format": "name"},
                      {"name": "Age"}], "rows": [{"cells": ["phi", "5s"]}]})");
  EXPECT_EQ(get({"wk"}, ""), "NAME   AGE\nphi    5s\n");
  EXPECT_EQ(get({"wk"}, "tsv"), "phi\t5s\n");
  client_.set_raw("/api/v1/namespaces/default/pods?limit=500",
                  R"({"kind": "Table", "columnDefinitions": [{"name": "Name", "format": "name"},
                      {"name": "Age"}], "rows": [{"cells": ["a-longer-name", "5s"]}]})");
  EXPECT_EQ(get({"pods,wk"}, ""),
            "NAME                AGE\npod/a-longer-name   5s\n\n"
            "NAME                     AGE\nworkspace.kaito.sh/phi   5s\n");
}

TEST_F(CommandsTest, GetSaysWhatToType) {
  EXPECT_EQ(get({"wk", "other"}, "json"), "workspaces \"other\" not found");
  EXPECT_THAT(get({"wk"}, "xml"), HasSubstr("-o takes wide, json"));
  EXPECT_THAT(get({"wk/"}, ""), HasSubstr("is no KIND/NAME"));
  EXPECT_THAT(get({"nothing"}, ""), HasSubstr("doesn't have a resource type"));
}

TEST_F(CommandsTest, WaitsForWhatIsTrueAlready) {
  EXPECT_TRUE(run_wait({}, cluster(), {.arguments = {"workspace/phi"}}));
  EXPECT_EQ(out_, "workspace.kaito.sh/phi condition met\n");
  const auto missing = run_wait({}, cluster(), {.arguments = {"workspace/other"}});
  EXPECT_EQ(missing.error().message, "workspaces \"other\" not found");
  EXPECT_TRUE(run_wait({}, cluster(), {.arguments = {"workspace/other"}, .goal = "delete"}));
}

TEST_F(CommandsTest, AWaitThatIsOverSaysWhy) {
  Json workspace = client_.peek(apis::workspace_type(), {"default", "phi"});
  set_condition(workspace, "WorkspaceSucceeded", "False", "workspacePending", "no nodes");
  client_.seed(apis::workspace_type(), workspace);
  const auto over = run_wait({}, cluster(), {.arguments = {"wk/phi"}, .timeout = 0ms});
  EXPECT_EQ(over.error().message, "timed out waiting for ready on workspaces/phi");
  EXPECT_THAT(err_, HasSubstr("[crds]"));  // The fake has none, and that explains the rest.
}

TEST(Goal, ReadsWhatKubectlReads) {
  const Json object = json_of(R"({"kind": "InferenceSet", "metadata": {"generation": 2}, "status": {
    "phase": "Up", "conditions": [
    {"type": "InferenceSetReady", "status": "True", "observedGeneration": 2},
    {"type": "Old", "status": "True", "observedGeneration": 1},
    {"type": "Off", "status": "False"}]}})");
  const std::vector<std::pair<std::string_view, bool>> table = {
      {"ready", true},
      {"condition=inferencesetready", true},
      {"condition=Old", false},  // It speaks of what was before the edit.
      {"condition=Off", false},
      {"condition=Off=false", true},
      {"create", true},
      {"delete", false},
      {"jsonpath={.status.phase}=Up", true},
      {"jsonpath=.status.phase=Down", false},
      {"jsonpath={.status.conditions[?(@.type==\"Off\")].status}=False", true},
      {"jsonpath={.status.phase}", true},
      {"jsonpath={.status.nothing}", false},
  };
  for (const auto& [text, wanted] : table) {
    const auto goal = parse_goal(text);
    ASSERT_TRUE(goal) << text;
    EXPECT_EQ(is_met(*goal, object), wanted) << text;
  }
  for (const std::string_view bad : {"", "condition=", "condition=A=", "jsonpath={", "phase=Up"}) {
    EXPECT_FALSE(parse_goal(bad)) << bad;
  }
}

TEST(Duration, ReadsGosNotation) {
  EXPECT_EQ(parse_duration("1h30m"), 5'400'000ms);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("0"), 0ms);
  for (const std::string_view bad : {"", "5", "m", "1d", "99999999999h", "1 s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST_F(CommandsTest, LogsFindThePodsBehindAResource) {
  client_.set_raw("/api/v1/namespaces/default/pods/phi-0/log?container=model", "one\ntwo");
  EXPECT_TRUE(run_logs({}, cluster(), {.arguments = {"workspace/phi"}}));
  EXPECT_EQ(out_, "one\ntwo\n");
  out_.clear();
  EXPECT_TRUE(run_logs({}, cluster(), {.arguments = {"workspace/phi"}, .prefix = true}));
  EXPECT_EQ(out_, "[pod/phi-0/model] one\n[pod/phi-0/model] two\n");
  const auto wrong = run_logs({}, cluster(), {.arguments = {"workspace/phi"}, .container = "x"});
  EXPECT_EQ(wrong.error().message, "no container x in these pods; they have model");
}

// A log without line ends must not fill the memory.
TEST(LineSplitter, CutsLinesWithoutEnd) {
  LineSplitter splitter;
  std::vector<std::size_t> sizes;
  const Sink on_line = [&](std::string_view line) { sizes.push_back(line.size()); };
  splitter.feed(std::string(100'000, 'x'), on_line);
  splitter.feed("\n\ny\nz", on_line);
  splitter.finish(on_line);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{65536, 34464, 0, 1, 1}));
}

TEST_F(CommandsTest, TheDoctorLooksAndTellsEverything) {
  const auto diagnosis = examine({}, cluster(), {"workspace/phi"});
  ASSERT_TRUE(diagnosis) << diagnosis.error().message;
  // The fake has no CRDs.
  EXPECT_EQ(diagnosis->findings.front().cause, Cause::kCrds);
  EXPECT_TRUE(examine({}, cluster(), {"pod/phi-0"}));  // What a Workspace is made of will do, too.
  EXPECT_EQ(examine({}, cluster(), {"pod/nobody"}).error().message, "pods \"nobody\" not found");
}

// Being allowed to read little is no reason to tell nothing.
TEST_F(CommandsTest, WhatIsForbiddenIsNotedAndTheRestIsSeen) {
  client_.intercept([](const kube::FakeKubeClient::Call& call) -> Result<void> {
    if (call.kind == "Node" || (call.kind == "Pod" && call.key.ns.empty())) {
      return fail(ErrorCode::kPermissionDenied, "{} is forbidden", call.kind);
    }
    return {};
  });
  const auto world = gather({}, client_, "default", Scope::kDoctor);
  ASSERT_TRUE(world);
  EXPECT_TRUE(world->unseen.contains("nodes"));
  EXPECT_EQ(world->of("Pod").size(), 1U);
}

}  // namespace
}  // namespace rage::inspect
