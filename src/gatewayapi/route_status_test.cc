#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kWorld = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: rage}
spec: {controllerName: rage.dev/gateway-controller}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-a, labels: {access: "yes"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-b}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: rage
  listeners:
  - {name: same, port: 80, protocol: HTTP, hostname: same.org}
  - {name: open, port: 80, protocol: HTTP, hostname: "*.open.org",
     allowedRoutes: {namespaces: {from: All}}}
  - {name: picky, port: 81, protocol: HTTP,
     allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {access: "yes"}}}}}
  - {name: grpc, port: 82, protocol: HTTP,
     allowedRoutes: {namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: theirs}
spec: {gatewayClassName: other, listeners: [{name: a, port: 80, protocol: HTTP}]}
)";

Json parents_of(const World& world, std::string_view name = "route",
                std::string_view kind = "HTTPRoute", std::string now = "2026-01-01T00:00:00Z") {
  const auto changes = plan_statuses(world, compile(world, {}), status_options(std::move(now)));
  const Json status = planned_status(changes, kind, name);
  return status.is_null() ? Json() : status.at("parents");
}

World world_with_routes(std::string_view routes) {
  World world = world_of(kWorld);
  put_routes(world, routes);
  return world;
}

TEST(RouteStatus, Attachment) {
  struct Case {
    const char* about;
    const char* route;
    const char* accepted;
  };
  constexpr Case kCases[] = {
      {"any listener", "- {}", "True/Accepted"},
      {"a named one", "- {parents: [{name: gw, sectionName: same}]}", "True/Accepted"},
      {"a name that is not there", "- {parents: [{name: gw, sectionName: none}]}",
       "False/NoMatchingParent"},
      {"a port", "- {parents: [{name: gw, port: 80}]}", "True/Accepted"},
      {"a port that is not there", "- {parents: [{name: gw, port: 9}]}", "False/NoMatchingParent"},
      {"'the name and port of the selected listener must match both'",
       "- {parents: [{name: gw, sectionName: same, port: 81}]}", "False/NoMatchingParent"},
      {"... and do", "- {parents: [{name: gw, sectionName: same, port: 80}]}", "True/Accepted"},
      {"from another namespace, from: Same",
       "- {namespace: team-a, parents: [{name: gw, namespace: default, sectionName: same}]}",
       "False/NotAllowedByListeners"},
      {"from another namespace, from: All",
       "- {namespace: team-b, parents: [{name: gw, namespace: default, sectionName: open}]}",
       "True/Accepted"},
      {"a namespace that the selector selects",
       "- {namespace: team-a, parents: [{name: gw, namespace: default, sectionName: picky}]}",
       "True/Accepted"},
      {"one that it does not",
       "- {namespace: team-b, parents: [{name: gw, namespace: default, sectionName: picky}]}",
       "False/NotAllowedByListeners"},
      {"one that nobody knows",
       "- {namespace: team-c, parents: [{name: gw, namespace: default, sectionName: picky}]}",
       "False/NotAllowedByListeners"},
      {"a kind that the listener does not take", "- {parents: [{name: gw, sectionName: grpc}]}",
       "False/NotAllowedByListeners"},
      {"'at least one section accepts it'",
       "- {namespace: team-b, parents: [{name: gw, namespace: default}]}", "True/Accepted"},
      {"a hostname of the listener",
       "- {hostnames: [same.org], parents: [{name: gw, sectionName: "
       "same}]}",
       "True/Accepted"},
      {"a hostname that no listener has", "- {hostnames: [x.org], parents: [{name: gw, port: 80}]}",
       "False/NoMatchingListenerHostname"},
      {"a hostname that one of them has",
       "- {hostnames: [x.org, a.open.org], parents: [{name: gw, port: 80}]}", "True/Accepted"},
      {"the parent of a wildcard",
       "- {hostnames: [open.org], parents: [{name: gw, sectionName: "
       "open}]}",
       "False/NoMatchingListenerHostname"},
      {"every rule is wrong", "- {rules: [{matches: [{method: Get}]}]}", "False/UnsupportedValue"},
      {"filters that do not go together",
       "- {rules: [{filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, "
       "requestRedirect: {}}]}]}",
       "False/IncompatibleFilters"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.about);
    const World world = world_with_routes(c.route);
    const Json parents = parents_of(world);
    ASSERT_EQ(parents.size(), 1U);
    EXPECT_EQ(condition(parents[0], "Accepted"), c.accepted);
    EXPECT_EQ(condition(parents[0], "ResolvedRefs"), "True/ResolvedRefs");
    EXPECT_EQ(condition(parents[0], "PartiallyInvalid"), "absent");
    std::int32_t attached = 0;
    const auto compiled = compile(world, {});
    for (const ListenerState& l : compiled.gateway_states.at(0).listeners) {
      attached += l.attached_routes;
    }
    EXPECT_EQ(attached > 0, std::string_view(c.accepted).starts_with("True"));
  }
}

