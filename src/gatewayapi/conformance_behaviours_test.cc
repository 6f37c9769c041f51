// Behaviours that the conformance suite of the Gateway API Inference Extension checks, as far as
// they are decided here; each test has the ShortName of the suite's test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::IsEmpty;

// As in the suite: two Gateways, the second one for a hostname of its own.
constexpr std::string_view kBase = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: rage}
spec: {controllerName: rage.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: primary, namespace: infra}
spec:
  gatewayClassName: rage
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: secondary, namespace: infra}
spec:
  gatewayClassName: rage
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: secondary.example.com,
     allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Service
metadata: {name: primary-epp, namespace: app}
spec: {ports: [{port: 9002, appProtocol: http2}]}
---
apiVersion: v1
kind: Service
metadata: {name: secondary-epp, namespace: app}
spec: {ports: [{port: 9002, appProtocol: http2}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: primary-pool, namespace: app, generation: 2}
spec:
  selector: {matchLabels: {app: primary}}
  targetPorts: [{number: 3000}]
  endpointPickerRef: {name: primary-epp, port: {number: 9002}}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: secondary-pool, namespace: app}
spec:
  selector: {matchLabels: {app: secondary}}
  targetPorts: [{number: 3000}]
  endpointPickerRef: {name: secondary-epp, port: {number: 9002}, failureMode: FailOpen}
)";

std::string pool_ref(const std::string& name, const std::string& more = "") {
  return "{group: inference.networking.k8s.io, kind: InferencePool, name: " + name + more + "}";
}

std::string route(const std::string& name, const std::string& gateways, const std::string& rules) {
  return "- {name: " + name + ", namespace: app, parents: [" + gateways + "], rules: " + rules +
         "}\n";
}

const std::string kPrimary = "{name: primary, namespace: infra}";
const std::string kSecondary = "{name: secondary, namespace: infra}";

World world_with(const std::string& routes, std::string_view more = "") {
  World world = world_of(std::string(kBase) + std::string(more));
  put_routes(world, routes);
  return world;
}

StatusOptions options_at(std::string now = "2026-01-01T00:00:00Z") {
  StatusOptions options;
  options.now = std::move(now);
  options.facts[{"infra", "primary"}] = {.addresses = {"127.0.80.1"}};
  options.facts[{"infra", "secondary"}] = {.addresses = {"127.0.80.2"}};
  return options;
}

Json status_of(const World& world, std::string_view kind, std::string_view name,
               const CompileOptions& compile_options = {}) {
  const auto changes = plan_statuses(world, compile(world, compile_options), options_at());
  return planned_status(changes, kind, name);
}

// A copy: what is asked may be compiled for this question alone. None: 404, or no backend.
std::optional<Backend> backend_of(const Compiled& compiled, std::string_view gateway,
                                  std::string_view request, double random = 0) {
  const TestRequest parsed(request);
  for (const CompiledGateway& candidate : compiled.gateways) {
    if (candidate.name.name != gateway) continue;
    const auto match = find_match(candidate, parsed);
    const Backend* backend = match ? choose_backend(*match->rule, random) : nullptr;
    if (backend != nullptr) return *backend;
  }
  return std::nullopt;
}

TEST(Conformance, InferencePoolAccepted) {
  const World world =
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
  const Json status = status_of(world, "InferencePool", "primary-pool");
  ASSERT_EQ(status["parents"].size(), 1U);
  const Json& parent = status["parents"][0];
  EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
  EXPECT_EQ(parent["parentRef"]["kind"], "Gateway");
  EXPECT_EQ(parent["parentRef"]["name"], "primary");
  EXPECT_EQ(parent["parentRef"]["namespace"], "infra");
  EXPECT_EQ(parent["controllerName"], "rage.dev/gateway-controller");
  EXPECT_EQ(parent["conditions"][0]["observedGeneration"], 2);
  const Json gateway = status_of(world, "Gateway", "primary");
  EXPECT_EQ(condition(gateway, "Programmed"), "True/Programmed");
}

