// What is wrong with an object, in words that a person can act on; and that the rest is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Route parse_rules(const std::string& rules, std::string_view kind = "HTTPRoute") {
  const Json document = route_document(yaml_of("{rules: " + rules + "}"), kind);
  auto route = kind == "HTTPRoute" ? parse_http_route(document) : parse_grpc_route(document);
  EXPECT_TRUE(route.has_value());
  return route ? *std::move(route) : Route{};
}

// Of the first rule, or of the route.
std::string first_problem(const Route& route) {
  if (!route.problems.empty()) return route.problems[0].reason + " " + route.problems[0].message;
  if (route.rules.empty() || route.rules[0].problems.empty()) return "";
  return route.rules[0].problems[0].reason + " " + route.rules[0].problems[0].message;
}

struct RuleCase {
  const char* rule;
  const char* problem;  // "": none. Otherwise a part of "reason path: why".
};

void check_rules(std::span<const RuleCase> cases, std::string_view kind = "HTTPRoute") {
  for (const RuleCase& c : cases) {
    SCOPED_TRACE(c.rule);
    const std::string problem = first_problem(parse_rules("[" + std::string(c.rule) + "]", kind));
    if (std::string_view(c.problem).empty()) {
      EXPECT_EQ(problem, "");
    } else {
      EXPECT_THAT(problem, HasSubstr(c.problem));
    }
  }
}

TEST(ValidationCases, Matches) {
  constexpr RuleCase kCases[] = {
      {"{matches: [{path: {value: abc}}]}",
       "UnsupportedValue spec.rules[0].matches[0].path.value: must start with '/'"},
      {"{matches: [{path: {value: /a//b}}]}", "must not contain '//'"},
      {"{matches: [{path: {value: /a/./b}}]}", "must not contain '/./'"},
      {"{matches: [{path: {value: /a/../b}}]}", "must not contain '/../'"},
      {"{matches: [{path: {value: /a/..}}]}", "must not end with"},
      {"{matches: [{path: {value: /a%2fb}}]}", "must not contain '%2f'"},
      {"{matches: [{path: {value: '/a#b'}}]}", "characters that a path cannot have"},
      {"{matches: [{path: {value: '/a?b'}}]}", "characters that a path cannot have"},
      {"{matches: [{path: {value: '/a%2'}}]}", "characters that a path cannot have"},
      {"{matches: [{path: {value: '/a%20b', type: Exact}}]}", ""},
      {"{matches: [{path: {type: Glob, value: /a}}]}",
       "path.type: 'Glob' is not one of Exact, PathPrefix, RegularExpression"},
      {"{matches: [{path: {type: RegularExpression, value: '('}}]}", "not a regular expression"},
      {"{matches: [{path: {type: RegularExpression, value: '(a{1000}){1000}'}}]}", "regular expr"},
      {"{matches: [{method: get}]}", "method: 'get' is not a method; they are upper case"},
      {"{matches: [{headers: [{name: 'a b', value: x}]}]}", "headers[0].name: must be letters"},
      {"{matches: [{headers: [{name: a}]}]}", "headers[0].value: is required"},
      {"{matches: [{headers: [{name: a, value: x, type: Fuzzy}]}]}",
       "'Fuzzy' is not one of Exact, RegularExpression"},
      {"{matches: [{headers: [{name: a, value: '[', type: RegularExpression}]}]}",
       "not a regular expression"},
      {"{matches: [{queryParams: [{value: x}]}]}", "queryParams[0].name: is required"},
      {"{matches: {}}", "matches: must be a list"},
      {"{matches: [x]}", "matches[0]: must be an object"},
      {"{matches: [{path: {value: 5}}]}", "path.value: must be a string"},
  };
  check_rules(kCases);
}

