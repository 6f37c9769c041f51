#include <gtest/gtest.h>

#include "gatewayapi/hostnames.h"
#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

TEST(HostnameCases, Syntax) {
  struct Case {
    const char* text;
    bool precise;
    bool with_wildcard;
  };
  const std::string long_label(64, 'a');
  const Case cases[] = {
      {"example.com", true, true},
      {"localhost", true, true},
      {"a-b.c-d.example", true, true},
      {"*.example.com", false, true},
      {"*", false, false},
      {"*.", false, false},
      {"a.*.com", false, false},
      {"*.*.com", false, false},
      {"Example.com", false, false},
      {"-a.com", false, false},
      {"a-.com", false, false},
      {"a..com", false, false},
      {".com", false, false},
      {"com.", false, false},
      {"a_b.com", false, false},
      {"10.0.0.1", false, false},
      {"1.2.3", true, true},
      {"::1", false, false},
      {"", false, false},
      {long_label.c_str(), false, false},
      {"a.com:80", false, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(is_hostname(c.text, Wildcards::kRefused), c.precise);
    EXPECT_EQ(is_hostname(c.text, Wildcards::kAllowed), c.with_wildcard);
  }
}

TEST(HostnameCases, Intersection) {
  struct Case {
    const char* listener;
    const char* route;
    const char* both;  // Null: nothing in common.
  };
  constexpr Case kCases[] = {
      {"", "", ""},
      {"", "a.example.com", "a.example.com"},
      {"a.example.com", "", "a.example.com"},
      {"test.example.com", "test.example.com", "test.example.com"},
      {"test.example.com", "*.example.com", "test.example.com"},
      {"test.example.com", "other.example.com", nullptr},
      {"test.example.com", "*.example.net", nullptr},
      {"*.example.com", "*.example.com", "*.example.com"},
      {"*.example.com", "test.example.com", "test.example.com"},
      {"*.example.com", "foo.test.example.com", "foo.test.example.com"},
      {"*.example.com", "example.com", nullptr},
      {"*.example.com", "test.example.net", nullptr},
      {"*.example.com", "*.test.example.com", "*.test.example.com"},
      {"*.test.example.com", "*.example.com", "*.test.example.com"},
      {"*.example.com", "*.example.net", nullptr},
      {"*.example.com", "testexample.com", nullptr},
      {"*.com", "*.xcom", nullptr},
      {"example.com", "*.example.com", nullptr},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.listener) + " & " + c.route);
    const std::optional<std::string> both = intersect_hostnames(c.listener, c.route);
    EXPECT_EQ(both.has_value(), c.both != nullptr);
    if (both && c.both != nullptr) {
      EXPECT_EQ(*both, c.both);
    }
    EXPECT_EQ(intersect_hostnames(c.route, c.listener), both) << "the order does not matter";
  }
}

TEST(HostnameCases, Matching) {
  struct Case {
    const char* pattern;
    const char* host;
    bool matched;
  };
  constexpr Case kCases[] = {
      {"", "anything", true},
      {"", "", true},
      {"a.example.com", "a.example.com", true},
      {"a.example.com", "b.example.com", false},
      {"*.example.com", "a.example.com", true},
      {"*.example.com", "a.b.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", ".example.com", false},
      {"*.example.com", "aexample.com", false},
      {"*.example.com", "a.example.com.evil.org", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.pattern) + " <- " + c.host);
    EXPECT_EQ(matches_hostname(c.pattern, c.host), c.matched);
  }
}

constexpr std::string_view kListeners = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: rage}
spec: {controllerName: rage.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: rage
  listeners:
  - {name: any, port: 80, protocol: HTTP}
  - {name: wide, port: 80, protocol: HTTP, hostname: "*.example.com"}
  - {name: narrow, port: 80, protocol: HTTP, hostname: "*.foo.example.com"}
  - {name: exact, port: 80, protocol: HTTP, hostname: "foo.example.com"}
  - {name: other-port, port: 8080, protocol: HTTP, hostname: "a.example.com"}
)";