TEST(Conformance, InferencePoolResolvedRefsCondition) {
  const std::string rules = "[{backendRefs: [" + pool_ref("primary-pool") + "]}]";
  const std::string first = route("first", kPrimary, rules);
  const std::string second =
      "- {name: second, namespace: app, hostnames: [secondary.example.com], "
      "parents: [" +
      kSecondary + "], rules: " + rules + "}\n";
  World world = world_with(first + second);
  Json status = status_of(world, "InferencePool", "primary-pool");
  ASSERT_EQ(status["parents"].size(), 2U);
  for (const Json& parent : status["parents"]) {
    EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
    EXPECT_EQ(condition(parent, "ResolvedRefs"), "True/ResolvedRefs");
  }
  // One route goes: its gateway's entry goes, the other's stays as it was.
  world.pools.at({"app", "primary-pool"}).document["status"] = status;
  world.http_routes.erase({"app", "first"});
  status = status_of(world, "InferencePool", "primary-pool");
  ASSERT_EQ(status["parents"].size(), 1U);
  EXPECT_EQ(status["parents"][0]["parentRef"]["name"], "secondary");
  const Compiled one = compile(world, {});
  EXPECT_TRUE(backend_of(one, "secondary", "POST secondary.example.com /").has_value());
  // Both gone: the list is empty, and there is no route.
  world.pools.at({"app", "primary-pool"}).document["status"] = status;
  world.http_routes.clear();
  status = status_of(world, "InferencePool", "primary-pool");
  EXPECT_EQ(status["parents"], Json::array());
  const Compiled none = compile(world, {});
  const TestRequest request("POST primary.example.com /");
  EXPECT_FALSE(find_match(none.gateways.at(0), request)) << "404";
}

TEST(Conformance, InferencePoolInvalidEPPService) {
  World world =
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
  world.services.erase({"app", "primary-epp"});
  const Json parent = status_of(world, "HTTPRoute", "r")["parents"][0];
  EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(parent, "ResolvedRefs"), "True/ResolvedRefs");
  const Json pool = status_of(world, "InferencePool", "primary-pool")["parents"][0];
  EXPECT_EQ(condition(pool, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(pool, "ResolvedRefs"), "False/InvalidExtensionRef");
  // Whoever forwards learns of it: 5xx.
  const Compiled compiled = compile(world, {});
  EXPECT_TRUE(compiled.pools.at({"app", "primary-pool"}).problem.has_value());
  EXPECT_FALSE(compiled.pools.at({"app", "primary-pool"}).fail_open);
}

TEST(Conformance, InferencePoolMissingEPPRef) {
  World world =
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
  world.pools.at({"app", "primary-pool"}).picker.reset();
  const Json parent = status_of(world, "HTTPRoute", "r")["parents"][0];
  EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
  // Either we pick ourselves, or we say that we cannot.
  EXPECT_EQ(condition(status_of(world, "InferencePool", "primary-pool")["parents"][0], "Accepted"),
            "True/Accepted");
  const CompileOptions refuse{.missing_picker = CompileOptions::MissingPicker::kRefuse};
  EXPECT_EQ(condition(status_of(world, "InferencePool", "primary-pool", refuse)["parents"][0],
                      "Accepted"),
            "False/EndpointPickerRefMissing");
}

TEST(Conformance, HTTPRouteInvalidInferencePoolRef) {
  const World world =
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("unknown") + "]}]"));
  const Json parent = status_of(world, "HTTPRoute", "r")["parents"][0];
  EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(parent, "ResolvedRefs"), "False/BackendNotFound");
  const std::optional<Backend> backend = backend_of(compile(world, {}), "primary", "POST h /");
  ASSERT_TRUE(backend.has_value());
  EXPECT_EQ(backend->kind, Backend::Kind::kInvalid) << "500";
}