TEST(RouteStatus, EntriesSayWhoseTheyAre) {
  const Json parents = parents_of(
      world_with_routes("- {generation: 4, parents: [{name: gw, sectionName: same}, {name: gw, "
                        "sectionName: none}]}"));
  ASSERT_EQ(parents.size(), 2U);
  EXPECT_EQ(parents[0]["controllerName"], "rage.dev/gateway-controller");
  EXPECT_EQ(parents[0]["parentRef"],
            Json::parse(R"({"group":"gateway.networking.k8s.io","kind":"Gateway",
                            "namespace":"default","name":"gw","sectionName":"same"})"));
  EXPECT_EQ(parents[0]["conditions"][0]["observedGeneration"], 4);
  EXPECT_EQ(condition(parents[0], "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(parents[1], "Accepted"), "False/NoMatchingParent");
  EXPECT_THAT(condition_message(parents[1], "Accepted"), HasSubstr("no listener named 'none'"));
}

// Another controller's entry is its own; ours for a gateway that is gone must go.
TEST(RouteStatus, OnlyOurEntriesAreTouched) {
  const World world = world_with_routes(R"(
- parents: [{name: gw}, {name: theirs}, {name: missing}, {name: svc, kind: Service, group: ""}]
  status:
    parents:
    - {parentRef: {name: theirs}, controllerName: x.org/y,
       conditions: [{type: Accepted, status: "True"}]}
    - {parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: default, name: gone},
       controllerName: rage.dev/gateway-controller, conditions: []}
)");
  const Json parents = parents_of(world);
  ASSERT_EQ(parents.size(), 2U);
  EXPECT_EQ(parents[0]["controllerName"], "x.org/y");
  EXPECT_EQ(parents[1]["parentRef"]["name"], "gw");
}

TEST(RouteStatus, EntriesKeepTheirPlaces) {
  World world = world_with_routes("- {}");
  const Json ours = parents_of(world)[0];
  const Json theirs = {{"parentRef", {{"name", "theirs"}}}, {"controllerName", "x.org/y"}};
  world.http_routes.begin()->second.status = {{"parents", {ours, theirs}}};
  EXPECT_EQ(parents_of(world), Json()) << "nothing to write";
  world.http_routes.begin()->second.meta.generation = 2;
  const Json parents = parents_of(world);
  ASSERT_EQ(parents.size(), 2U);
  EXPECT_EQ(parents[0]["conditions"][0]["observedGeneration"], 2);
  EXPECT_EQ(parents[1], theirs);
}

// A cache that lags behind must not put an older verdict over a newer one.
TEST(RouteStatus, WhatIsSaidOfANewerGenerationStays) {
  World world = world_with_routes("- {generation: 5}");
  world.http_routes.begin()->second.status = {{"parents", parents_of(world)}};
  world.http_routes.begin()->second.meta.generation = 4;
  EXPECT_EQ(parents_of(world), Json());
}

TEST(RouteStatus, ARouteThatLeftLosesItsEntry) {
  const World world = world_with_routes(R"(
- parents: [{name: theirs}]
  status:
    parents:
    - {parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: default, name: gw},
       controllerName: rage.dev/gateway-controller, conditions: []}
)");
  EXPECT_EQ(parents_of(world), Json::array());
}

TEST(RouteStatus, RoutesOfOthersGetNoStatus) {
  EXPECT_EQ(parents_of(world_with_routes("- {parents: [{name: theirs}]}")), Json());
}

