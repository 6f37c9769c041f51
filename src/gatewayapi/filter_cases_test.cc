#include <gtest/gtest.h>

#include "gatewayapi/durations.h"
#include "gatewayapi/filters.h"

namespace rage::gatewayapi {
namespace {

std::string shown(const HeaderList& headers) {
  std::string text;
  for (const auto& [name, value] : headers) text += name + "=" + value + ";";
  return text;
}

TEST(FilterCases, HeaderEdits) {
  struct Case {
    const char* about;
    HeaderEdits edits;
    HeaderList before;
    const char* after;
  };
  const Case cases[] = {
      {"set overwrites", {.set = {{"my-header", "bar"}}}, {{"my-header", "foo"}}, "my-header=bar;"},
      {"set adds what is absent", {.set = {{"a", "1"}}}, {{"b", "2"}}, "b=2;a=1;"},
      {"set replaces every line of that name",
       {.set = {{"a", "3"}}},
       {{"a", "1"}, {"A", "2"}},
       "a=3;"},
      {"add appends",
       {.add = {{"my-header", "bar,baz"}}},
       {{"My-Header", "foo"}},
       "My-Header=foo,bar,baz;"},
      {"add to nothing", {.add = {{"a", "1"}}}, {}, "a=1;"},
      {"add to an empty value", {.add = {{"a", "1"}}}, {{"a", ""}}, "a=1;"},
      {"add appends to the last line",
       {.add = {{"a", "3"}}},
       {{"a", "1"}, {"a", "2"}},
       "a=1;a=2,3;"},
      {"cookies are never joined",
       {.add = {{"set-cookie", "b=2"}}},
       {{"set-cookie", "a=1"}},
       "set-cookie=a=1;set-cookie=b=2;"},
      {"remove",
       {.remove = {"my-header1", "MY-HEADER3"}},
       {{"my-header1", "foo"}, {"my-header2", "bar"}, {"My-Header3", "baz"}},
       "my-header2=bar;"},
      {"remove what is absent", {.remove = {"x"}}, {{"a", "1"}}, "a=1;"},
      {"remove comes before set", {.set = {{"a", "2"}}, .remove = {"a"}}, {{"a", "1"}}, "a=2;"},
      {"set comes before add", {.set = {{"a", "2"}}, .add = {{"a", "3"}}}, {{"a", "1"}}, "a=2,3;"},
  };
  for (const Case& c : cases) {
    HeaderList headers = c.before;
    apply_header_edits(c.edits, headers);
    EXPECT_EQ(shown(headers), c.after) << c.about;
  }
}

// The table in the Gateway API's HTTPPathModifier, and its corners.
TEST(FilterCases, ReplacePrefixMatch) {
  struct Case {
    const char* path;
    const char* prefix;
    const char* replacement;
    const char* modified;
  };
  constexpr Case kCases[] = {
      {"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
      {"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
      {"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
      {"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
      {"/foo", "/foo", "/xyz", "/xyz"},
      {"/foo/", "/foo", "/xyz", "/xyz/"},
      {"/foo/bar", "/foo", "", "/bar"},
      {"/foo/", "/foo", "", "/"},
      {"/foo", "/foo", "", "/"},
      {"/foo/", "/foo", "/", "/"},
      {"/foo", "/foo", "/", "/"},
      {"/foo", "/foo", "/xyz/", "/xyz/"},
      {"/foo/bar", "/", "/xyz", "/xyz/foo/bar"},
      {"/", "/", "/xyz", "/xyz/"},
      {"/foo", "/", "", "/foo"},
      {"/foo/bar", "/foo", "xyz", "/xyz/bar"},
      {"/foo//bar", "/foo", "/xyz", "/xyz//bar"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.path) + ", " + c.prefix + " -> '" + c.replacement + "'");
    const PathEdit edit{.kind = PathEdit::Kind::kReplacePrefixMatch, .value = c.replacement};
    EXPECT_EQ(rewritten_path(edit, c.path, c.prefix), c.modified);
  }
}

TEST(FilterCases, ReplaceFullPath) {
  const auto replaced = [](const char* value) {
    return rewritten_path({.kind = PathEdit::Kind::kReplaceFullPath, .value = value}, "/a/b", "/a");
  };
  EXPECT_EQ(replaced("/x"), "/x");
  EXPECT_EQ(replaced("/x/"), "/x/");
  EXPECT_EQ(replaced(""), "/");
  EXPECT_EQ(replaced("x"), "/x");
}

TEST(FilterCases, RedirectLocations) {
  struct Case {
    const char* about;
    Redirect redirect;
    RedirectContext context;
    const char* location;
  };
  const RedirectContext plain{
      .scheme = "http", .host = "a.org", .port = 80, .path = "/p", .query = ""};
  const RedirectContext secure{
      .scheme = "https", .host = "a.org", .port = 443, .path = "/p", .query = ""};
  const RedirectContext odd{
      .scheme = "http", .host = "a.org", .port = 8080, .path = "/p", .query = ""};
  const RedirectContext odd_secure{
      .scheme = "https", .host = "a.org", .port = 8443, .path = "/p", .query = ""};
  const Case cases[] = {
      {"hostname alone", {.hostname = "b.org"}, plain, "http://b.org/p"},
      {"the listener's port", {.hostname = "b.org"}, odd, "http://b.org:8080/p"},
      {"the listener's port over TLS", {.hostname = "b.org"}, odd_secure, "https://b.org:8443/p"},
      {"443 is not written", {.hostname = "b.org"}, secure, "https://b.org/p"},
      {"a scheme brings its port", {.scheme = "https"}, plain, "https://a.org/p"},
      {"... whatever the listener's", {.scheme = "https"}, odd, "https://a.org/p"},
      {"... down to http as well", {.scheme = "http"}, odd_secure, "http://a.org/p"},
      {"the same scheme too", {.scheme = "http"}, odd, "http://a.org/p"},
      {"a port is written", {.port = 8443}, secure, "https://a.org:8443/p"},
      {"80 of http is not", {.port = 80}, odd, "http://a.org/p"},
      {"443 of https is not", {.scheme = "https", .port = 443}, plain, "https://a.org/p"},
      {"443 of http is", {.port = 443}, plain, "http://a.org:443/p"},
      {"80 of https is", {.scheme = "https", .port = 80}, plain, "https://a.org:80/p"},
      {"a whole path",
       {.path = PathEdit{.kind = PathEdit::Kind::kReplaceFullPath, .value = "/new"}},
       plain,
       "http://a.org/new"},
      {"a prefix",
       {.path = PathEdit{.kind = PathEdit::Kind::kReplacePrefixMatch, .value = "/new"}},
       {.scheme = "http", .host = "a.org", .port = 80, .path = "/old/x", .matched_prefix = "/old"},
       "http://a.org/new/x"},
      {"the query stays",
       {.scheme = "https"},
       {.scheme = "http", .host = "a.org", .port = 80, .path = "/p", .query = "a=1&b=2"},
       "https://a.org/p?a=1&b=2"},
      {"all of it",
       {.scheme = "https", .hostname = "b.org", .path = PathEdit{.value = "/q"}, .port = 9443},
       odd,
       "https://b.org:9443/q"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(render_location(c.redirect, c.context), c.location) << c.about;
  }
}

TEST(FilterCases, MirroredShare) {
  const auto mirrored = [](std::uint32_t numerator, std::uint32_t denominator, double random) {
    return is_mirrored({.backend = {}, .numerator = numerator, .denominator = denominator}, random);
  };
  EXPECT_TRUE(mirrored(1, 1, 0.999999));
  EXPECT_FALSE(mirrored(0, 100, 0.0));
  EXPECT_TRUE(mirrored(20, 100, 0.1999));
  EXPECT_FALSE(mirrored(20, 100, 0.2));
}

TEST(FilterCases, AmbiguousPaths) {
  struct Case {
    const char* path;
    bool ambiguous;
  };
  constexpr Case kCases[] = {
      {"/", false},      {"/a/b", false},    {"/a/", false},   {"/a//b", true},
      {"//", true},      {"/a/../b", true},  {"/a/./b", true}, {"/a/..", true},
      {"/a/.", true},    {"/a/...", false},  {"/a/.b", false}, {"/a/%2e%2E/b", true},
      {"/a/.%2e", true}, {"/a/%2ea", false}, {"*", false},     {"/.well-known/x", false},
  };
  for (const Case& c : kCases) EXPECT_EQ(is_ambiguous_path(c.path), c.ambiguous) << c.path;
}

TEST(FilterCases, BackendsByWeight) {
  const auto chosen = [](std::vector<std::uint32_t> weights, double random) {
    Rule rule;
    for (const std::uint32_t weight : weights) rule.backends.push_back({.weight = weight});
    const Backend* backend = choose_backend(rule, random);
    return backend == nullptr ? -1 : static_cast<int>(backend - rule.backends.data());
  };
  EXPECT_EQ(chosen({}, 0.5), -1);
  EXPECT_EQ(chosen({0}, 0.5), -1) << "'no traffic should be forwarded for this entry'";
  EXPECT_EQ(chosen({0, 0}, 0.0), -1);
  EXPECT_EQ(chosen({1}, 0.999), 0);
  EXPECT_EQ(chosen({1000000}, 0.0), 0);
  EXPECT_EQ(chosen({0, 1}, 0.0), 1);
  EXPECT_EQ(chosen({70, 30}, 0.699), 0);
  EXPECT_EQ(chosen({70, 30}, 0.7), 1);
  EXPECT_EQ(chosen({1, 0, 1}, 0.5), 2);
  EXPECT_EQ(chosen({1, 0}, 0.9999999999), 0);
  int first = 0;
  for (int i = 0; i < 1000; ++i) first += chosen({70, 30}, i / 1000.0) == 0 ? 1 : 0;
  EXPECT_EQ(first, 700);
}

TEST(FilterCases, Durations) {
  struct Case {
    const char* text;
    int milliseconds;  // -1: none.
  };
  constexpr Case kCases[] = {
      {"0s", 0},       {"10s", 10'000}, {"500ms", 500},     {"1m30s", 90'000}, {"1h", 3'600'000},
      {"1s1s", 2'000}, {"", -1},        {"10", -1},         {"s", -1},         {"1.5s", -1},
      {"-1s", -1},     {"123456s", -1}, {"1s1s1s1s1s", -1}, {"1d", -1},        {"1 s", -1},
  };
  for (const Case& c : kCases) {
    const auto duration = parse_duration(c.text);
    EXPECT_EQ(duration ? static_cast<int>(duration->count()) : -1, c.milliseconds) << c.text;
  }
}

TEST(FilterCases, Timestamps) {
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_timestamp("2024-02-29T12:00:00Z"), 1'709'208'000);
  EXPECT_EQ(parse_timestamp("2024-02-29T14:00:00.25+02:00"), 1'709'208'000);
  EXPECT_EQ(parse_timestamp("2023-02-29T12:00:00Z"), std::nullopt);
  EXPECT_EQ(parse_timestamp("2024-02-29 12:00:00Z"), std::nullopt);
  EXPECT_EQ(parse_timestamp("2024-02-29T12:00:00"), std::nullopt);
  EXPECT_EQ(parse_timestamp("2024-02-29T25:00:00Z"), std::nullopt);
  EXPECT_EQ(parse_timestamp(""), std::nullopt);
}

}  // namespace
}  // namespace rage::gatewayapi