TEST(ValidationCases, Filters) {
  constexpr RuleCase kCases[] = {
      {"{filters: [{type: CORS, cors: {}}]}",
       "UnsupportedValue spec.rules[0].filters[0].type: 'CORS' is not a filter"},
      {"{filters: [{requestMirror: {}}]}", "filters[0].type: is required"},
      {"{filters: [{type: URLRewrite}]}", "urlRewrite: is required with type URLRewrite"},
      {"{filters: [{type: URLRewrite, urlRewrite: {}, requestMirror: {}}]}",
       "requestMirror: does not go with type URLRewrite"},
      {"{filters: [{type: URLRewrite, urlRewrite: {hostname: a.org}}, "
       "{type: RequestRedirect, requestRedirect: {}}]}",
       "IncompatibleFilters spec.rules[0].filters: RequestRedirect and URLRewrite"},
      {"{filters: [{type: URLRewrite, urlRewrite: {}}, {type: URLRewrite, urlRewrite: {}}]}",
       "IncompatibleFilters spec.rules[0].filters[1].type: URLRewrite must not be repeated"},
      {"{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, "
       "value: x}]}}]}",
       "'host' cannot be edited; use URLRewrite.hostname"},
      {"{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: "
       "[Content-Length]}}]}",
       "'content-length' cannot be edited"},
      {"{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: a, "
       "value: \"x\\r\\ny: z\"}]}}]}",
       "add[0].value: must not contain control characters"},
      {"{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: ':path', "
       "value: x}]}}]}",
       "':path' is not a header's name"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {scheme: ftp}}]}",
       "'ftp' is not one of http, https"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 200}}]}",
       "200 is not one of 301, 302, 303, 307, 308"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 308}}]}", ""},
      {"{filters: [{type: RequestRedirect, requestRedirect: {hostname: '*.a.org'}}]}",
       "'*.a.org' is not a hostname in lower case"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {path: {type: Other}}}]}",
       "'Other' is not one of ReplaceFullPath, ReplacePrefixMatch"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath}}}]}",
       "replaceFullPath: is required"},
      {"{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, "
       "replaceFullPath: '/a?b'}}}]}",
       "must be a path"},
      {"{filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: s, port: "
       "80}]}",
       "backendRefs: must be empty with a RequestRedirect"},
      {"{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: "
       "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
       "ReplacePrefixMatch needs exactly one match, of type PathPrefix"},
      {"{matches: [{path: {value: /a}}, {path: {value: /b}}], filters: [{type: URLRewrite, "
       "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
       "ReplacePrefixMatch needs exactly one match"},
      {"{matches: [{path: {value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: "
       "ReplacePrefixMatch, replacePrefixMatch: ''}}}]}",
       ""},
      {"{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: "
       "101}}]}",
       "percent: must be a whole number from 0 to 100"},
      {"{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: "
       "1, fraction: {numerator: 1}}}]}",
       "give percent or fraction, not both"},
      {"{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, "
       "fraction: {numerator: 3, denominator: 2}}}]}",
       "must not be greater than the denominator"},
      {"{filters: [{type: RequestMirror, requestMirror: {}}]}", "backendRef: is required"},
      {"{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}}}, "
       "{type: RequestMirror, requestMirror: {backendRef: {name: t, port: 80}}}]}",
       ""},
  };
  check_rules(kCases);
}

TEST(ValidationCases, BackendsTimeoutsRetries) {
  constexpr RuleCase kCases[] = {
      {"{backendRefs: [{name: s}]}", "backendRefs[0].port: is required for a Service"},
      {"{backendRefs: [{name: s, port: 0}]}", "port: must be a whole number from 1 to 65535"},
      {"{backendRefs: [{name: s, port: 80, weight: -1}]}", "weight: must be a whole number"},
      {"{backendRefs: [{name: s, port: 80, weight: 1000001}]}", "from 0 to 1000000"},
      {"{backendRefs: [{port: 80}]}", "name: is required"},
      {"{backendRefs: [{name: p, group: inference.networking.k8s.io, kind: InferencePool}]}", ""},
      {"{timeouts: {request: 10}}", "timeouts.request: must be a string"},
      {"{timeouts: {request: 10 s}}", "'10 s' is not a duration such as 10s, 1m30s or 500ms"},
      {"{timeouts: {request: 1s, backendRequest: 2s}}", "must not be longer than request"},
      {"{timeouts: {request: 0s, backendRequest: 2s}}", ""},
      {"{retry: {codes: [200]}}", "retry.codes: must be a list of status codes from 400 to 599"},
      {"{retry: {attempts: -1}}", "retry.attempts: must be a whole number"},
      {"{retry: {codes: [500, 503], attempts: 3, backoff: 100ms}}", ""},
  };
  check_rules(kCases);
}

TEST(ValidationCases, GrpcRules) {
  constexpr RuleCase kCases[] = {
      {"{matches: [{method: {service: a.B, method: C}}]}", ""},
      {"{matches: [{method: {method: C}}]}", "service: is required"},
      {"{matches: [{method: {service: a/B}}]}", "'a/B' is not the name of a gRPC service"},
      {"{matches: [{method: {service: a.B, method: 'C/D'}}]}", "'C/D' is not the name of a gRPC"},
      {"{matches: [{method: {service: '.*', type: RegularExpression}}]}",
       "'RegularExpression' is not supported; use Exact"},
      {"{filters: [{type: URLRewrite, urlRewrite: {}}]}", "'URLRewrite' is not a filter"},
  };
  check_rules(kCases, "GRPCRoute");
}