// A request that two listeners could take must not leak into the less specific one's routes.
TEST(HostnameCases, RequestsGoToTheMostSpecificListenerAlone) {
  struct Case {
    std::uint16_t port;
    const char* host;
    const char* listener;  // Null: none.
  };
  constexpr Case kCases[] = {
      {80, "foo.example.com", "exact"},
      {80, "bar.example.com", "wide"},
      {80, "a.foo.example.com", "narrow"},
      {80, "a.b.foo.example.com", "narrow"},
      {80, "a.b.example.com", "wide"},
      {80, "example.com", "any"},
      {80, "", "any"},
      {8080, "a.example.com", "other-port"},
      {8080, "b.example.com", nullptr},
      {81, "foo.example.com", nullptr},
  };
  const Compiled compiled = compile(world_of(kListeners), {});
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.host);
    const CompiledListener* found = find_listener(compiled.gateways.at(0), c.port, c.host);
    ASSERT_EQ(found != nullptr, c.listener != nullptr);
    if (found != nullptr) {
      EXPECT_EQ(found->name, c.listener);
    }
  }
}

TEST(HostnameCases, RoutesAnswerWithinTheirListener) {
  struct Case {
    const char* about;
    const char* routes;
    const char* request;
    const char* expected;
  };
  constexpr Case kCases[] = {
      {"a route of one listener is not seen through another",
       "- {parents: [{name: gw, sectionName: any}], rules: [{name: r}]}", "GET foo.example.com /",
       "404"},
      {"no hostnames: the listener's",
       "- {parents: [{name: gw, sectionName: exact}], "
       "rules: [{name: r}]}",
       "GET foo.example.com /", "r"},
      {"attached to all", "- {rules: [{name: r}]}", "GET foo.example.com /", "r"},
      {"a hostname that the listener has not is ignored",
       "- {parents: [{name: gw, sectionName: wide}], hostnames: [x.example.net, y.example.com], "
       "rules: [{name: r}]}",
       "GET x.example.net /", "404"},
      {"... the other one is served",
       "- {parents: [{name: gw, sectionName: wide}], hostnames: [x.example.net, y.example.com], "
       "rules: [{name: r}]}",
       "GET y.example.com /", "r"},
      {"a wider hostname of the route is cut to the listener's",
       "- {parents: [{name: gw, sectionName: narrow}], hostnames: ['*.example.com'], "
       "rules: [{name: r}]}",
       "GET a.foo.example.com /", "r"},
      {"... and does not reach beyond",
       "- {parents: [{name: gw, sectionName: narrow}], hostnames: ['*.example.com'], "
       "rules: [{name: r}]}",
       "GET b.example.com /", "404"},
      {"the route's own hostname decides, not what is left of it on the listener",
       "- {name: old, created: '2020-01-01T00:00:00Z', hostnames: ['*.example.com'], "
       "rules: [{name: old}]}\n"
       "- {name: new, created: '2024-01-01T00:00:00Z', hostnames: [foo.example.com], "
       "rules: [{name: new}]}",
       "GET foo.example.com /", "new"},
      {"by port", "- {parents: [{name: gw, port: 8080}], rules: [{name: r}]}",
       "GET foo.example.com /", "404"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.about);
    World world = world_of(kListeners);
    put_routes(world, c.routes);
    EXPECT_EQ(answer(compile(world, {}).gateways.at(0), c.request), c.expected);
  }
}

// Whoever asks a listener's table for a host that is not its own gets nothing.
TEST(HostnameCases, ATableAnswersOnlyForItsListener) {
  World world = world_of(kListeners);
  put_routes(world, "- {rules: [{name: r}]}");
  const Compiled compiled = compile(world, {});
  const CompiledListener* exact = find_listener(compiled.gateways.at(0), 80, "foo.example.com");
  ASSERT_NE(exact, nullptr);
  EXPECT_FALSE(exact->routes->match(TestRequest("GET other.example.com /").head));
}

}  // namespace
}  // namespace rage::gatewayapi
