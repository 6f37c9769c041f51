#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kClass = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: rage, generation: 3}
spec: {controllerName: rage.dev/gateway-controller}
---
)";

// A certificate and a key as far as anybody looks at them here.
constexpr std::string_view kSecret = R"(
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
type: kubernetes.io/tls
stringData:
  tls.crt: "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
  tls.key: "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"
---
apiVersion: v1
kind: Secret
metadata: {name: cert, namespace: vault}
type: kubernetes.io/tls
data:
  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0K
  tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1BPT0K
)";

World world_with_gateway(std::string_view gateway_spec, std::string_view more = "") {
  FileConfig config = config_of(std::string(kClass) + R"(
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, generation: 7}
spec: )" + std::string(gateway_spec) +
                                std::string(more));
  return std::move(config.world);
}

Json gateway_status(const World& world, const StatusOptions& options = status_options()) {
  return planned_status(plan_statuses(world, compile(world, {}), options), "Gateway", "gw");
}

TEST(GatewayStatus, ASoundGatewayIsAcceptedAndProgrammed) {
  World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}]}");
  put_routes(world, "- {name: a}\n- {name: b}\n- {name: c, namespace: far}");
  const Json status = gateway_status(world);
  EXPECT_EQ(condition(status, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(status, "Programmed"), "True/Programmed");
  EXPECT_EQ(status["conditions"][0]["observedGeneration"], 7);
  EXPECT_EQ(status["addresses"], Json::parse(R"([{"type":"IPAddress","value":"127.0.0.1"}])"));
  const Json& web = status["listeners"][0];
  EXPECT_EQ(web["name"], "web");
  EXPECT_EQ(web["attachedRoutes"], 2) << "a route of another namespace is not attached";
  EXPECT_EQ(web["supportedKinds"],
            Json::parse(R"([{"group":"gateway.networking.k8s.io","kind":"HTTPRoute"},
                            {"group":"gateway.networking.k8s.io","kind":"GRPCRoute"}])"));
  EXPECT_EQ(condition(web, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(web, "Programmed"), "True/Programmed");
  EXPECT_EQ(condition(web, "ResolvedRefs"), "True/ResolvedRefs");
  EXPECT_EQ(condition(web, "Conflicted"), "False/NoConflicts");
}

struct ListenerCase {
  const char* about;
  const char* listeners;
  const char* accepted;  // Of the first listener.
  const char* conflicted;
  const char* resolved;
  const char* programmed;
  const char* gateway;  // Accepted.
  std::size_t served;
};

TEST(GatewayStatus, Listeners) {
  constexpr const char* kOk = "True/Accepted";
  constexpr const char* kNoConflict = "False/NoConflicts";
  constexpr const char* kResolved = "True/ResolvedRefs";
  constexpr const char* kProgrammed = "True/Programmed";
  constexpr const char* kNot = "False/Invalid";
  constexpr const char* kSomeInvalid = "True/ListenersNotValid";
  constexpr const char* kNoneValid = "False/ListenersNotValid";
  const ListenerCase cases[] = {
      {"TCP", "[{name: a, port: 1, protocol: TCP}]", "False/UnsupportedProtocol", kNoConflict,
       kResolved, kNot, kNoneValid, 0},
      {"one of two", "[{name: a, port: 1, protocol: UDP}, {name: b, port: 80, protocol: HTTP}]",
       "False/UnsupportedProtocol", kNoConflict, kResolved, kNot, kSomeInvalid, 1},
      {"a bad value", "[{name: a, port: 80, protocol: HTTP, hostname: 'A B'}]",
       "False/UnsupportedValue", kNoConflict, kResolved, kNot, kNoneValid, 0},
      {"same hostname",
       "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]",
       "False/HostnameConflict", "True/HostnameConflict", kResolved, kNot, kNoneValid, 0},
      {"'ALL indistinct Listeners must not be accepted', others are",
       "[{name: a, port: 80, protocol: HTTP, hostname: x.org}, "
       "{name: b, port: 80, protocol: HTTP, hostname: x.org}, {name: c, port: 80, protocol: HTTP}]",
       "False/HostnameConflict", "True/HostnameConflict", kResolved, kNot, kSomeInvalid, 1},
      {"two protocols on a port",
       "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTPS, tls: "
       "{certificateRefs: [{name: cert}]}}]",
       "False/ProtocolConflict", "True/ProtocolConflict", kResolved, kNot, kNoneValid, 0},
      {"a protocol that is not supported conflicts with nobody",
       "[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: TCP}]", kOk,
       kNoConflict, kResolved, kProgrammed, kSomeInvalid, 1},
      {"hostnames tell listeners of one port apart",
       "[{name: a, port: 80, protocol: HTTP, hostname: x.org}, {name: b, port: 80, protocol: "
       "HTTP}]",
       kOk, kNoConflict, kResolved, kProgrammed, kOk, 2},
      {"TLS", "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]",
       kOk, kNoConflict, kResolved, kProgrammed, kOk, 1},
      {"TLS without certificate", "[{name: a, port: 443, protocol: HTTPS}]", kOk, kNoConflict,
       "False/InvalidCertificateRef", kNot, kSomeInvalid, 0},
      {"no such Secret",
       "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: none}]}}]", kOk,
       kNoConflict, "False/InvalidCertificateRef", kNot, kSomeInvalid, 0},
      {"not a Secret",
       "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, kind: "
       "ConfigMap}]}}]",
       kOk, kNoConflict, "False/InvalidCertificateRef", kNot, kSomeInvalid, 0},
      {"a Secret of another namespace, without a grant",
       "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, namespace: "
       "vault}]}}]",
       kOk, kNoConflict, "False/RefNotPermitted", kNot, kSomeInvalid, 0},
      {"one certificate of two is enough to serve",
       "[{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: none}, {name: "
       "cert}]}}]",
       kOk, kNoConflict, "False/InvalidCertificateRef", kProgrammed, kSomeInvalid, 1},
      {"a kind of route that HTTP cannot carry",
       "[{name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}}]", kOk,
       kNoConflict, "False/InvalidRouteKinds", kProgrammed, kSomeInvalid, 1},
  };
  for (const ListenerCase& c : cases) {
    SCOPED_TRACE(c.about);
    const World world = world_with_gateway(
        std::string("{gatewayClassName: rage, listeners: ") + c.listeners + "}", kSecret);
    const Json status = gateway_status(world);
    const Json& listener = status["listeners"][0];
    EXPECT_EQ(condition(listener, "Accepted"), c.accepted);
    EXPECT_EQ(condition(listener, "Conflicted"), c.conflicted);
    EXPECT_EQ(condition(listener, "ResolvedRefs"), c.resolved);
    EXPECT_EQ(condition(listener, "Programmed"), c.programmed);
    EXPECT_EQ(condition(status, "Accepted"), c.gateway);
    EXPECT_EQ(compile(world, {}).gateways.at(0).listeners.size(), c.served);
  }
}

TEST(GatewayStatus, AGrantOpensACertificateOfAnotherNamespace) {
  const World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: a, port: 443, protocol: HTTPS, tls: "
      "{certificateRefs: [{name: cert, namespace: vault}]}}]}",
      std::string(kSecret) + R"(
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: vault}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret}]
)");
  const Compiled compiled = compile(world, {});
  ASSERT_EQ(compiled.gateways.at(0).listeners.size(), 1U);
  const CompiledListener& listener = compiled.gateways[0].listeners[0];
  EXPECT_EQ(listener.protocol, ListenerProtocol::kHttps);
  EXPECT_THAT(listener.certificates, ElementsAre(ObjectName{"vault", "cert"}));
  EXPECT_THAT(world.secrets.at({"vault", "cert"}).key_pem, HasSubstr("BEGIN PRIVATE KEY"));
}

