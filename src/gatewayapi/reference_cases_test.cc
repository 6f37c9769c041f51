// Where references lead: ReferenceGrants, Services, InferencePools, endpoints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kBackends = R"(
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
  - {port: 80, targetPort: 8080}
  - {port: 81, name: h2c, appProtocol: kubernetes.io/h2c}
  - {port: 82, name: https, appProtocol: https}
  - {port: 53, name: dns, protocol: UDP}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: other}
spec: {ports: [{port: 80}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool, namespace: other}
spec:
  {selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}], appProtocol: kubernetes.io/h2c}
)";

struct Resolved {
  std::string reason;  // Of ResolvedRefs.
  std::string message;
  Backend backend;
};

Resolved resolve(const std::string& reference, std::string_view more = "",
                 std::string_view kind = "HTTPRoute") {
  World world = world_of(std::string(kGatewayYaml) + std::string(kBackends) + std::string(more));
  put_routes(world, "- {rules: [{name: r, backendRefs: [" + reference + "]}]}", kind);
  const Compiled compiled = compile(world, {});
  const auto changes = plan_statuses(world, compiled, status_options());
  const Json status = planned_status(changes, kind, "route");
  const Json& parent = status.at("parents").at(0);
  EXPECT_EQ(condition(parent, "Accepted"), "True/Accepted");
  const TestRequest request("GET h /");
  const auto match = find_match(compiled.gateways.at(0), request);
  EXPECT_TRUE(match.has_value());
  return {.reason = condition(parent, "ResolvedRefs"),
          .message = condition_message(parent, "ResolvedRefs"),
          .backend = match->rule->backends.at(0)};
}

TEST(ReferenceCases, Backends) {
  struct Case {
    const char* reference;
    const char* resolved;
    Backend::Kind kind;
    const char* message;
  };
  constexpr auto kInvalid = Backend::Kind::kInvalid;
  constexpr Case kCases[] = {
      {"{name: web, port: 80}", "True/ResolvedRefs", Backend::Kind::kService, ""},
      {"{name: none, port: 80}", "False/BackendNotFound", kInvalid,
       "Service 'default/none' does not exist"},
      {"{name: web, port: 99}", "False/BackendNotFound", kInvalid,
       "has no TCP port 99; it has 80, 81, 82, 53"},
      {"{name: web, port: 53}", "False/BackendNotFound", kInvalid, "has no TCP port 53"},
      {"{name: web, port: 82}", "False/UnsupportedProtocol", kInvalid, "appProtocol 'https'"},
      {"{name: outside, port: 80}", "False/UnsupportedValue", kInvalid, "ExternalName"},
      {"{name: web, kind: Deployment, group: apps}", "False/InvalidKind", kInvalid,
       "Deployment of group 'apps' cannot be a backend"},
      {"{name: web, kind: Other, port: 80}", "False/InvalidKind", kInvalid, "Other of group ''"},
      {"{name: pool, group: inference.networking.k8s.io, kind: InferencePool}", "True/ResolvedRefs",
       Backend::Kind::kInferencePool, ""},
      {"{name: none, group: inference.networking.k8s.io, kind: InferencePool}",
       "False/BackendNotFound", kInvalid, "InferencePool 'default/none' does not exist"},
      {"{name: web, namespace: other, port: 80}", "False/RefNotPermitted", kInvalid,
       "no ReferenceGrant there allows HTTPRoutes of namespace 'default'"},
      {"{name: none, namespace: other, port: 80}", "False/RefNotPermitted", kInvalid, ""},
      {"{name: web, namespace: default, port: 80}", "True/ResolvedRefs", Backend::Kind::kService,
       ""},
      {"{name: pool, namespace: other, group: inference.networking.k8s.io, kind: InferencePool}",
       "False/RefNotPermitted", kInvalid, ""},
      {"{name: web, port: 80, filters: [{type: ExtensionRef, extensionRef: {group: x.org, kind: "
       "Auth, name: a}}]}",
       "False/InvalidKind", kInvalid, "Auth 'a' of group 'x.org' is not known here"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.reference);
    const Resolved resolved = resolve(c.reference);
    EXPECT_EQ(resolved.reason, c.resolved);
    EXPECT_EQ(resolved.backend.kind, c.kind);
    EXPECT_THAT(resolved.message, HasSubstr(c.message));
  }
}

