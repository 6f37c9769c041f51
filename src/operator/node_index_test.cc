#include "operator/node_index.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace rage::op {
namespace {

kube::ObjectPtr node(const std::string& name, const std::string& pool, int gpus) {
  Json document = {{"metadata", {{"name", name}, {"labels", {{"pool", pool}}}}}};
  document["status"]["allocatable"]["nvidia.com/gpu"] = std::to_string(gpus);
  document["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", "True"}}});
  return std::make_shared<const kube::Object>(std::move(document));
}

Json pod_document(const std::string& uid, const std::string& node, int gpus,
                  const std::string& workspace) {
  Json document = {{"metadata", {{"name", uid}, {"namespace", "ns"}, {"uid", uid}}}};
  if (!workspace.empty()) document["metadata"]["labels"]["kaito.sh/workspace"] = workspace;
  document["spec"]["nodeName"] = node;
  document["spec"]["containers"] = Json::array(
      {{{"name", "a"}, {"resources", {{"limits", {{"nvidia.com/gpu", std::to_string(gpus)}}}}}}});
  return document;
}

kube::ObjectPtr pod(const std::string& uid, const std::string& node, int gpus,
                    const std::string& workspace) {
  return std::make_shared<const kube::Object>(pod_document(uid, node, gpus, workspace));
}

class NodeIndexTest : public ::testing::Test {
 protected:
  void add_node(const kube::ObjectPtr& object) { index_.on_node({.before = {}, .after = object}); }
  void add_pod(const kube::ObjectPtr& object) { index_.on_pod({.before = {}, .after = object}); }
  int used(const std::string& as_workspace) const {
    const auto nodes = index_.matching({{"pool", "a"}}, {.ns = "ns", .name = as_workspace});
    return nodes.empty() ? -1 : nodes.front().gpus_used;
  }

  NodeIndex index_;
};

TEST_F(NodeIndexTest, FindsByAllLabelsInOrderOfName) {
  add_node(node("b", "a", 1));
  add_node(node("a", "a", 1));
  add_node(node("c", "other", 1));
  const auto found = index_.matching({{"pool", "a"}}, {});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(found[1].name, "b");
  EXPECT_EQ(index_.matching({}, {}).size(), 3U);
}

// Otherwise two Workspaces are sent to one GPU and the second waits for ever.
TEST_F(NodeIndexTest, GpusOfOthersAreUsedAndOnesOwnAreNot) {
  add_node(node("a", "a", 4));
  add_pod(pod("p1", "a", 2, "mine"));
  add_pod(pod("p2", "a", 1, "other"));
  add_pod(pod("p3", "a", 1, ""));
  EXPECT_EQ(used("mine"), 2);
  EXPECT_EQ(used("other"), 3);
}

TEST_F(NodeIndexTest, APodThatHasEndedOrIsGoneHoldsNothing) {
  add_node(node("a", "a", 4));
  add_pod(pod("p1", "a", 2, "other"));
  Json ended = pod_document("p1", "a", 2, "other");
  ended["status"]["phase"] = "Succeeded";
  add_pod(std::make_shared<const kube::Object>(std::move(ended)));
  EXPECT_EQ(used("mine"), 0);
  add_pod(pod("p2", "a", 1, "other"));
  index_.on_pod({.before = pod("p2", "a", 1, "other"), .after = {}});
  EXPECT_EQ(used("mine"), 0);
}

// Between the plan and the pods' binding nobody else may be given the same GPUs.
TEST_F(NodeIndexTest, APromiseCountsUntilThePodsAreThereAndNotTwice) {
  add_node(node("a", "a", 4));
  index_.promise({.ns = "ns", .name = "other"}, {"a"}, 2);
  EXPECT_EQ(used("mine"), 2);
  EXPECT_EQ(used("other"), 0);
  add_pod(pod("p1", "a", 2, "other"));
  EXPECT_EQ(used("mine"), 2);
  index_.promise({.ns = "ns", .name = "other"}, {}, 0);
  index_.on_pod({.before = pod("p1", "a", 2, "other"), .after = {}});
  EXPECT_EQ(used("mine"), 0);
}

TEST(GpusOfPod, NonsenseIsNone) {
  EXPECT_EQ(gpus_of_pod(Json()), 0);
  EXPECT_EQ(gpus_of_pod(Json::parse(R"({"spec":{"containers":{"a":1}}})")), 0);
  EXPECT_EQ(gpus_of_pod(Json::parse(R"({"spec":{"containers":[1,{"resources":[]}]}})")), 0);
}

// Heartbeats would wake every Workspace of a large cluster every few seconds.
TEST(TrimNode, DropsWhatOnlyTicks) {
  Json node = Json::parse(
      R"({"status":{"images":[1],"conditions":[{"type":"Ready","lastHeartbeatTime":"t"},3]}})");
  trim_node(node);
  EXPECT_EQ(node, Json::parse(R"({"status":{"conditions":[{"type":"Ready"},3]}})"));
}

}  // namespace
}  // namespace rage::op