// "MUST be set on all Listeners with overlapping TLS config", "MUST NOT be set when it is False".
TEST(GatewayStatus, OverlappingHostnamesOverTlsAreReported) {
  World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: ["
      "{name: a, port: 443, protocol: HTTPS, hostname: foo.example.com}, "
      "{name: b, port: 443, protocol: HTTPS, hostname: foo.example.org}, "
      "{name: c, port: 443, protocol: HTTPS, hostname: '*.example.com'}, "
      "{name: d, port: 8443, protocol: HTTPS, hostname: '*.example.com'}]}");
  Json status = gateway_status(world);
  EXPECT_EQ(condition(status["listeners"][0], "OverlappingTLSConfig"), "True/OverlappingHostnames");
  EXPECT_EQ(condition_message(status["listeners"][0], "OverlappingTLSConfig"),
            "shares hosts with c");
  EXPECT_EQ(condition(status["listeners"][1], "OverlappingTLSConfig"), "absent");
  EXPECT_EQ(condition(status["listeners"][2], "OverlappingTLSConfig"), "True/OverlappingHostnames");
  EXPECT_EQ(condition(status["listeners"][3], "OverlappingTLSConfig"), "absent");
  Gateway& gateway = world.gateways.begin()->second;
  gateway.status = status;
  gateway.listeners[0].hostname = "foo.example.net";
  status = gateway_status(world);
  EXPECT_EQ(condition(status["listeners"][0], "OverlappingTLSConfig"), "absent");
}

