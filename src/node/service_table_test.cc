#include "node/service_table.h"

#include <gmock/gmock.h>

#include <set>

#include "codec/json_for_test.h"
#include "node/node_status.h"

namespace rage::node {
namespace {

using codec::json_of;
using testing::ElementsAre;

Json a_service(std::string_view spec) {
  return json_of(
      fmt::format(R"({{"metadata":{{"name":"rag","namespace":"demo"}},"spec":{}}})", spec));
}

Json a_slice(std::string_view rest) {
  return json_of(fmt::format(R"({{"metadata":{{"name":"rag-x","namespace":"demo",
      "labels":{{"kubernetes.io/service-name":"rag"}}}},{}}})",
                             rest));
}

// Only pods that are ready get requests, at the port that carries the Service port's name.
TEST(PlanServices, ReadyEndpointsOfThePortsName) {
  const ServiceTable table =
      plan_services({a_service(R"({"clusterIP":"127.96.0.9","ports":[{"name":"http","port":80},
                    {"name":"dns","port":53,"protocol":"UDP"}]})")},
                    {a_slice(R"("ports":[{"name":"http","port":5000},{"name":"other","port":1}],
                  "endpoints":[{"addresses":["127.97.0.3"],"conditions":{"ready":true}},
                               {"addresses":["127.97.0.2"]},
                               {"addresses":["127.97.0.4"],"conditions":{"ready":false}}])"),
                     a_slice(R"("ports":[{"name":"http","port":5000}],
                  "endpoints":[{"addresses":["127.97.0.3"]}])")});
  ASSERT_EQ(table.size(), 1U);
  const auto& [key, port] = *table.begin();
  EXPECT_EQ(key, (ServicePortKey{"demo", "rag", 80}));
  EXPECT_EQ(port.cluster_ip, "127.96.0.9");
  EXPECT_THAT(port.targets,
              ElementsAre(net::TcpTarget{"127.97.0.2", 5000}, net::TcpTarget{"127.97.0.3", 5000}));
}

TEST(PlanServices, LeavesOutWhatHasNoAddress) {
  EXPECT_EQ(
      plan_services({a_service(R"({"type":"ExternalName","ports":[{"port":80}]})")}, {}).size(),
      0U);
  EXPECT_EQ(plan_services({a_service(R"({"ports":[{"port":80}]})")}, {}).size(), 0U);
  const ServiceTable headless =
      plan_services({a_service(R"({"clusterIP":"None","ports":[{"port":80}]})")}, {});
  ASSERT_EQ(headless.size(), 1U);
  EXPECT_EQ(headless.begin()->second.cluster_ip, "");
}

TEST(RenderServices, RoundTripAndCurlsWordsForThem) {
  const std::vector<ServiceAddress> services = {{{"demo", "rag", 80}, "127.96.0.9", 40080},
                                                {{"other", "db", 5}, "127.96.0.8", 5}};
  EXPECT_EQ(parse_services(render_services(services)), services);
  EXPECT_EQ(parse_services("no json").size(), 0U);
  EXPECT_EQ(render_curl_config(services, "demo"),
            "connect-to = \"rag.demo:80:127.96.0.9:40080\"\n"
            "connect-to = \"rag.demo.svc:80:127.96.0.9:40080\"\n"
            "connect-to = \"rag.demo.svc.cluster.local:80:127.96.0.9:40080\"\n"
            "connect-to = \"rag:80:127.96.0.9:40080\"\n"
            "connect-to = \"db.other:5:127.96.0.8:5\"\n"
            "connect-to = \"db.other.svc:5:127.96.0.8:5\"\n"
            "connect-to = \"db.other.svc.cluster.local:5:127.96.0.8:5\"\n");
}

// Two pods must never share an address, or one would get the other's requests.
TEST(FreePodIp, GivesEachAddressOnceAndNoneWhenAllAreTaken) {
  std::set<std::string> used = {"127.97.0.2"};
  std::uint32_t cursor = 0;
  const auto in_use = [&](const std::string& ip) { return used.contains(ip); };
  EXPECT_EQ(free_pod_ip(cursor, in_use), "127.97.0.3");
  EXPECT_EQ(free_pod_ip(cursor, in_use), "127.97.0.4");
  cursor = 0xFFFC;
  EXPECT_EQ(free_pod_ip(cursor, in_use), "127.97.255.254");
  EXPECT_EQ(free_pod_ip(cursor, in_use), "127.97.0.3");
  EXPECT_EQ(free_pod_ip(cursor, [](const std::string&) { return true; }), "");
}

// What a NodeClaim says of its Node (a GPU) must stay, and a Node that is as it should be is not
// written again.
TEST(PlanNodeStatus, KeepsWhatOthersSayAndIsSilentThen) {
  const Machine machine{.cpus = 4, .memory_bytes = 8ULL << 30, .hostname = "h"};
  const WallTime now = std::chrono::system_clock::from_time_t(1'800'000'000);
  Json node = json_of(R"({"metadata":{"name":"n","uid":"u"},
      "status":{"capacity":{"nvidia.com/gpu":"1","cpu":"24"}}})");
  const Json status = plan_node_status(node, machine, 110, "v1", now);
  EXPECT_EQ(status["capacity"]["nvidia.com/gpu"], "1");
  EXPECT_EQ(status["capacity"]["cpu"], "24");
  EXPECT_EQ(status["allocatable"]["memory"], "8388608Ki");
  EXPECT_EQ(status["conditions"][0]["type"], "Ready");
  EXPECT_EQ(status["conditions"][0]["status"], "True");
  node["status"] = status;
  EXPECT_EQ(plan_node_status(node, machine, 110, "v1", now + std::chrono::hours(1)), status);
}

// A roll-out must not cost a request: who is about to stop gets no new connection.
TEST(LeaveOut, TakesOutWhoLeavesWhereOthersStay) {
  const net::TcpTarget leaving{"127.97.0.1", 80};
  const net::TcpTarget staying{"127.97.0.2", 80};
  ServiceTable table;
  table[{"n", "both", 80}].targets = {leaving, staying};
  table[{"n", "last", 80}].targets = {leaving};
  leave_out({leaving.address}, table);
  EXPECT_EQ((table[{"n", "both", 80}].targets), (std::vector{staying}));
  EXPECT_EQ((table[{"n", "last", 80}].targets), (std::vector{leaving}));
}

// People and scripts know 127.0.0.1:8300; it must lead to the one RAG service they mean.
TEST(PlanPublished, FindsServicesByNameOrByWhoOwnsThem) {
  const auto service = [](const char* name, const char* created, const char* owner) {
    Json made = a_service(R"({"clusterIP":"127.96.0.9","ports":[{"port":80},{"port":81}]})");
    made["metadata"]["name"] = name;
    made["metadata"]["creationTimestamp"] = created;
    made["metadata"]["ownerReferences"] = {{{"kind", owner}, {"controller", true}}};
    return made;
  };
  Json headless = service("a", "2025", "RAGEngine");
  headless["spec"]["clusterIP"] = "None";
  const std::vector<Json> services = {service("b", "2027", "RAGEngine"),
                                      service("c", "2026", "RAGEngine"),
                                      service("web", "2026", "None"), headless};
  std::vector<PublishRule> rules;
  for (const char* text : {"8300=demo/none", "8300=RAGEngine", "8302=demo/web", "8303=Gateway"}) {
    rules.push_back(*parse_publish_rule(text));
  }
  const auto published = plan_published(rules, services);
  ASSERT_EQ(published.size(), 2U);
  EXPECT_EQ(published.at(8300), (ServicePortKey{"demo", "c", 80}));
  EXPECT_EQ(published.at(8302), (ServicePortKey{"demo", "web", 80}));
  for (const char* wrong : {"", "8300", "x=a/b", "0=a/b", "70000=a/b", "1=/b", "1=a/", "1="}) {
    EXPECT_FALSE(parse_publish_rule(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace rage::node