TEST(Conformance, InferencePoolHTTPRoutePortValidation) {
  for (const char* port : {"", ", port: 3000", ", port: 8888"}) {
    SCOPED_TRACE(port);
    const World world = world_with(
        route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool", port) + "]}]"));
    EXPECT_EQ(condition(status_of(world, "HTTPRoute", "r")["parents"][0], "ResolvedRefs"),
              "True/ResolvedRefs");
    const std::optional<Backend> backend = backend_of(compile(world, {}), "primary", "POST h /");
    ASSERT_TRUE(backend.has_value());
    EXPECT_EQ(backend->kind, Backend::Kind::kInferencePool);
    EXPECT_EQ(backend->object.name, "primary-pool");
  }
}

TEST(Conformance, HTTPRouteMultipleRulesDifferentPools) {
  const Compiled compiled =
      compile(world_with(route("r", kPrimary,
                               "[{matches: [{path: {value: /primary}}], backendRefs: [" +
                                   pool_ref("primary-pool") +
                                   "]}, {matches: [{path: {value: /secondary}}], backendRefs: [" +
                                   pool_ref("secondary-pool") + "]}]")),
              {});
  EXPECT_EQ(backend_of(compiled, "primary", "POST h /primary/x")->object.name, "primary-pool");
  EXPECT_EQ(backend_of(compiled, "primary", "POST h /secondary")->object.name, "secondary-pool");
  EXPECT_EQ(compiled.pools.at({"app", "primary-pool"}).picker_service.name, "primary-epp");
  EXPECT_EQ(compiled.pools.at({"app", "secondary-pool"}).picker_service.name, "secondary-epp");
}

TEST(Conformance, HTTPRouteMultipleGatewaysDifferentPools) {
  const Compiled compiled = compile(
      world_with(route("one", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]") +
                 "- {name: two, namespace: app, hostnames: [secondary.example.com], parents: [" +
                 kSecondary + "], rules: [{backendRefs: [" + pool_ref("secondary-pool") + "]}]}"),
      {});
  EXPECT_EQ(backend_of(compiled, "primary", "POST primary.example.com /")->object.name,
            "primary-pool");
  EXPECT_EQ(backend_of(compiled, "secondary", "POST secondary.example.com /")->object.name,
            "secondary-pool");
  EXPECT_FALSE(backend_of(compiled, "secondary", "POST primary.example.com /").has_value());
  // The same host on the first gateway is its own route's.
  EXPECT_EQ(backend_of(compiled, "primary", "POST secondary.example.com /")->object.name,
            "primary-pool");
}

TEST(Conformance, GatewayWeightedAcrossTwoInferencePools) {
  const Compiled compiled =
      compile(world_with(route("r", kPrimary,
                               "[{backendRefs: [" + pool_ref("primary-pool", ", weight: 70") +
                                   ", " + pool_ref("secondary-pool", ", weight: 30") + "]}]")),
              {});
  int primary = 0;
  for (int i = 0; i < 200; ++i) {
    const std::optional<Backend> backend = backend_of(compiled, "primary", "POST h /", i / 200.0);
    primary += backend->object.name == "primary-pool" ? 1 : 0;
  }
  EXPECT_EQ(primary, 140);
}

TEST(Conformance, InferencePoolAppProtocol) {
  struct Case {
    const char* protocol;
    bool h2c;
  };
  constexpr Case kCases[] = {{"", false}, {"http", false}, {"kubernetes.io/h2c", true}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.protocol);
    World world =
        world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
    Json document = world.pools.at({"app", "primary-pool"}).document;
    if (std::string_view(c.protocol) != "") document["spec"]["appProtocol"] = c.protocol;
    ASSERT_TRUE(put_object(world, document));
    const Compiled compiled = compile(world, {});
    EXPECT_EQ(backend_of(compiled, "primary", "POST h /")->h2c, c.h2c);
    EXPECT_EQ(compiled.pools.at({"app", "primary-pool"}).h2c, c.h2c);
  }
}