TEST(GatewayStatus, SupportedKindsAreThoseThatWereAskedFor) {
  const Json status = gateway_status(world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: a, port: 80, protocol: HTTP, allowedRoutes: "
      "{kinds: [{kind: UDPRoute}, {kind: HTTPRoute}]}}]}"));
  EXPECT_EQ(status["listeners"][0]["supportedKinds"],
            Json::parse(R"([{"group":"gateway.networking.k8s.io","kind":"HTTPRoute"}])"));
}

TEST(GatewayStatus, WithoutAnAddressNothingIsProgrammed) {
  const World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}]}");
  StatusOptions options = status_options();
  options.facts.clear();
  const Json status = gateway_status(world, options);
  EXPECT_EQ(condition(status, "Accepted"), "True/Accepted");
  EXPECT_EQ(condition(status, "Programmed"), "False/AddressNotAssigned");
  EXPECT_EQ(condition(status["listeners"][0], "Programmed"), "False/Pending");
  EXPECT_THAT(status["addresses"], IsEmpty());
}

// A port that cannot be opened must not make the gateway give it up: the next try may succeed.
TEST(GatewayStatus, APortThatCannotBeOpenedIsReportedAndStillServed) {
  const World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}, "
      "{name: alt, port: 81, protocol: HTTP}]}");
  StatusOptions options = status_options();
  options.facts.begin()->second.failed_listeners["alt"] = "address already in use";
  const Json status = gateway_status(world, options);
  EXPECT_EQ(condition(status, "Programmed"), "True/Programmed");
  EXPECT_EQ(condition(status, "Accepted"), "True/ListenersNotValid");
  EXPECT_THAT(condition_message(status, "Accepted"), HasSubstr("alt"));
  EXPECT_EQ(condition(status["listeners"][1], "Accepted"), "False/PortUnavailable");
  EXPECT_EQ(condition(status["listeners"][1], "Programmed"), "False/Invalid");
  EXPECT_EQ(compile(world, {}).gateways.at(0).listeners.size(), 2U);
}

TEST(GatewayStatus, AddressesAndParametersThatAreNotSupported) {
  struct Case {
    const char* spec;
    const char* accepted;
  };
  constexpr Case kCases[] = {
      {"addresses: [{type: Hostname, value: a.org}]", "False/UnsupportedAddress"},
      {"addresses: [{value: 127.0.0.5}]", "True/Accepted"},
      {"infrastructure: {parametersRef: {group: x, kind: Y, name: z}}", "False/InvalidParameters"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.spec);
    const World world = world_with_gateway(
        std::string(
            "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}], ") +
        c.spec + "}");
    EXPECT_EQ(condition(gateway_status(world), "Accepted"), c.accepted);
  }
  const World world = world_with_gateway(
      "{gatewayClassName: rage, addresses: [{value: 127.0.0.5}], listeners: [{name: web, port: 80, "
      "protocol: HTTP}]}");
  EXPECT_THAT(compile(world, {}).gateways.at(0).requested_addresses, ElementsAre("127.0.0.5"));
}

