#include "gateway/build_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gateway/configuration.h"
#include "gatewayapi/file_config.h"

namespace rage::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kConfig = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main}
spec:
  gatewayClassName: rage
  listeners:
  - {name: all, port: 8080, protocol: HTTP}
  - {name: one, port: 8080, protocol: HTTP, hostname: a.example}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: models
  annotations:
    rage.dev/requests-per-minute: "60"
    rage.dev/api-key-sha256: "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"
spec:
  parentRefs: [{name: main}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: phi}]
  - backendRefs: [{name: web, port: 80}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: phi, annotations: {rage.dev/endpoints: "127.0.0.1:8001, [::1]:8002"}}
spec: {selector: {matchLabels: {app: phi}}, targetPorts: [{number: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints:
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.2], conditions: {ready: false}}
)";

class NoPickers final : public PickerProvider {
 public:
  std::shared_ptr<picker::EndpointPicker> picker_of(
      const gatewayapi::World&, const gatewayapi::ObjectName& pool, const gatewayapi::CompiledPool&,
      const std::vector<routing::Endpoint>& endpoints) override {
    asked.emplace_back(pool.name + " " + std::to_string(endpoints.size()));
    return nullptr;
  }
  std::vector<std::string> asked;
};

gatewayapi::World world_of(std::string text) {
  gatewayapi::FileConfig config;
  gatewayapi::add_documents(config, text, "test.yaml");
  EXPECT_THAT(config.problems, IsEmpty());
  return std::move(config.world);
}

Configurator::Options options() {
  Configurator::Options made;
  made.compile.unknown_class = gatewayapi::CompileOptions::UnknownClass::kServe;
  made.build.address = "127.0.0.1";
  return made;
}

TEST(BuildSnapshot, TurnsObjectsIntoWhatRuns) {
  NoPickers pickers;
  Configurator configurator(options(), pickers);
  const auto snapshot = configurator.build(world_of(std::string(kConfig)));
  ASSERT_THAT(snapshot->listeners, SizeIs(1));  // One port, two hosts.
  EXPECT_EQ(snapshot->listeners[0].address, "127.0.0.1");
  EXPECT_EQ(snapshot->listeners[0].port, 8080);
  EXPECT_THAT(snapshot->listeners[0].hosts, SizeIs(2));
  EXPECT_THAT(snapshot->listeners[0].hosts[0].pools, SizeIs(1));
  const auto& service = snapshot->services.at({{"default", "web"}, 80});
  EXPECT_THAT(service.endpoints, ElementsAre(*net::Address::parse("10.0.0.1:8080")));
  const auto& pool = snapshot->pools.at({"default", "phi"});
  EXPECT_THAT(pool.endpoints, ElementsAre(*net::Address::parse("127.0.0.1:8001"),
                                          *net::Address::parse("[::1]:8002")));
  EXPECT_THAT(pickers.asked, ElementsAre("phi 2"));
  const auto& policy = snapshot->policies.at({"default", "models"});
  EXPECT_THAT(policy.api_keys, SizeIs(2));  // One, and one that nobody has.
  EXPECT_EQ(policy.limit->options().per_minute, 60);
}

// A reload must not hand out the minute's requests once more.
TEST(BuildSnapshot, KeepsRateLimitsThatHaveNotChanged) {
  NoPickers pickers;
  Configurator configurator(options(), pickers);
  const gatewayapi::ObjectName name{"default", "models"};
  const auto before = configurator.build(world_of(std::string(kConfig)));
  const auto same = configurator.build(world_of(std::string(kConfig)));
  EXPECT_EQ(before->policies.at(name).limit, same->policies.at(name).limit);
  std::string changed(kConfig);
  changed.replace(changed.find("\"60\""), 4, "\"90\"");
  const auto after = configurator.build(world_of(changed));
  EXPECT_NE(before->policies.at(name).limit, after->policies.at(name).limit);
}

// A typing mistake in the list of keys must not open the route.
TEST(BuildSnapshot, AWrongListOfKeysAdmitsNobody) {
  NoPickers pickers;
  std::string text(kConfig);
  text.replace(text.find("2bd806c9"), 64, "not-a-digest");
  const gatewayapi::World world = world_of(text);
  const auto compiled = gatewayapi::compile(world, options().compile);
  const BuiltSnapshot built = build_snapshot(world, compiled, pickers, {}, nullptr);
  EXPECT_THAT(built.problems, ElementsAre(HasSubstr("rage.dev/api-key-sha256")));
  EXPECT_THAT(built.snapshot.policies.at({"default", "models"}).api_keys, ElementsAre(""));
}

TEST(BuildSnapshot, PodsOfASelectorAreEndpoints) {
  std::string text(kConfig);
  const std::string annotations =
      ", annotations: {rage.dev/endpoints: \"127.0.0.1:8001, [::1]:8002\"}";
  text.erase(text.find(annotations), annotations.size());
  text += R"(
---
apiVersion: v1
kind: Pod
metadata: {name: phi-0, labels: {app: phi}}
status: {podIP: 10.1.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: phi-1, labels: {app: phi}}
status: {podIP: 10.1.0.2, phase: Running, conditions: [{type: Ready, status: "False"}]}
)";
  const auto endpoints = endpoints_of_pool(world_of(text), {"default", "phi"});
  ASSERT_THAT(endpoints, SizeIs(1));
  EXPECT_EQ(endpoints[0].authority(), "10.1.0.1:8000");
}

}  // namespace
}  // namespace rage::gateway