TEST(Conformance, EppUnAvailableFailOpen) {
  const Compiled compiled = compile(
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("secondary-pool") + "]}]")),
      {});
  const CompiledPool& pool = compiled.pools.at({"app", "secondary-pool"});
  EXPECT_TRUE(pool.fail_open);
  EXPECT_EQ(pool.picker_service, (ObjectName{"app", "secondary-epp"}));
  EXPECT_EQ(pool.picker_port, 9002);
  // An outage is seen in the EndpointSlices alone: the Service is still there.
  World world = world_of(kBase);
  EXPECT_THAT(ready_endpoints(world, pool.picker_service, 9002), IsEmpty());
  ASSERT_TRUE(put_object(world, yaml_of(R"({apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,
    metadata: {name: s, namespace: app, labels: {kubernetes.io/service-name: secondary-epp}},
    ports: [{port: 9002}], endpoints: [{addresses: [10.0.0.7]}]})")));
  EXPECT_THAT(ready_endpoints(world, pool.picker_service, 9002),
              testing::ElementsAre("10.0.0.7:9002"));
}

// A pool is shared: entries of another controller, and their order, are not ours to change; two
// controllers that sort each other's entries would never come to rest.
TEST(PoolStatus, OnlyOurEntriesAreTouched) {
  World world =
      world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
  Json& document = world.pools.at({"app", "primary-pool"}).document;
  document["status"] = yaml_of(R"({parents: [
    {parentRef: {kind: Gateway, name: primary, namespace: infra}, controllerName: x.org/y,
     conditions: []},
    {parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: infra, name: gone},
     controllerName: rage.dev/gateway-controller, conditions: []}]})");
  const Json theirs = document["status"]["parents"][0];
  const Json status = status_of(world, "InferencePool", "primary-pool");
  ASSERT_EQ(status["parents"].size(), 2U);
  EXPECT_EQ(status["parents"][0], theirs);
  EXPECT_EQ(status["parents"][1]["parentRef"]["name"], "primary");
  // Written once, it is not written again.
  document["status"] = status;
  EXPECT_EQ(status_of(world, "InferencePool", "primary-pool"), Json());
}

TEST(PoolStatus, ARouteThatIsNotAcceptedDoesNotCount) {
  const World world =
      world_with("- {name: r, namespace: app, hostnames: [other.org], parents: [" + kSecondary +
                 "], rules: [{backendRefs: [" + pool_ref("primary-pool") + "]}]}");
  EXPECT_EQ(condition(status_of(world, "HTTPRoute", "r")["parents"][0], "Accepted"),
            "False/NoMatchingListenerHostname");
  EXPECT_EQ(status_of(world, "InferencePool", "primary-pool"), Json());
}

TEST(PoolStatus, PickersThatCannotBeReached) {
  struct Case {
    const char* about;
    const char* reference;
    const char* resolved;
  };
  constexpr Case kCases[] = {
      {"as it should be", "{name: primary-epp, port: {number: 9002}}", "True/ResolvedRefs"},
      {"no such Service", "{name: none, port: {number: 9002}}", "False/InvalidExtensionRef"},
      {"no such port", "{name: primary-epp, port: {number: 1}}", "False/InvalidExtensionRef"},
      {"no port", "{name: primary-epp}", "False/InvalidExtensionRef"},
      {"another kind", "{name: primary-epp, kind: Deployment, group: apps, port: {number: 9002}}",
       "False/InvalidExtensionRef"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.about);
    World world =
        world_with(route("r", kPrimary, "[{backendRefs: [" + pool_ref("primary-pool") + "]}]"));
    Json document = world.pools.at({"app", "primary-pool"}).document;
    document["spec"]["endpointPickerRef"] = yaml_of(c.reference);
    ASSERT_TRUE(put_object(world, document));
    const Json status = status_of(world, "InferencePool", "primary-pool");
    EXPECT_EQ(condition(status["parents"][0], "ResolvedRefs"), c.resolved);
    EXPECT_EQ(condition(status["parents"][0], "Accepted"), "True/Accepted");
  }
}

}  // namespace
}  // namespace rage::gatewayapi
