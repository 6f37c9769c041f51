// Which of several rules that match is the one: HTTPRouteRule.matches and HTTPRoute.hostnames of
// the Gateway API, criterion by criterion.
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

struct PrecedenceCase {
  const char* about;
  const char* routes;  // Names of rules are unique.
  const char* request;
  const char* expected;
};

void check_precedence(std::span<const PrecedenceCase> cases) {
  for (const PrecedenceCase& c : cases) {
    SCOPED_TRACE(c.about);
    const Compiled compiled = compile(world_of_routes(c.routes), {});
    ASSERT_EQ(compiled.gateways.size(), 1U);
    EXPECT_EQ(answer(compiled.gateways[0], c.request), c.expected);
  }
}

constexpr const char* kPaths = R"(
- rules:
  - {name: all, matches: [{path: {value: /}}]}
  - {name: a, matches: [{path: {value: /a}}]}
  - {name: regex, matches: [{path: {type: RegularExpression, value: '/a/b/.*'}}]}
  - {name: a-b, matches: [{path: {value: /a/b}}]}
  - {name: exact, matches: [{path: {type: Exact, value: /a/b/c}}]}
  - {name: a-b-c, matches: [{path: {value: /a/b/c}}]}
)";

TEST(RoutePrecedenceCases, TheMostSpecificPathWins) {
  constexpr PrecedenceCase kCases[] = {
      {"Exact before everything", kPaths, "GET h /a/b/c", "exact"},
      {"RegularExpression before PathPrefix", kPaths, "GET h /a/b/c/d", "regex"},
      {"the longest prefix", kPaths, "GET h /a/b", "a-b"},
      {"a shorter one", kPaths, "GET h /a/x", "a"},
      {"an element that only begins alike", kPaths, "GET h /ab", "all"},
      {"root", kPaths, "GET h /", "all"},
      {"the longer regular expression",
       "- {rules: [{name: short, matches: [{path: {type: RegularExpression, value: '/.*'}}]}, "
       "{name: long, matches: [{path: {type: RegularExpression, value: '/x/.*'}}]}]}",
       "GET h /x/y", "long"},
      {"a prefix with trailing slash is no longer than one without: the first rule",
       "- {rules: [{name: plain, matches: [{path: {value: /a}}]}, "
       "{name: slash, matches: [{path: {value: /a/}}]}]}",
       "GET h /a/b", "plain"},
      {"a path outweighs a method",
       "- {rules: [{name: m, matches: [{method: GET}]}, {name: p, matches: [{path: {value: "
       "/a}}]}]}",
       "GET h /a", "p"},
      {"a path outweighs headers and parameters",
       "- {rules: [{name: h, matches: [{headers: [{name: a, value: x}, {name: b, value: yy}], "
       "queryParams: [{name: q, value: z}]}]}, {name: p, matches: [{path: {value: /a}}]}]}",
       "GET h /a?q=z a:x b:yy", "p"},
      {"a rule with less specific path answers if the other's header does not match",
       "- {rules: [{name: deep, matches: [{path: {value: /a/b}, headers: [{name: v, value: x}]}]}, "
       "{name: flat, matches: [{path: {value: /a}}]}]}",
       "GET h /a/b v:other", "flat"},
      {"an exact path whose method differs leaves the request to a prefix",
       "- {rules: [{name: e, matches: [{path: {type: Exact, value: /a}, method: POST}]}, "
       "{name: p, matches: [{path: {value: /a}}]}]}",
       "GET h /a", "p"},
  };
  check_precedence(kCases);
}