TEST(GatewayStatus, GatewaysOfOthersAreLeftAlone) {
  World world = world_with_gateway(
      "{gatewayClassName: theirs, listeners: [{name: web, port: 80, protocol: HTTP}]}");
  put_routes(world, "- {name: a}");
  EXPECT_THAT(compile(world, {}).gateways, IsEmpty());
  for (const StatusChange& change : plan_statuses(world, compile(world, {}), status_options())) {
    EXPECT_EQ(change.kind, "GatewayClass");
  }
  // In files there need be no GatewayClass.
  CompileOptions files;
  files.unknown_class = CompileOptions::UnknownClass::kServe;
  EXPECT_EQ(compile(world, files).gateways.size(), 1U);
}

TEST(GatewayStatus, ClassesOfOursAreAccepted) {
  World world = world_of(kClass);
  ASSERT_TRUE(put_object(world, yaml_of("{apiVersion: gateway.networking.k8s.io/v1, kind: "
                                        "GatewayClass, metadata: {name: theirs}, spec: "
                                        "{controllerName: x.org/y}}")));
  StatusOptions options = status_options();
  options.features = {"HTTPRoute", "Gateway"};
  const auto changes = plan_statuses(world, compile(world, {}), options);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].plural, "gatewayclasses");
  EXPECT_EQ(condition(changes[0].status, "Accepted"), "True/Accepted");
  EXPECT_EQ(changes[0].status["conditions"][0]["observedGeneration"], 3);
  EXPECT_EQ(changes[0].status["supportedFeatures"],
            Json::parse(R"([{"name":"Gateway"},{"name":"HTTPRoute"}])"));
}

TEST(GatewayStatus, AClassWithParametersIsNot) {
  World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: w, port: 80, protocol: HTTP}]}");
  world.classes.begin()->second.has_parameters = true;
  const auto changes = plan_statuses(world, compile(world, {}), status_options());
  EXPECT_EQ(condition(planned_status(changes, "GatewayClass", "rage"), "Accepted"),
            "False/InvalidParameters");
  EXPECT_EQ(planned_status(changes, "Gateway", "gw"), Json());
}

// A write per reconcile would wake every watcher of the cluster for nothing.
TEST(GatewayStatus, NothingIsWrittenTwice) {
  World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}]}");
  const auto first = plan_statuses(world, compile(world, {}), status_options());
  ASSERT_EQ(first.size(), 2U);
  world.gateways.begin()->second.status = first[1].status;
  world.classes.begin()->second.status = first[0].status;
  EXPECT_THAT(plan_statuses(world, compile(world, {}), status_options("2027-01-01T00:00:00Z")),
              IsEmpty());
}

TEST(GatewayStatus, OnlyWhatChangedGetsANewTime) {
  World world = world_with_gateway(
      "{gatewayClassName: rage, listeners: [{name: web, port: 80, protocol: HTTP}]}");
  StatusOptions closed = status_options();
  closed.facts.clear();
  Json before = gateway_status(world, closed);
  before["conditions"].push_back({{"type", "example.org/Audited"}, {"status", "True"}});
  world.gateways.begin()->second.status = before;
  const Json after = gateway_status(world, status_options("2027-01-01T00:00:00Z"));
  const Json& conditions = after["conditions"];
  EXPECT_EQ((*find_condition_for_test(conditions, "Accepted"))["lastTransitionTime"],
            "2026-01-01T00:00:00Z");
  EXPECT_EQ((*find_condition_for_test(conditions, "Programmed"))["lastTransitionTime"],
            "2027-01-01T00:00:00Z");
  EXPECT_NE(find_condition_for_test(conditions, "example.org/Audited"), nullptr)
      << "'MUST NOT remove Conditions that they are not directly responsible for'";
}

}  // namespace
}  // namespace rage::gatewayapi
