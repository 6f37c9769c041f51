// What a match matches. The texts in quotes are the Gateway API's, of HTTPRouteMatch and below.
#include <gtest/gtest.h>

#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

struct MatchCase {
  const char* about;
  const char* matches;  // Of the one rule, "r".
  const char* request;
  bool matched;
};

void check_matches(std::span<const MatchCase> cases) {
  for (const MatchCase& c : cases) {
    SCOPED_TRACE(std::string(c.about) + ": " + c.matches + " <- " + c.request);
    const World world =
        world_of_routes(std::string("- {rules: [{name: r, matches: ") + c.matches + "}]}");
    const Compiled compiled = compile(world, {});
    ASSERT_EQ(compiled.gateways.size(), 1U);
    EXPECT_EQ(answer(compiled.gateways[0], c.request), c.matched ? "r" : "404");
  }
}

constexpr const char* kExact = "[{path: {type: Exact, value: /abc}}]";
constexpr const char* kPrefix = "[{path: {type: PathPrefix, value: /abc}}]";
constexpr const char* kPrefixSlash = "[{path: {type: PathPrefix, value: /abc/}}]";
constexpr const char* kDeep = "[{path: {type: PathPrefix, value: /a/b/c}}]";

// A path that reaches the wrong rule reaches the wrong model.
TEST(RouteMatchCases, Paths) {
  constexpr MatchCase kCases[] = {
      {"exact: itself", kExact, "GET h /abc", true},
      {"exact: 'NOT /abc/'", kExact, "GET h /abc/", false},
      {"exact: 'NOT /Abc'", kExact, "GET h /Abc", false},
      {"exact: 'NOT /abcd'", kExact, "GET h /abcd", false},
      {"exact: not below", kExact, "GET h /abc/def", false},
      {"exact: the query is not part of it", kExact, "GET h /abc?x=1", true},
      {"exact: bytes as sent", "[{path: {type: Exact, value: /a%20b}}]", "GET h /a%20b", true},
      {"exact: root", "[{path: {type: Exact, value: /}}]", "GET h /", true},
      {"exact: root alone", "[{path: {type: Exact, value: /}}]", "GET h /a", false},
      {"prefix: itself", kPrefix, "GET h /abc", true},
      {"prefix: with a trailing slash", kPrefix, "GET h /abc/", true},
      {"prefix: below", kPrefix, "GET h /abc/def", true},
      {"prefix: far below", kPrefix, "GET h /abc/def/ghi", true},
      {"prefix: 'the path /abcd would not'", kPrefix, "GET h /abcd", false},
      {"prefix: case matters", kPrefix, "GET h /ABC", false},
      {"prefix: only from the start", kPrefix, "GET h /x/abc", false},
      {"prefix: shorter", kPrefix, "GET h /ab", false},
      {"prefix: root", kPrefix, "GET h /", false},
      {"prefix: 'a trailing / is ignored'", kPrefixSlash, "GET h /abc", true},
      {"prefix: the same, below", kPrefixSlash, "GET h /abc/def", true},
      {"prefix: the same, other element", kPrefixSlash, "GET h /abcd", false},
      {"prefix: an empty element below", kPrefix, "GET h /abc//def", true},
      {"prefix: with a query", kPrefix, "GET h /abc?a=/x", true},
      {"prefix of three elements", kDeep, "GET h /a/b/c/d", true},
      {"prefix of three elements: itself", kDeep, "GET h /a/b/c", true},
      {"prefix of three elements: parent", kDeep, "GET h /a/b", false},
      {"prefix of three elements: parent with slash", kDeep, "GET h /a/b/", false},
      {"prefix of three elements: longer last", kDeep, "GET h /a/b/cd", false},
      {"prefix / matches all", "[{path: {type: PathPrefix, value: /}}]", "GET h /any/thing", true},
      {"prefix / matches OPTIONS *", "[{path: {value: /}}]", "OPTIONS h *", true},
      {"type defaults to PathPrefix", "[{path: {value: /abc}}]", "GET h /abc/def", true},
      {"value defaults to /", "[{path: {type: PathPrefix}}]", "GET h /x", true},
      {"no path: every path", "[{method: GET}]", "GET h /x/y", true},
      {"no matches: every request", "[]", "DELETE h /x?y=z", true},
      {"any of several", "[{path: {value: /a}}, {path: {value: /b}}]", "GET h /b/c", true},
      {"none of several", "[{path: {value: /a}}, {path: {value: /b}}]", "GET h /c", false},
      {"regex: whole path", "[{path: {type: RegularExpression, value: '/v[0-9]+/x'}}]",
       "GET h /v12/x", true},
      {"regex: not a part", "[{path: {type: RegularExpression, value: '/v[0-9]+'}}]",
       "GET h /v12/x", false},
      {"regex: case matters", "[{path: {type: RegularExpression, value: '/abc'}}]", "GET h /ABC",
       false},
      {"regex: of the dialect", "[{path: {type: RegularExpression, value: '(?i)/abc(/.*)?'}}]",
       "GET h /ABC/x", true},
      {"regex: a dot is any byte", "[{path: {type: RegularExpression, value: '/a.c'}}]",
       "GET h /a\xff"
       "c",
       true},
  };
  check_matches(kCases);
}