TEST(ReferenceCases, ReferenceGrants) {
  struct Case {
    const char* about;
    const char* grant;  // spec
    const char* name_space;
    bool allowed;
  };
  constexpr const char* kFrom = "group: gateway.networking.k8s.io, kind: HTTPRoute";
  const std::string from = kFrom;
  const auto spec = [&](const std::string& f, const std::string& to) {
    return "{from: [{" + f + "}], to: [{" + to + "}]}";
  };
  const std::string any = spec(from + ", namespace: default", "group: '', kind: Service");
  const std::string named =
      spec(from + ", namespace: default", "group: '', kind: Service, name: web");
  const std::string other_name =
      spec(from + ", namespace: default", "group: '', kind: Service, name: api");
  const std::string other_kind = spec(from + ", namespace: default", "group: '', kind: Secret");
  const std::string other_group = spec(from + ", namespace: default", "group: x, kind: Service");
  const std::string other_from = spec(from + ", namespace: elsewhere", "group: '', kind: Service");
  const std::string grpc =
      spec("group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: default",
           "group: '', kind: Service");
  const std::string several = "{from: [{" + from + ", namespace: x}, {" + from +
                              ", namespace: default}], "
                              "to: [{group: '', kind: Secret}, {group: '', kind: Service}]}";
  const Case cases[] = {
      {"any Service", any.c_str(), "other", true},
      {"this Service", named.c_str(), "other", true},
      {"another Service", other_name.c_str(), "other", false},
      {"another kind", other_kind.c_str(), "other", false},
      {"another group", other_group.c_str(), "other", false},
      {"from another namespace", other_from.c_str(), "other", false},
      {"from another kind of route", grpc.c_str(), "other", false},
      {"'entries MUST be combined using OR'", several.c_str(), "other", true},
      {"a grant has to lie beside what it opens", any.c_str(), "default", false},
      {"... not anywhere else", any.c_str(), "others", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.about);
    const std::string grant = std::string(R"(
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: )") +
                              c.name_space + "}\nspec: " + c.grant + "\n";
    const Resolved resolved = resolve("{name: web, namespace: other, port: 80}", grant);
    EXPECT_EQ(resolved.reason, c.allowed ? "True/ResolvedRefs" : "False/RefNotPermitted");
    EXPECT_EQ(resolved.backend.kind == Backend::Kind::kService, c.allowed);
  }
}

TEST(ReferenceCases, PoolsAcrossNamespacesNeedAGrantToo) {
  constexpr std::string_view kGrant = R"(
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: inference.networking.k8s.io, kind: InferencePool}]
)";
  const Resolved resolved = resolve(
      "{name: pool, namespace: other, group: inference.networking.k8s.io, kind: InferencePool}",
      kGrant);
  EXPECT_EQ(resolved.reason, "True/ResolvedRefs");
  EXPECT_EQ(resolved.backend.kind, Backend::Kind::kInferencePool);
  EXPECT_TRUE(resolved.backend.h2c);
}

TEST(ReferenceCases, ProtocolOfTheBackend) {
  EXPECT_FALSE(resolve("{name: web, port: 80}").backend.h2c);
  EXPECT_TRUE(resolve("{name: web, port: 81}").backend.h2c);
  EXPECT_TRUE(resolve("{name: web, port: 80}", "", "GRPCRoute").backend.h2c);
  EXPECT_EQ(resolve("{name: web, port: 80, weight: 9}").backend.weight, 9U);
}

