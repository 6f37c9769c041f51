#include "routing/inference_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_for_test.h"
#include "codec/yaml.h"
#include "routing/endpoints_file.h"

namespace rage::routing {
namespace {

using codec::yaml_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<InferencePool> pool_of(std::string_view spec) {
  return parse_inference_pool(
      yaml_of(fmt::format("{{apiVersion: inference.networking.k8s.io/v1, kind: InferencePool, "
                          "metadata: {{name: pool, namespace: ns}}, spec: {}}}",
                          spec)));
}

constexpr const char* kSelector = "selector: {matchLabels: {app: llama}}";

TEST(InferencePool, Defaults) {
  const auto pool = pool_of(fmt::format(
      "{{{}, targetPorts: [{{number: 8000}}], endpointPickerRef: {{name: epp, port: {{number: "
      "9002}}}}}}",
      kSelector));
  ASSERT_TRUE(pool) << pool.error().message;
  const InferencePool expected{
      .name_space = "ns",
      .name = "pool",
      .selector = {{"app", "llama"}},
      .target_ports = {8000},
      .picker = EndpointPickerRef{.group = "", .kind = "Service", .name = "epp", .port = 9002}};
  EXPECT_EQ(*pool, expected);
  EXPECT_EQ(pool->picker->failure_mode, FailureMode::kClose);
  EXPECT_EQ(pool->app_protocol, AppProtocol::kHttp);
}

TEST(InferencePool, EverythingGiven) {
  const auto pool = pool_of(fmt::format(
      "{{{}, targetPorts: [{{number: 1}}, {{number: 65535}}], appProtocol: kubernetes.io/h2c, "
      "endpointPickerRef: {{group: g, kind: K, name: epp, failureMode: FailOpen}}}}",
      kSelector));
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_THAT(pool->target_ports, ElementsAre(1, 65535));
  EXPECT_EQ(pool->app_protocol, AppProtocol::kH2c);
  EXPECT_EQ(pool->picker, (EndpointPickerRef{"g", "K", "epp", 0, FailureMode::kOpen}));
  EXPECT_FALSE(pool_of(fmt::format("{{{}, targetPorts: [{{number: 80}}]}}", kSelector))->picker);
}

TEST(InferencePool, RefusesWhatTheApiServerRefuses) {
  const struct {
    std::string spec;
    const char* message;
  } kCases[] = {
      {"{targetPorts: [{number: 80}]}", "matchLabels: is required"},
      {"{selector: {matchLabels: {}}, targetPorts: [{number: 80}]}", "1 to 64"},
      {"{selector: {matchLabels: {a: 1}}, targetPorts: [{number: 80}]}", "must be strings"},
      {"{SELECTOR}", "targetPorts: is required"},
      {"{SELECTOR, targetPorts: []}", "1 to 8"},
      {"{SELECTOR, targetPorts: [{number: 1}, {number: 2}, {number: 3}, {number: 4}, {number: 5}, "
       "{number: 6}, {number: 7}, {number: 8}, {number: 9}]}",
       "1 to 8"},
      {"{SELECTOR, targetPorts: [{number: 0}]}", "1..65535"},
      {"{SELECTOR, targetPorts: [{number: 65536}]}", "1..65535"},
      {"{SELECTOR, targetPorts: [{number: '80'}]}", "number is required"},
      {"{SELECTOR, targetPorts: [{number: 80}, {number: 80}]}", "unique"},
      {"{SELECTOR, targetPorts: [{number: 80}], appProtocol: grpc}", "appProtocol"},
      {"{SELECTOR, targetPorts: [{number: 80}], endpointPickerRef: {}}", "name is required"},
      {"{SELECTOR, targetPorts: [{number: 80}], endpointPickerRef: {name: a}}", "port is required"},
      {"{SELECTOR, targetPorts: [{number: 80}], endpointPickerRef: {name: a, port: {}}}", "number"},
      {"{SELECTOR, targetPorts: [{number: 80}], endpointPickerRef: {name: a, port: {number: 1}, "
       "failureMode: Maybe}}",
       "failureMode"},
  };
  for (const auto& test : kCases) {
    std::string spec = test.spec;
    if (const auto at = spec.find("SELECTOR"); at != std::string::npos) {
      spec.replace(at, 8, kSelector);
    }
    const auto pool = pool_of(spec);
    ASSERT_FALSE(pool) << spec;
    EXPECT_EQ(pool.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(pool.error().message, HasSubstr(test.message)) << spec;
  }
  EXPECT_FALSE(parse_inference_pool(yaml_of("[]")));
  EXPECT_FALSE(parse_inference_pool(
      yaml_of("{apiVersion: inference.networking.x-k8s.io/v1alpha2, kind: InferencePool}")));
}

const InferencePool kPool{.name_space = "ns",
                          .name = "pool",
                          .selector = {{"app", "llama"}},
                          .target_ports = {8000, 8002, 8004}};

std::vector<std::string> endpoints(std::string_view metadata, std::string_view status) {
  std::vector<std::string> out;
  for (const Endpoint& endpoint : endpoints_of_pod(
           kPool, yaml_of(fmt::format("{{metadata: {}, status: {}}}", metadata, status)))) {
    out.push_back(endpoint.name() + " " + endpoint.authority());
  }
  return out;
}

constexpr const char* kMeta = "{name: p, namespace: ns, labels: {app: llama, x: y}}";
constexpr const char* kReady = "{podIP: 10.0.0.7, conditions: [{type: Ready, status: 'True'}]}";

TEST(EndpointsOfPod, OneForEachPort) {
  EXPECT_THAT(
      endpoints(kMeta, kReady),
      ElementsAre("p-rank-0 10.0.0.7:8000", "p-rank-1 10.0.0.7:8002", "p-rank-2 10.0.0.7:8004"));
  EXPECT_THAT(
      endpoints(kMeta, "{podIP: 'fd00::7', conditions: [{type: Ready, status: 'True'}]}")[0],
      "p-rank-0 [fd00::7]:8000");
}

// A rank must keep its number when others are switched off: it names a place in the metrics.
TEST(EndpointsOfPod, ActivePortsNarrowThem) {
  const struct {
    const char* annotations;
    std::vector<std::string> names;
  } kCases[] = {
      {"{}", {"p-rank-0 10.0.0.7:8000", "p-rank-1 10.0.0.7:8002", "p-rank-2 10.0.0.7:8004"}},
      {"{llm-d.ai/active-ports: '8004, 8002'}",
       {"p-rank-1 10.0.0.7:8002", "p-rank-2 10.0.0.7:8004"}},
      {"{inference.networking.k8s.io/active-ports: '8000'}", {"p-rank-0 10.0.0.7:8000"}},
      {"{llm-d.ai/active-ports: '8002', inference.networking.k8s.io/active-ports: '8000'}",
       {"p-rank-1 10.0.0.7:8002"}},
      {"{llm-d.ai/active-ports: '9999'}", {}},
      {"{llm-d.ai/active-ports: ''}", {}},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(endpoints(fmt::format("{{name: p, namespace: ns, labels: {{app: llama}}, "
                                    "annotations: {}}}",
                                    test.annotations),
                        kReady),
              test.names)
        << test.annotations;
  }
}

// A request sent to a pod that is going away, or still loading its weights, is lost.
TEST(EndpointsOfPod, NoneUnlessItServes) {
  const struct {
    const char* what;
    const char* metadata;
    const char* status;
  } kCases[] = {
      {"another namespace", "{name: p, namespace: other, labels: {app: llama}}", kReady},
      {"not selected", "{name: p, namespace: ns, labels: {app: phi}}", kReady},
      {"no labels", "{name: p, namespace: ns}", kReady},
      {"deleting",
       "{name: p, namespace: ns, labels: {app: llama}, deletionTimestamp: '2025-01-01T00:00:00Z'}",
       kReady},
      {"not ready", kMeta, "{podIP: 10.0.0.7, conditions: [{type: Ready, status: 'False'}]}"},
      {"other conditions", kMeta,
       "{podIP: 10.0.0.7, conditions: [{type: Initialized, status: 'True'}]}"},
      {"no conditions", kMeta, "{podIP: 10.0.0.7}"},
      {"no address", kMeta, "{conditions: [{type: Ready, status: 'True'}]}"},
      {"no status", kMeta, "null"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(endpoints(test.metadata, test.status), IsEmpty()) << test.what;
  }
}

TEST(EndpointsFile, ReadsYamlAndJson) {
  const auto endpoints = parse_endpoints_file(R"(
endpoints:
- {name: a, address: 10.0.0.1, port: "8000", labels: {llm-d.ai/role: decode}}
- {name: b, namespace: x, address: "fd00::1", port: 8001}
- {name: a, address: 10.0.0.3, port: "8003"}
)");
  ASSERT_TRUE(endpoints) << endpoints.error().message;
  ASSERT_EQ(endpoints->size(), 2U);
  EXPECT_EQ((*endpoints)[0].authority(), "10.0.0.3:8003");  // The last of one name.
  EXPECT_EQ((*endpoints)[0].name_space, "default");
  EXPECT_EQ((*endpoints)[1].authority(), "[fd00::1]:8001");
  EXPECT_EQ((*endpoints)[1].name_space, "x");
  EXPECT_TRUE(parse_endpoints_file(R"({"endpoints": []})"));
}

TEST(EndpointsFile, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"", "endpoints"},
      {"endpoints: {}", "endpoints"},
      {"{endpoints: [], more: 1}", "endpoints"},
      {"endpoints: [1]", "endpoints[0]: must be an object"},
      {"endpoints: [{address: 10.0.0.1, port: '1'}]", "name is required"},
      {"endpoints: [{name: a, address: 10.0.0.1}]", "port is required"},
      {"endpoints: [{name: a, address: 10.0.0.1, port: '0'}]", "port must be"},
      {"endpoints: [{name: a, address: 10.0.0.1, port: http}]", "port must be"},
      {"endpoints: [{name: a, address: localhost, port: '1'}]", "literal IP address"},
      {"endpoints: [{name: a, port: '1'}]", "literal IP address"},
      {"endpoints: [{name: 7, address: 10.0.0.1, port: '1'}]", "name must be a text"},
      {"endpoints: [{name: a, address: 10.0.0.1, port: '1', labels: {a: 1}}]", "labels"},
      {"endpoints: [{name: a, adress: 10.0.0.1, port: '1'}]", "unknown field \"adress\""},
  };
  for (const auto& test : kCases) {
    const auto endpoints = parse_endpoints_file(test.text);
    ASSERT_FALSE(endpoints) << test.text;
    EXPECT_THAT(endpoints.error().message, HasSubstr(test.message));
  }
  EXPECT_EQ(parse_endpoints_file(std::string(kEndpointsFileBytesMax + 1, ' ')).error().code,
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace rage::routing