TEST(RouteMatchCases, Methods) {
  constexpr MatchCase kCases[] = {
      {"same", "[{method: POST}]", "POST h /", true},
      {"other", "[{method: POST}]", "GET h /", false},
      {"HEAD is not GET", "[{method: GET}]", "HEAD h /", false},
      {"case matters", "[{method: GET}]", "get h /", false},
      {"with path, both", "[{method: GET, path: {value: /a}}]", "GET h /a", true},
      {"with path, path alone", "[{method: GET, path: {value: /a}}]", "PUT h /a", false},
      {"with path, method alone", "[{method: GET, path: {value: /a}}]", "GET h /b", false},
      {"extension methods match rules without one", "[{}]", "PROPFIND h /", true},
  };
  check_matches(kCases);
}

TEST(RouteMatchCases, Headers) {
  constexpr const char* kOne = "[{headers: [{name: Version, value: two}]}]";
  constexpr const char* kTwo =
      "[{headers: [{name: version, value: two}, {name: color, value: red}]}]";
  constexpr const char* kRegex =
      "[{headers: [{name: v, type: RegularExpression, value: '[0-9]+'}]}]";
  constexpr MatchCase kCases[] = {
      {"same value", kOne, "GET h / version:two", true},
      {"'name matching MUST be case-insensitive'", kOne, "GET h / version:two", true},
      {"other value", kOne, "GET h / version:one", false},
      {"values keep their case", kOne, "GET h / version:Two", false},
      {"no part of the value", kOne, "GET h / version:two2", false},
      {"absent", kOne, "GET h /", false},
      {"other header", kOne, "GET h / versions:two", false},
      {"'ANDed together': both", kTwo, "GET h / version:two color:red", true},
      {"'ANDed together': first alone", kTwo, "GET h / version:two", false},
      {"'ANDed together': second alone", kTwo, "GET h / color:red", false},
      {"'ANDed together': one wrong", kTwo, "GET h / version:two color:blue", false},
      {"'only the first entry with an equivalent name'",
       "[{headers: [{name: v, value: one}, {name: V, value: two}]}]", "GET h / v:one", true},
      {"'subsequent entries MUST be ignored'",
       "[{headers: [{name: v, value: one}, {name: V, value: two}]}]", "GET h / v:two", false},
      {"regex", kRegex, "GET h / v:123", true},
      {"regex: the whole value", kRegex, "GET h / v:12a", false},
      {"regex: absent", kRegex, "GET h /", false},
      {"regex that matches nothing else: an empty header",
       "[{headers: [{name: v, type: RegularExpression, value: '.*'}]}]", "GET h / v:", true},
      {"of several matches, one suffices",
       "[{headers: [{name: a, value: x}]}, {headers: [{name: b, value: yy}]}]", "GET h / b:yy",
       true},
      {"with a path: both needed", "[{path: {value: /foo}, headers: [{name: v, value: x}]}]",
       "GET h /foo", false},
      {"with a path: both given", "[{path: {value: /foo}, headers: [{name: v, value: x}]}]",
       "GET h /foo/a v:x", true},
  };
  check_matches(kCases);
}

