// The driver against an API server in memory: what a plan decided reaches it, and nothing more.
#include "workloads/workloads.h"

#include <gmock/gmock.h>

#include "kube/fake_client_for_test.h"
#include "workloads/carry_out.h"
#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

class Driver : public testing::Test {
 protected:
  // Until `done` says so; the fake's watch tells of every write.
  template <class Done>
  bool wait_until(Done done) {
    const SteadyTime deadline = clock.now() + 20s;
    while (!done()) {
      if (clock.now() > deadline) return false;
      clock.sleep_for(1ms, {});
    }
    return true;
  }

  SystemClock clock;
  kube::FakeKubeClient client;
  obs::MetricRegistry metrics;
};

TEST_F(Driver, RefusesAVolumesFolderThatIsNoAbsolutePath) {
  Workloads workloads(client, clock, metrics, {.volumes_folder = "volumes"});
  const auto started = workloads.start(Context::with_timeout(5s));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(Driver, ADeploymentBecomesPodsOnTheBaseNode) {
  // The fake drops the status that a Node is made with.
  client.seed(kinds().node, parse(R"({"metadata": {"name": "local"},
      "status": {"conditions": [{"type": "Ready", "status": "True"}]}})"));
  client.seed(kinds().deployment, parse(R"({"metadata": {"name": "web", "namespace": "default"},
      "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
               "template": {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "c", "image": "i"}]}}}})"));
  Workloads workloads(client, clock, metrics,
                      {.volumes_folder = "/nowhere", .capacity = this_machine()});
  ASSERT_TRUE(workloads.start(Context::with_timeout(20s)));
  EXPECT_TRUE(wait_until([&] {
    int bound = 0;
    for (const Json& pod : client.peek_all(kinds().pod)) {
      bound += detail::text_at(pod, {"spec", "nodeName"}) == "local" ? 1 : 0;
    }
    return bound == 2;
  }));
  EXPECT_EQ(client.peek_all(kinds().pod).size(), 2U);
  EXPECT_EQ(client.peek_all(kinds().replica_set).size(), 1U);
  workloads.drain(1s);
}

// A folder is deleted with all that is in it: one wrong path is somebody's home.
TEST_F(Driver, RemovesNoFolderOutsideOfTheVolumes) {
  kube::EventRecorder events(client, clock);
  Deleted deleted;
  const Hands hands{
      .client = client, .events = events, .deleted = deleted, .volumes_folder = "/a/volumes"};
  const Json claim = parse(R"({"metadata": {"name": "v"}})");
  for (const char* path : {"/a", "/a/volumes", "/a/volumes/", "/a/volumes/x/y", "/a/volumes/..",
                           "relative", "", "/a/volumes/."}) {
    Plan plan;
    plan.changes.emplace_back(RemoveFolder{path});
    EXPECT_FALSE(carry_out(Context(), hands, kinds().volume, claim, plan)) << path;
  }
}

TEST(DeletedUids, AreForgottenInOrder) {
  Deleted deleted;
  for (int i = 0; i < 5000; ++i) deleted.add(std::to_string(i));
  EXPECT_FALSE(deleted.contains("0"));
  EXPECT_TRUE(deleted.contains("4999"));
}

TEST(MergePatch, TurnsOneDocumentIntoAnother) {
  const Json from = parse(R"({"a": 1, "b": {"c": [1], "d": 2}, "e": 3})");
  const Json to = parse(R"({"a": 1, "b": {"c": [2], "f": {}}})");
  const Json patch = merge_patch_of(from, to);
  EXPECT_EQ(patch, parse(R"({"b": {"c": [2], "f": {}, "d": null}, "e": null})"));
  Json patched = from;
  patched.merge_patch(patch);
  EXPECT_TRUE(detail::same_json(patched, to));
  EXPECT_TRUE(merge_patch_of(to, to).empty());
}

}  // namespace
}  // namespace rage::workloads
