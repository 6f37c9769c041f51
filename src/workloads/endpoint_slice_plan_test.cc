#include "workloads/endpoint_slice_plan.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

class EndpointSlicePlan : public testing::Test {
 protected:
  void serve(const char* spec) {
    world.put(kinds().service, {{"metadata", {{"name", "web"}, {"labels", {{"team", "a"}}}}},
                                {"spec", parse(spec)}});
  }
  void add_pod(const char* name, const char* address, const char* ready = "True", int port = 8001) {
    Json pod = parse(R"({"metadata": {"labels": {"app": "web"}}, "spec": {"nodeName": "local"}})");
    pod["metadata"]["name"] = name;
    pod["spec"]["containers"] = Json::array(
        {{{"name", "c"}, {"ports", Json::array({{{"name", "http"}, {"containerPort", port}}})}}});
    pod["status"] = {{"phase", "Running"}, {"podIP", address}};
    pod["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", ready}}});
    world.put(kinds().pod, std::move(pod));
  }
  Plan pass() {
    Plan plan = plan_endpoint_slices({.service = world.get(kinds().service, "web"),
                                      .pods = world.all(kinds().pod),
                                      .slices = world.all(kinds().slice)});
    world.carry_out(kinds().service, "web", plan);
    return plan;
  }
  Json only_slice() {
    const std::vector<Json> slices = world.all(kinds().slice);
    EXPECT_EQ(slices.size(), 1U);
    return slices.empty() ? Json() : slices[0];
  }
  World world;
};

TEST_F(EndpointSlicePlan, ListsPodsWithTheirConditionsAndThenIsSilent) {
  serve(R"({"selector": {"app": "web"}, "clusterIP": "127.96.0.9",
            "ports": [{"port": 80, "targetPort": "http"}]})");
  add_pod("a", "127.97.0.1");
  add_pod("b", "127.97.0.2", "False");
  add_pod("c", "");         // No address yet.
  add_pod("d", "fd00::1");  // Not IPv4.
  add_pod("e", "127.97.0.5");
  world.finish("e", "Succeeded");
  pass();
  const Json slice = only_slice();
  EXPECT_EQ(slice["ports"], parse(R"([{"name": "", "protocol": "TCP", "port": 8001}])"));
  ASSERT_EQ(slice["endpoints"].size(), 2U);
  EXPECT_EQ(slice["endpoints"][0]["addresses"][0], "127.97.0.1");
  EXPECT_EQ(slice["endpoints"][0]["conditions"],
            parse(R"({"ready": true, "serving": true, "terminating": false})"));
  EXPECT_EQ(slice["endpoints"][1]["conditions"]["ready"], false);
  EXPECT_EQ(slice["endpoints"][0]["nodeName"], "local");
  const Json& labels = slice["metadata"]["labels"];
  EXPECT_EQ(labels["kubernetes.io/service-name"], "web");
  EXPECT_EQ(labels["team"], "a");
  EXPECT_TRUE(pass().changes.empty());
}

// A proxy that sent new connections to a pod that ends would drop them.
TEST_F(EndpointSlicePlan, APodThatEndsStaysAsTerminating) {
  serve(R"({"selector": {"app": "web"}, "ports": [{"port": 8001}]})");
  add_pod("a", "127.97.0.1");
  pass();
  world.remove(kinds().pod, "a");
  pass();
  EXPECT_EQ(only_slice()["endpoints"][0]["conditions"],
            parse(R"({"ready": false, "serving": true, "terminating": true})"));
  world.end_pods();
  pass();
  EXPECT_TRUE(world.all(kinds().slice).empty());
}

TEST_F(EndpointSlicePlan, PodsThatNameAnotherPortHaveASliceOfTheirOwn) {
  serve(R"({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]})");
  add_pod("a", "127.97.0.1", "True", 8001);
  add_pod("b", "127.97.0.2", "True", 9001);
  pass();
  std::vector<int> ports;
  for (const Json& slice : world.all(kinds().slice)) ports.push_back(slice["ports"][0]["port"]);
  EXPECT_THAT(ports, testing::UnorderedElementsAre(8001, 9001));
}

TEST_F(EndpointSlicePlan, AHeadlessServiceHasHostnamesAndMayPublishTheUnready) {
  serve(R"({"selector": {"app": "web"}, "clusterIP": "None", "publishNotReadyAddresses": true})");
  add_pod("web-0", "127.97.0.1", "False");
  world.get(kinds().pod, "web-0")["spec"]["hostname"] = "web-0";
  world.get(kinds().pod, "web-0")["spec"]["subdomain"] = "web";
  pass();
  const Json slice = only_slice();
  EXPECT_EQ(slice["endpoints"][0]["hostname"], "web-0");
  EXPECT_EQ(slice["endpoints"][0]["conditions"]["ready"], true);
  EXPECT_EQ(slice["endpoints"][0]["conditions"]["serving"], false);
  EXPECT_TRUE(slice["metadata"]["labels"].contains("service.kubernetes.io/headless"));
}

TEST_F(EndpointSlicePlan, SplitsAHundredAndLeavesOthersSlicesAlone) {
  serve(R"({"selector": {"app": "web"}, "ports": [{"port": 1}]})");
  for (int i = 0; i < 150; ++i) add_pod(fmt::format("p{}", i).c_str(), "127.97.0.1");
  world.put(kinds().slice, parse(R"({"metadata": {"name": "by-hand",
      "labels": {"kubernetes.io/service-name": "web"}}, "endpoints": []})"));
  pass();
  EXPECT_EQ(world.all(kinds().slice).size(), 3U);
  EXPECT_TRUE(world.has(kinds().slice, "by-hand"));
}

TEST_F(EndpointSlicePlan, WithoutASelectorNothingIsMade) {
  serve(R"({"ports": [{"port": 1}]})");
  add_pod("a", "127.97.0.1");
  EXPECT_TRUE(pass().changes.empty());
}

}  // namespace
}  // namespace rage::workloads