TEST(RouteMatchCases, QueryParameters) {
  constexpr const char* kOne = "[{queryParams: [{name: animal, value: whale}]}]";
  constexpr const char* kTwo =
      "[{queryParams: [{name: animal, value: whale}, {name: color, value: blue}]}]";
  constexpr MatchCase kCases[] = {
      {"same", kOne, "GET h /?animal=whale", true},
      {"other value", kOne, "GET h /?animal=dog", false},
      {"absent", kOne, "GET h /", false},
      {"name: 'an exact string match'", kOne, "GET h /?Animal=whale", false},
      {"value keeps its case", kOne, "GET h /?animal=Whale", false},
      {"among others", kOne, "GET h /?a=1&animal=whale&b=2", true},
      {"last", kOne, "GET h /?a=1&animal=whale", true},
      {"part of a name", kOne, "GET h /?xanimal=whale", false},
      {"part of a value", kOne, "GET h /?animal=whales", false},
      {"'match against the first value': it is the first", kOne, "GET h /?animal=whale&animal=dog",
       true},
      {"'match against the first value': it is the second", kOne, "GET h /?animal=dog&animal=whale",
       false},
      {"without '='", kOne, "GET h /?animal", false},
      {"'=' in the value", "[{queryParams: [{name: q, value: a=b}]}]", "GET h /?q=a=b", true},
      {"encoded value", "[{queryParams: [{name: q, value: a b}]}]", "GET h /?q=a%20b", true},
      {"plus is a space", "[{queryParams: [{name: q, value: a b}]}]", "GET h /?q=a+b", true},
      {"encoded plus is a plus", "[{queryParams: [{name: q, value: a+b}]}]", "GET h /?q=a%2Bb",
       true},
      {"encoded name", kOne, "GET h /?%61nimal=whale", true},
      {"a bad escape stands for itself", "[{queryParams: [{name: q, value: '50%'}]}]",
       "GET h /?q=50%", true},
      {"encoded ampersand does not end a value", "[{queryParams: [{name: q, value: 'a&b'}]}]",
       "GET h /?q=a%26b", true},
      {"'ANDed together': both", kTwo, "GET h /?color=blue&animal=whale", true},
      {"'ANDed together': one", kTwo, "GET h /?animal=whale", false},
      {"'only the first entry' of a name",
       "[{queryParams: [{name: a, value: x}, {name: a, value: yy}]}]", "GET h /?a=x", true},
      {"names that differ in case are different",
       "[{queryParams: [{name: a, value: x}, {name: A, value: yy}]}]", "GET h /?a=x", false},
      {"regex", "[{queryParams: [{name: num, type: RegularExpression, value: '[0-9]+'}]}]",
       "GET h /?num=42", true},
      {"regex: the whole value",
       "[{queryParams: [{name: num, type: RegularExpression, value: '[0-9]+'}]}]",
       "GET h /?num=42x", false},
      {"regex sees the decoded value",
       "[{queryParams: [{name: num, type: RegularExpression, value: 'a b'}]}]", "GET h /?num=a%20b",
       true},
      {"empty parts", kOne, "GET h /?&&animal=whale&", true},
  };
  check_matches(kCases);
}

TEST(RouteMatchCases, GrpcServicesAndMethods) {
  struct Case {
    const char* about;
    const char* matches;
    const char* request;
    bool matched;
  };
  constexpr Case kCases[] = {
      {"method", "[{method: {service: a.B, method: C}}]", "POST h /a.B/C", true},
      {"other method", "[{method: {service: a.B, method: C}}]", "POST h /a.B/D", false},
      {"case matters", "[{method: {service: a.B, method: C}}]", "POST h /a.b/C", false},
      {"service", "[{method: {service: a.B}}]", "POST h /a.B/Anything", true},
      {"longer service", "[{method: {service: a.B}}]", "POST h /a.Bc/Anything", false},
      {"all", "[]", "POST h /x.Y/Z", true},
      {"headers", "[{method: {service: a.B}, headers: [{name: v, value: x}]}]", "POST h /a.B/C v:x",
       true},
      {"header missing", "[{method: {service: a.B}, headers: [{name: v, value: x}]}]",
       "POST h /a.B/C", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.about);
    World world = world_of(kGatewayYaml);
    put_routes(world, std::string("- {rules: [{name: r, matches: ") + c.matches + "}]}",
               "GRPCRoute");
    const Compiled compiled = compile(world, {});
    EXPECT_EQ(answer(compiled.gateways.at(0), c.request), c.matched ? "r" : "404");
    const TestRequest request(c.request);
    if (const auto match = find_match(compiled.gateways[0], request)) {
      EXPECT_TRUE(match->rule->grpc);
    }
  }
}

}  // namespace
}  // namespace rage::gatewayapi