TEST(RouteStatus, OneWrongRuleIsDroppedAndTheRestServed) {
  const World world = world_with_routes(R"(- {rules: [{name: good, matches: [{path: {value: /a}}]},
    {name: bad, matches: [{path: {value: /b, type: Glob}}]}, {name: other}]})");
  const Json parents = parents_of(world);
  EXPECT_EQ(condition(parents[0], "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(parents[0], "PartiallyInvalid"), "True/UnsupportedValue");
  EXPECT_THAT(condition_message(parents[0], "PartiallyInvalid"),
              StartsWith("Dropped Rule(s) 1: spec.rules[1].matches[0].path.type: 'Glob'"));
  const Compiled compiled = compile(world, {});
  EXPECT_EQ(answer(compiled.gateways.at(0), "GET a.open.org /a"), "good");
  EXPECT_EQ(answer(compiled.gateways[0], "GET a.open.org /b"), "other");
}

TEST(RouteStatus, PartiallyInvalidGoesWhenItIsMended) {
  World world = world_with_routes("- {rules: [{}, {matches: [{method: Get}]}]}");
  Json status = {{"parents", parents_of(world)}};
  world = world_of(kWorld);
  put_routes(world, "- {generation: 2, rules: [{}, {matches: [{method: GET}]}]}");
  world.http_routes.begin()->second.status = status;
  const Json parents = parents_of(world);
  EXPECT_EQ(condition(parents[0], "PartiallyInvalid"), "absent");
  EXPECT_EQ(condition(parents[0], "Accepted"), "True/Accepted");
}

TEST(RouteStatus, SessionPersistenceIsNamedAsIgnored) {
  const Json parents =
      parents_of(world_with_routes("- {rules: [{sessionPersistence: {type: Cookie}}]}"));
  EXPECT_EQ(condition(parents[0], "Accepted"), "True/Accepted");
  EXPECT_EQ(condition_message(parents[0], "Accepted"),
            "spec.rules[0].sessionPersistence is ignored");
}

TEST(RouteStatus, NothingIsWrittenTwice) {
  World world =
      world_with_routes("- {parents: [{name: gw, sectionName: same}, {name: gw, sectionName: x}]}");
  world.http_routes.begin()->second.status = {{"parents", parents_of(world)}};
  EXPECT_EQ(parents_of(world, "route", "HTTPRoute", "2027-01-01T00:00:00Z"), Json());
}

TEST(RouteStatus, OnlyWhatChangedGetsANewTime) {
  World world = world_with_routes("- {rules: [{backendRefs: [{name: s, port: 80}]}]}");
  const Json before = parents_of(world);
  EXPECT_EQ(condition(before[0], "ResolvedRefs"), "False/BackendNotFound");
  world.http_routes.begin()->second.status = {{"parents", before}};
  ASSERT_TRUE(put_object(world, yaml_of("{apiVersion: v1, kind: Service, metadata: {name: s, "
                                        "namespace: default}, spec: {ports: [{port: 80}]}}")));
  const Json after = parents_of(world, "route", "HTTPRoute", "2027-01-01T00:00:00Z");
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0]["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(after[0]["conditions"][1]["lastTransitionTime"], "2027-01-01T00:00:00Z");
  EXPECT_EQ(condition(after[0], "ResolvedRefs"), "True/ResolvedRefs");
}

// "the implementation must accept exactly one of these two routes": the older.
TEST(RouteStatus, HttpAndGrpcRoutesDoNotShareHostnames) {
  World world = world_of(kWorld);
  put_routes(world, "- {name: h, created: '2024-01-02T00:00:00Z', hostnames: [a.open.org]}");
  put_routes(world, R"(
- {name: older, created: '2024-01-01T00:00:00Z', hostnames: ["*.open.org"],
   parents: [{name: gw, sectionName: open}]}
- {name: elsewhere, created: '2024-01-03T00:00:00Z', parents: [{name: gw, sectionName: grpc}]}
)",
             "GRPCRoute");
  EXPECT_EQ(condition(parents_of(world, "older", "GRPCRoute")[0], "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(parents_of(world, "elsewhere", "GRPCRoute")[0], "Accepted"), "True/Accepted");
  // The HTTPRoute has another listener to go to, of the same port as before.
  world.http_routes.begin()->second.parents[0].section_name = "open";
  EXPECT_EQ(condition(parents_of(world, "h")[0], "Accepted"), "False/HostnameConflict");
}

}  // namespace
}  // namespace rage::gatewayapi
