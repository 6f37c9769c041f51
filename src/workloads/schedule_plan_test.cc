#include "workloads/schedule_plan.h"

#include <gmock/gmock.h>

#include "apis/quantity.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

Json a_node(const char* name, const char* more = "{}") {
  Json node = parse(R"({"metadata": {"labels": {"kubernetes.io/os": "linux"}}, "spec": {},
      "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"},
                 "conditions": [{"type": "Ready", "status": "True"}]}})");
  node["metadata"]["name"] = name;
  node["metadata"]["labels"]["kubernetes.io/hostname"] = name;
  node.merge_patch(parse(more));
  return node;
}

Json a_pod(const char* spec = "{}") {
  return {{"metadata", {{"name", "p"}, {"namespace", "default"}, {"uid", "u"}}},
          {"spec", parse(spec)},
          {"status", {{"phase", "Pending"}}}};
}

// Where it goes; or, in brackets, why nowhere.
std::string place(const ScheduleObservation& observed) {
  const Plan plan = plan_schedule(observed);
  for (const Change& change : plan.changes) {
    const auto* patch = std::get_if<PatchObject>(&change);
    if (patch != nullptr && patch->patch.contains("spec")) {
      return patch->patch["spec"]["nodeName"];
    }
  }
  const Json* told = find_condition(detail::list_at(plan.status, {"conditions"}), "PodScheduled");
  return told == nullptr ? "" : "[" + told->value("message", "") + "]";
}

TEST(SchedulePlan, Table) {
  const std::string gpu_node = R"({"spec": {"taints": [
      {"key": "sku", "value": "gpu", "effect": "NoSchedule"}]},
      "metadata": {"labels": {"kind": "gpu", "gpus": "2"}},
      "status": {"allocatable": {"nvidia.com/gpu": "1"}}})";
  const std::vector<Json> nodes = {a_node("a"), a_node("g", gpu_node.c_str())};
  struct Case {
    const char* spec;
    const char* want;
  };
  for (const Case& each : {
           Case{"{}", "a"},
           Case{R"({"nodeSelector": {"kind": "gpu"}})",
                "[0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
                "1 node(s) had untolerated taint {sku: gpu}.]"},
           Case{R"({"nodeSelector": {"kind": "gpu"}, "tolerations": [
                    {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}]})",
                "g"},
           Case{R"({"nodeSelector": {"kind": "gpu"}, "tolerations": [{"operator": "Exists"}]})",
                "g"},
           Case{R"({"nodeSelector": {"kind": "gpu"}, "tolerations": [
                    {"key": "sku", "value": "other"}]})",
                "[0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
                "1 node(s) had untolerated taint {sku: gpu}.]"},
           Case{R"({"tolerations": [{"operator": "Exists"}], "containers": [
                    {"resources": {"limits": {"nvidia.com/gpu": 1}}}]})",
                "g"},
           Case{R"({"tolerations": [{"operator": "Exists"}], "containers": [
                    {"resources": {"limits": {"nvidia.com/gpu": "2"}}}]})",
                "[0/2 nodes are available: 2 Insufficient nvidia.com/gpu.]"},
           Case{R"({"containers": [{"resources": {"requests": {"cpu": "2500m"}}},
                                   {"resources": {"requests": {"cpu": "1600m"}}}]})",
                "[0/2 nodes are available: 1 Insufficient cpu, "
                "1 node(s) had untolerated taint {sku: gpu}.]"},
           Case{R"({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                    {"nodeSelectorTerms": [{"matchExpressions": [
                        {"key": "gpus", "operator": "Gt", "values": ["1"]}]}]}}},
                    "tolerations": [{"operator": "Exists"}]})",
                "g"},
           Case{R"({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                    {"nodeSelectorTerms": [{"matchFields": [
                        {"key": "metadata.name", "operator": "In", "values": ["nobody"]}]}]}}}})",
                "[0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.]"},
           Case{R"({"schedulerName": "another"})", ""},
           Case{R"({"schedulingGates": [{"name": "wait"}]})", ""},
           Case{R"({"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]})",
                "[0/2 nodes are available: persistentvolumeclaim \"data\" not found.]"},
       }) {
    EXPECT_EQ(place({.pod = a_pod(each.spec), .nodes = nodes}), each.want) << each.spec;
  }
  EXPECT_EQ(place({.pod = a_pod()}), "[0/0 nodes are available.]");
}