// Two backends of equal weight, one of them wrong: half the requests get 500, not none and not all.
TEST(ReferenceCases, AnInvalidBackendKeepsItsShare) {
  World world = world_of(std::string(kGatewayYaml) + std::string(kBackends));
  put_routes(world, "- {rules: [{backendRefs: [{name: web, port: 80}, {name: gone, port: 80}]}]}");
  const Compiled compiled = compile(world, {});
  const TestRequest request("GET h /");
  const Rule& rule = *find_match(compiled.gateways.at(0), request)->rule;
  EXPECT_EQ(choose_backend(rule, 0.25)->kind, Backend::Kind::kService);
  EXPECT_EQ(choose_backend(rule, 0.75)->kind, Backend::Kind::kInvalid);
}

// A filter that nobody here knows may be what keeps strangers out: the rule must not serve.
TEST(ReferenceCases, AnUnknownFilterLeavesNoBackend) {
  World world = world_of(std::string(kGatewayYaml) + std::string(kBackends));
  put_routes(world, R"(- {rules: [{name: guarded, backendRefs: [{name: web, port: 80}], filters: [
    {type: ExtensionRef, extensionRef: {group: x.org, kind: Auth, name: a}}]}, {name: open}]})");
  const Compiled compiled = compile(world, {});
  const TestRequest request("GET h /");
  const Rule& rule = *find_match(compiled.gateways.at(0), request)->rule;
  EXPECT_EQ(rule.name, "guarded");
  EXPECT_EQ(choose_backend(rule, 0.5), nullptr);
}

TEST(ReferenceCases, AMirrorThatLeadsNowhereIsLeftOut) {
  World world = world_of(std::string(kGatewayYaml) + std::string(kBackends));
  put_routes(world, R"(- {rules: [{backendRefs: [{name: web, port: 80}], filters: [
    {type: RequestMirror, requestMirror: {backendRef: {name: none, port: 80}}},
    {type: RequestMirror, requestMirror: {backendRef: {name: web, port: 81}, percent: 50}}]}]})");
  const Compiled compiled = compile(world, {});
  const TestRequest request("GET h /");
  const Rule& rule = *find_match(compiled.gateways.at(0), request)->rule;
  ASSERT_EQ(rule.filters.size(), 1U);
  const Mirror& mirror = std::get<Mirror>(rule.filters[0].what);
  EXPECT_EQ(mirror.backend.port, 81);
  EXPECT_EQ(mirror.numerator, 50U);
  const Json status =
      planned_status(plan_statuses(world, compiled, status_options()), "HTTPRoute", "route");
  EXPECT_EQ(condition(status["parents"][0], "ResolvedRefs"), "False/BackendNotFound");
}

TEST(ReferenceCases, ReadyEndpointsOfAService) {
  const World world = world_of(std::string(kBackends) + R"(
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}, {name: h2c, port: 8081}]
endpoints:
- {addresses: [10.0.0.2], conditions: {ready: true}}
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.3], conditions: {ready: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-2, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
ports: [{port: 8080}]
endpoints: [{addresses: ['fd00::1']}, {addresses: [10.0.0.1]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: other, labels: {kubernetes.io/service-name: web}}
ports: [{port: 8080}]
endpoints: [{addresses: [10.9.9.9]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, labels: {kubernetes.io/service-name: api}}
ports: [{port: 8080}]
endpoints: [{addresses: [10.8.8.8]}]
)");
  const ObjectName web{.name_space = "default", .name = "web"};
  EXPECT_THAT(ready_endpoints(world, web, 80),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080", "[fd00::1]:8080"));
  EXPECT_THAT(ready_endpoints(world, web, 81), ElementsAre("10.0.0.1:8081", "10.0.0.2:8081"));
  EXPECT_THAT(ready_endpoints(world, web, 99), IsEmpty());
  EXPECT_THAT(ready_endpoints(world, {.name_space = "default", .name = "none"}, 80), IsEmpty());
}

}  // namespace
}  // namespace rage::gatewayapi