TEST(ValidationCases, LimitsOfTheApi) {
  const auto repeated = [](const std::string& item, int count) {
    std::string list = "[";
    for (int i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + item;
    return list + "]";
  };
  EXPECT_EQ(first_problem(parse_rules(repeated("{}", 16))), "");
  EXPECT_THAT(first_problem(parse_rules(repeated("{}", 17))),
              HasSubstr("spec.rules: 17 entries; at most 16 are allowed"));
  EXPECT_EQ(first_problem(parse_rules("[{matches: " + repeated("{}", 64) + "}]")), "");
  EXPECT_THAT(first_problem(parse_rules("[{matches: " + repeated("{}", 65) + "}]")),
              HasSubstr("spec.rules[0].matches: 65 entries; at most 64 are allowed"));
  const std::string half = "{matches: " + repeated("{}", 64) + "}";
  EXPECT_EQ(first_problem(parse_rules("[" + half + ", " + half + "]")), "");
  EXPECT_THAT(first_problem(parse_rules("[" + half + ", " + half + ", {}]")),
              HasSubstr("129 matches in all rules; at most 128"));
  EXPECT_THAT(first_problem(parse_rules("[{filters: " + repeated("{}", 17) + "}]")),
              HasSubstr("filters: 17 entries"));
  EXPECT_THAT(
      first_problem(parse_rules("[{backendRefs: " + repeated("{name: s, port: 1}", 17) + "}]")),
      HasSubstr("backendRefs: 17 entries"));
  EXPECT_THAT(
      first_problem(parse_rules("[{matches: [{path: {value: /" + std::string(1024, 'a') + "}}]}]")),
      HasSubstr("1025 characters; at most 1024 are allowed"));
  const Route named = parse_rules("[{name: a}, {name: a}]");
  EXPECT_THAT(named.rules.at(1).problems.at(0).message, HasSubstr("'a' names more than one rule"));
}

TEST(ValidationCases, ParentsAndHostnames) {
  const auto problem = [](const char* form) {
    return first_problem(*parse_http_route(route_document(yaml_of(form))));
  };
  EXPECT_EQ(problem("{parents: [{name: a}, {name: b}]}"), "");
  EXPECT_EQ(problem("{parents: [{name: a, sectionName: x}, {name: a, sectionName: z}]}"), "");
  EXPECT_EQ(problem("{parents: [{name: a, namespace: ns}, {name: a, namespace: m}]}"), "");
  EXPECT_THAT(problem("{parents: [{name: a}, {name: a}]}"),
              HasSubstr("parentRefs[1]: refers to the same Gateway as parentRefs[0]"));
  EXPECT_THAT(problem("{parents: [{name: a}, {name: a, sectionName: x}]}"),
              HasSubstr("different values of sectionName or port"));
  EXPECT_THAT(problem("{parents: [{name: a}, {name: a, namespace: default}]}"),
              HasSubstr("refers to the same Gateway"));
  EXPECT_THAT(problem("{hostnames: [10.0.0.1]}"), HasSubstr("hostnames[0]: '10.0.0.1' is not"));
  EXPECT_THAT(problem("{hostnames: [UPPER.org]}"), HasSubstr("is not a hostname in lower case"));
}

TEST(ValidationCases, ARouteWithoutRulesHasTheDefaultOne) {
  const Route route = *parse_http_route(route_document(yaml_of("{}")));
  ASSERT_EQ(route.rules.size(), 1U);
  ASSERT_EQ(route.rules[0].matches.size(), 1U);
  EXPECT_EQ(route.rules[0].matches[0].path.value, "/");
}

TEST(ValidationCases, WhatIsReadArrives) {
  const Route route = parse_rules(R"([{
    name: main,
    matches: [{path: {type: Exact, value: /a}, method: POST, headers: [{name: X-A, value: B}]}],
    filters: [
      {type: RequestHeaderModifier, requestHeaderModifier:
         {set: [{name: A, value: '1'}], add: [{name: B, value: '2'}], remove: [C]}},
      {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 81}, percent: 20}}],
    backendRefs: [{name: s, namespace: other, port: 80, weight: 7, filters:
      [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [D]}}]}],
    timeouts: {request: 10s, backendRequest: 2s},
    retry: {codes: [503], attempts: 2, backoff: 250ms}}])");
  EXPECT_THAT(route.problems, IsEmpty());
  const RouteRule& rule = route.rules.at(0);
  EXPECT_EQ(rule.name, "main");
  EXPECT_EQ(rule.matches.at(0).headers.at(0).name, "x-a");
  const auto& edits = std::get<RequestHeaderEdits>(rule.filters.at(0).what);
  EXPECT_EQ(edits.set.at(0).first, "a");
  EXPECT_EQ(edits.add.at(0).second, "2");
  EXPECT_THAT(edits.remove, ElementsAre("c"));
  EXPECT_EQ(std::get<MirrorSpec>(rule.filters.at(1).what).numerator, 20U);
  EXPECT_EQ(rule.backends.at(0).target.object.name_space, "other");
  EXPECT_EQ(rule.backends.at(0).weight, 7U);
  EXPECT_EQ(rule.backends.at(0).filters.size(), 1U);
  EXPECT_EQ(rule.request_timeout, std::chrono::milliseconds(10'000));
  EXPECT_THAT(rule.retry->codes, ElementsAre(503));
  EXPECT_EQ(rule.retry->attempts, 2U);
  EXPECT_EQ(rule.retry->backoff, std::chrono::milliseconds(250));
}

TEST(ValidationCases, Listeners) {
  struct Case {
    const char* listener;
    const char* problem;
  };
  constexpr Case kCases[] = {
      {"{name: a, port: 80, protocol: HTTP}", ""},
      {"{name: a, protocol: HTTP}", "listeners[0].port: is required"},
      {"{name: a, port: 70000, protocol: HTTP}", "from 1 to 65535"},
      {"{name: A_B, port: 80, protocol: HTTP}", "name: must be lower-case"},
      {"{name: a, port: 80, protocol: HTTP, tls: {}}", "must not be given for protocol HTTP"},
      {"{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}",
       "'Passthrough' is not supported for HTTPS; use Terminate"},
      {"{name: a, port: 80, protocol: HTTP, hostname: 'a b'}", "'a b' is not a hostname"},
      {"{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Some}}}",
       "'Some' is not one of All, Same, Selector"},
      {"{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}",
       "selector: is required with from: Selector"},
      {"{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: "
       "{matchExpressions: [{key: k, operator: Like}]}}}}",
       "must be In, NotIn, Exists or DoesNotExist"},
      {"{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: "
       "{matchExpressions: [{key: k, operator: In}]}}}}",
       "values: must not be empty"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.listener);
    const auto gateway = parse_gateway(yaml_of(
        std::string(
            "{metadata: {name: g, namespace: ns}, spec: {gatewayClassName: c, listeners: [") +
        c.listener + "]}}"));
    ASSERT_TRUE(gateway.has_value());
    const Problems& problems = gateway->listeners.at(0).problems;
    if (std::string_view(c.problem).empty()) {
      EXPECT_THAT(problems, IsEmpty());
    } else {
      ASSERT_FALSE(problems.empty());
      EXPECT_THAT(problems[0].message, HasSubstr(c.problem));
    }
  }
}

TEST(ValidationCases, LabelSelectors) {
  struct Case {
    const char* selector;
    bool matched;  // {env: prod, team: a}
  };
  constexpr Case kCases[] = {
      {"{}", true},
      {"{matchLabels: {env: prod}}", true},
      {"{matchLabels: {env: test}}", false},
      {"{matchLabels: {env: prod, zone: x}}", false},
      {"{matchExpressions: [{key: env, operator: In, values: [test, prod]}]}", true},
      {"{matchExpressions: [{key: env, operator: NotIn, values: [test]}]}", true},
      {"{matchExpressions: [{key: zone, operator: NotIn, values: [x]}]}", true},
      {"{matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}", false},
      {"{matchExpressions: [{key: team, operator: Exists}]}", true},
      {"{matchExpressions: [{key: zone, operator: Exists}]}", false},
      {"{matchExpressions: [{key: zone, operator: DoesNotExist}]}", true},
      {"{matchLabels: {env: prod}, matchExpressions: [{key: team, operator: DoesNotExist}]}",
       false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.selector);
    const auto gateway = parse_gateway(
        yaml_of(std::string("{metadata: {name: g}, spec: {gatewayClassName: c, listeners: [{name: "
                            "a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: "
                            "Selector, selector: ") +
                c.selector + "}}}]}}"));
    ASSERT_TRUE(gateway.has_value());
    const Labels labels = {{"env", "prod"}, {"team", "a"}};
    EXPECT_EQ(gateway->listeners.at(0).selector.matches(labels), c.matched);
  }
}

TEST(ValidationCases, WhatHasNoNameIsRefused) {
  EXPECT_FALSE(parse_http_route(yaml_of("{spec: {}}")).has_value());
  EXPECT_FALSE(parse_gateway(yaml_of("{metadata: {name: 5}}")).has_value());
  EXPECT_FALSE(parse_gateway_class(yaml_of("{metadata: {name: a}, spec: {}}")).has_value());
  // A name of a wrong type would read as "any".
  EXPECT_FALSE(parse_reference_grant(yaml_of("{metadata: {name: a}, spec: {from: [], to: [{kind: "
                                             "Secret, name: [x]}]}}"))
                   .has_value());
}

}  // namespace
}  // namespace rage::gatewayapi