TEST(RoutePrecedenceCases, ThenMethodThenHeadersThenParameters) {
  constexpr PrecedenceCase kCases[] = {
      {"a method before none",
       "- {rules: [{name: any, matches: [{path: {value: /a}}]}, "
       "{name: get, matches: [{path: {value: /a}, method: GET}]}]}",
       "GET h /a", "get"},
      {"a method outweighs headers",
       "- {rules: [{name: h, matches: [{headers: [{name: a, value: x}, {name: b, value: yy}]}]}, "
       "{name: m, matches: [{method: GET}]}]}",
       "GET h / a:x b:yy", "m"},
      {"more headers",
       "- {rules: [{name: one, matches: [{headers: [{name: a, value: x}]}]}, "
       "{name: two, matches: [{headers: [{name: a, value: x}, {name: b, value: yy}]}]}]}",
       "GET h / a:x b:yy", "two"},
      {"more headers, not all there",
       "- {rules: [{name: one, matches: [{headers: [{name: a, value: x}]}]}, "
       "{name: two, matches: [{headers: [{name: a, value: x}, {name: b, value: yy}]}]}]}",
       "GET h / a:x", "one"},
      {"a repeated name counts once",
       "- {rules: [{name: first, matches: [{headers: [{name: a, value: x}]}]}, "
       "{name: twice, matches: [{headers: [{name: a, value: x}, {name: A, value: z}]}]}]}",
       "GET h / a:x", "first"},
      {"headers outweigh parameters",
       "- {rules: [{name: q, matches: [{queryParams: [{name: a, value: x}, "
       "{name: b, value: yy}]}]}, {name: h, matches: [{headers: [{name: a, value: x}]}]}]}",
       "GET h /?a=x&b=yy a:x", "h"},
      {"more parameters",
       "- {rules: [{name: one, matches: [{queryParams: [{name: a, value: x}]}]}, "
       "{name: two, matches: [{queryParams: [{name: a, value: x}, {name: b, value: yy}]}]}]}",
       "GET h /?a=x&b=yy", "two"},
      {"a regular expression counts as much as an exact header: the first rule",
       "- {rules: [{name: r, matches: [{headers: [{name: a, type: RegularExpression, value: x}]}]},"
       " {name: e, matches: [{headers: [{name: a, value: x}]}]}]}",
       "GET h / a:x", "r"},
      {"each match of a rule stands for itself",
       "- {rules: [{name: mixed, matches: [{path: {value: /}}, {path: {value: /a/b}}]}, "
       "{name: a, matches: [{path: {value: /a}}]}]}",
       "GET h /a/b", "mixed"},
      {"... and does not lift the others",
       "- {rules: [{name: mixed, matches: [{path: {value: /}}, {path: {value: /a/b}}]}, "
       "{name: a, matches: [{path: {value: /a}}]}]}",
       "GET h /a/c", "a"},
      {"all else equal: the first rule of the route",
       "- {rules: [{name: first, matches: [{path: {value: /a}}]}, "
       "{name: second, matches: [{path: {value: /a}}]}]}",
       "GET h /a", "first"},
  };
  check_precedence(kCases);
}

constexpr const char* kAges = R"(
- {name: young, created: "2024-01-02T00:00:00Z", rules: [{name: young}]}
- {name: old, created: "2024-01-01T00:00:00Z", rules: [{name: old}]}
)";
constexpr const char* kSpecificYoung = R"(
- {name: old, created: "2024-01-01T00:00:00Z", rules: [{name: old}]}
- {name: young, created: "2024-01-02T00:00:00Z",
   rules: [{name: young, matches: [{path: {value: /a}}]}]}
)";

TEST(RoutePrecedenceCases, ThenAgeThenName) {
  constexpr PrecedenceCase kCases[] = {
      {"'the oldest Route'", kAges, "GET h /", "old"},
      {"the age counts only on ties", kSpecificYoung, "GET h /a", "young"},
      {"... and the older keeps the rest", kSpecificYoung, "GET h /b", "old"},
      {"a second apart, in different zones",
       "- {name: a, created: '2024-01-01T01:00:01+01:00', rules: [{name: later}]}\n"
       "- {name: b, created: '2024-01-01T00:00:00Z', rules: [{name: earlier}]}",
       "GET h /", "earlier"},
      {"no timestamp is youngest",
       "- {name: a, rules: [{name: none}]}\n"
       "- {name: b, created: '2024-01-01T00:00:00Z', rules: [{name: dated}]}",
       "GET h /", "dated"},
      {"'appearing first in alphabetical order': by name",
       "- {name: b, rules: [{name: rb}]}\n- {name: a, rules: [{name: ra}]}", "GET h /", "ra"},
      {"'appearing first in alphabetical order': by namespace first",
       "- {name: a, namespace: two, rules: [{name: r-two}]}\n"
       "- {name: b, namespace: one, rules: [{name: r-one}]}",
       "GET h /", "r-one"},
      {"age before name",
       "- {name: a, created: '2024-01-02T00:00:00Z', rules: [{name: ra}]}\n"
       "- {name: b, created: '2024-01-01T00:00:00Z', rules: [{name: rb}]}",
       "GET h /", "rb"},
      {"a later rule of the older route before the first of the younger",
       "- {name: a, created: '2024-01-02T00:00:00Z', rules: [{name: ra}]}\n"
       "- {name: b, created: '2024-01-01T00:00:00Z', rules: [{name: x, matches: [{method: PUT}]}, "
       "{name: rb}]}",
       "GET h /", "rb"},
  };
  check_precedence(kCases);
}

constexpr const char* kHosts = R"(
- {name: any, rules: [{name: any}, {name: any-deep, matches: [{path: {value: /deep/er}}]}]}
- {name: wide, hostnames: ["*.com"], rules: [{name: wide}]}
- {name: wild, hostnames: ["*.example.com"],
   rules: [{name: wild}, {name: wild-deep, matches: [{path: {value: /deep/er}}]}]}