TEST(SchedulePlan, NodesThatAreNotReadyCordonedOrFullAreNamed) {
  const std::vector<Json> nodes = {
      a_node("a", R"({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})"),
      a_node("b", R"({"spec": {"unschedulable": true}})"), a_node("c")};
  EXPECT_EQ(place({.pod = a_pod(), .nodes = nodes, .used = {{"c", {{"pods", 10}}}}}),
            "[0/3 nodes are available: 1 Too many pods, 1 node(s) were not ready, "
            "1 node(s) were unschedulable.]");
}

TEST(SchedulePlan, TheLeastLoadedNodeIsTaken) {
  const std::vector<Json> nodes = {a_node("a"), a_node("b")};
  const Json pod = a_pod(R"({"containers": [{"resources": {"requests": {"memory": "1Gi"}}}]})");
  EXPECT_EQ(place({.pod = pod, .nodes = nodes, .used = {{"a", {{"memory", 0x1p30}}}}}), "b");
  EXPECT_EQ(place({.pod = pod, .nodes = nodes, .used = {{"b", {{"pods", 3}}}}}), "a");
}

// The node agent writes a bound pod's status: nothing may overwrite it afterwards.
TEST(SchedulePlan, TheConditionIsWrittenBeforeThePodIsBound) {
  const Plan plan = plan_schedule({.pod = a_pod(), .nodes = {a_node("a")}});
  ASSERT_EQ(plan.changes.size(), 2U);
  EXPECT_EQ(std::get<PatchObject>(plan.changes[0]).subresource, "status");
  EXPECT_EQ(std::get<PatchObject>(plan.changes[1]).patch["spec"]["nodeName"], "a");
  EXPECT_TRUE(plan.status.is_null());
}

TEST(SchedulePlan, APodWhoseNodeIsGoneIsGivenUp) {
  const Plan plan =
      plan_schedule({.pod = a_pod(R"({"nodeName": "gone"})"), .nodes = {a_node("a")}});
  ASSERT_EQ(plan.changes.size(), 2U);
  EXPECT_EQ(std::get<PatchObject>(plan.changes[0]).patch["status"]["phase"], "Failed");
  EXPECT_EQ(std::get<DeleteObject>(plan.changes[1]).uid, "u");
}

TEST(SchedulePlan, InitContainersCountByTheirLargest) {
  const Json pod = a_pod(R"({"containers": [{"resources": {"requests": {"cpu": 1}}}],
      "initContainers": [{"resources": {"requests": {"cpu": 3}}},
                         {"restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
                         {"resources": {"requests": {"cpu": 2}}}],
      "overhead": {"cpu": "100m"}})");
  EXPECT_NEAR(requests_of(pod)["cpu"], 3.1, 1e-9);
}

TEST(Quantity, Table) {
  for (const auto& [text, want] :
       std::initializer_list<std::pair<const char*, double>>{{R"("250m")", 0.25},
                                                             {R"("1Gi")", 0x1p30},
                                                             {"2", 2},
                                                             {R"("1e3")", 1000},
                                                             {R"("1.5k")", 1500},
                                                             {R"("5M")", 5e6},
                                                             {R"("-1")", -1}}) {
    const auto got = apis::quantity_of(parse(text));
    ASSERT_TRUE(got) << text;
    EXPECT_DOUBLE_EQ(*got, want) << text;
  }
  for (const char* bad : {R"("")", R"("Gi")", R"("1X")", "null", R"("one")"}) {
    EXPECT_FALSE(apis::quantity_of(parse(bad))) << bad;
  }
}

}  // namespace
}  // namespace rage::workloads