- {name: sub, hostnames: ["*.shop.example.com"], rules: [{name: sub, matches: [{method: GET}]}]}
- {name: exact, hostnames: [a.example.com],
   rules: [{name: exact, matches: [{path: {value: /deep}}]}]}
)";

TEST(RoutePrecedenceCases, TheMostSpecificHostnameComesFirst) {
  constexpr PrecedenceCase kCases[] = {
      {"an exact hostname, although another's path is longer", kHosts, "GET a.example.com /deep/er",
       "exact"},
      {"what its rules do not match goes on to the wildcard", kHosts, "GET a.example.com /",
       "wild"},
      {"the wildcard's own path", kHosts, "GET b.example.com /deep/er", "wild-deep"},
      {"a wildcard covers several labels", kHosts, "GET a.b.example.com /", "wild"},
      {"... but not the name itself", kHosts, "GET example.com /", "wide"},
      {"the longer wildcard", kHosts, "GET a.shop.example.com /", "sub"},
      {"... and what it does not match", kHosts, "PUT a.shop.example.com /", "wild"},
      {"the name of the longer wildcard itself belongs to the shorter", kHosts,
       "GET shop.example.com /", "wild"},
      {"a route without hostnames takes the rest", kHosts, "GET other.org /", "any"},
      {"no host at all", kHosts, "GET - /deep/er", "any-deep"},
      {"age does not lift a less specific hostname",
       "- {name: old, created: '2020-01-01T00:00:00Z', hostnames: ['*.x.org'], "
       "rules: [{name: old}]}\n"
       "- {name: new, created: '2024-01-01T00:00:00Z', hostnames: [a.x.org], rules: [{name: new}]}",
       "GET a.x.org /", "new"},
      {"two routes share a hostname: paths decide",
       "- {name: a, hostnames: [x.org], rules: [{name: ra, matches: [{path: {value: /a}}]}]}\n"
       "- {name: b, hostnames: [x.org], rules: [{name: rb, matches: [{path: {value: /a/b}}]}]}",
       "GET x.org /a/b", "rb"},
      {"several hostnames of one route", "- {hostnames: [x.org, y.org], rules: [{name: r}]}",
       "GET y.org /", "r"},
      {"none of them", "- {hostnames: [x.org, y.org], rules: [{name: r}]}", "GET z.org /", "404"},
  };
  check_precedence(kCases);
}

TEST(RoutePrecedenceCases, ManyModelsBehindOnePath) {
  std::string routes;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    routes += "- {name: m" + n + ", rules: [{name: m" + n +
              ", matches: [{path: {value: /v1}, headers: [{name: x-model, value: m" + n +
              "}]}]}]}\n";
  }
  routes +=
      "- {name: a-tenant, rules: [{name: tenant, matches: [{path: {value: /v1}, headers: "
      "[{name: x-model, value: m7}, {name: x-tenant, value: t}]}]}]}\n"
      "- {name: rest, rules: [{name: rest, matches: [{path: {value: /v1}}]}]}\n"
      "- {name: put, rules: [{name: put, matches: [{path: {value: /v1}, method: PUT}]}]}";
  const PrecedenceCase cases[] = {
      {"by header", routes.c_str(), "POST h /v1/chat x-model:m13", "m13"},
      {"two headers before one", routes.c_str(), "POST h /v1/chat x-model:m7 x-tenant:t", "tenant"},
      {"the other tenant", routes.c_str(), "POST h /v1/chat x-model:m7 x-tenant:u", "m7"},
      {"an unknown model", routes.c_str(), "POST h /v1/chat x-model:none", "rest"},
      {"no model", routes.c_str(), "POST h /v1/chat", "rest"},
      {"a method outweighs the header", routes.c_str(), "PUT h /v1/chat x-model:m7", "put"},
  };
  check_precedence(cases);
}

TEST(RoutePrecedenceCases, GrpcMethodsBeforeServices) {
  World world = world_of(kGatewayYaml);
  put_routes(world, R"(
- rules:
  - {name: all}
  - {name: service, matches: [{method: {service: a.B}}]}
  - {name: header, matches: [{method: {service: a.B}, headers: [{name: v, value: x}]}]}
  - {name: method, matches: [{method: {service: a.B, method: C}}]}
)",
             "GRPCRoute");
  const Compiled compiled = compile(world, {});
  EXPECT_EQ(answer(compiled.gateways.at(0), "POST h /a.B/C v:x"), "method");
  EXPECT_EQ(answer(compiled.gateways[0], "POST h /a.B/D v:x"), "header");
  EXPECT_EQ(answer(compiled.gateways[0], "POST h /a.B/D"), "service");
  EXPECT_EQ(answer(compiled.gateways[0], "POST h /x.Y/Z"), "all");
}

}  // namespace
}  // namespace rage::gatewayapi
