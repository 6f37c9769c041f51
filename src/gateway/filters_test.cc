#include "gateway/detail/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace rage::gateway::detail {
namespace {

using gatewayapi::Filter;
using gatewayapi::PathEdit;

RequestHead a_request(std::string target) {
  RequestHead head{.method = "GET", .target = std::move(target), .authority = "a.example:8080"};
  head.headers.add("x-old", "1");
  head.headers.add("x-both", "2");
  return head;
}

std::string rewritten(std::string target, std::string prefix, PathEdit edit) {
  RequestHead head = a_request(std::move(target));
  FilterOutcome outcome;
  const std::vector<Filter> filters = {{gatewayapi::Rewrite{.path = std::move(edit)}}};
  apply_filters(filters, {.matched_prefix = prefix}, head, outcome);
  return head.target;
}

// The table of the Gateway API's reference for ReplacePrefixMatch.
TEST(RewritePath, ReplacesPrefixesAsTheReferenceSays) {
  struct Case {
    const char *path, *prefix, *value, *wanted;
  };
  for (const Case& c : std::vector<Case>{{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
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
                                         {"/foo?a=b", "/foo", "/xyz", "/xyz?a=b"}}) {
    EXPECT_EQ(rewritten(c.path, c.prefix, {PathEdit::Kind::kReplacePrefixMatch, c.value}), c.wanted)
        << c.path << " " << c.prefix << " " << c.value;
  }
  EXPECT_EQ(rewritten("/foo?a=b", "", {PathEdit::Kind::kReplaceFullPath, "/all"}), "/all?a=b");
}

std::string location(gatewayapi::Redirect redirect, FilterInput input, std::string target = "/p") {
  RequestHead head = a_request(std::move(target));
  FilterOutcome outcome;
  apply_filters({{std::move(redirect)}}, input, head, outcome);
  return std::string(outcome.redirect->headers.find("location").value_or(""));
}

TEST(Redirect, BuildsTheLocation) {
  const FilterInput plain{.matched_prefix = "/p", .scheme = "http", .listener_port = 8080};
  EXPECT_EQ(location({}, plain), "http://a.example:8080/p");
  EXPECT_EQ(location({.scheme = "https"}, plain, "/p?q=1"), "https://a.example/p?q=1");
  EXPECT_EQ(location({.hostname = "b.example"}, {.scheme = "http", .listener_port = 80}),
            "http://b.example/p");
  EXPECT_EQ(location({.port = 8443}, plain), "http://a.example:8443/p");
  EXPECT_EQ(location({.path = PathEdit{PathEdit::Kind::kReplacePrefixMatch, "/q"}}, plain, "/p/x"),
            "http://a.example:8080/q/x");
}

TEST(Redirect, IsTheAnswerAndEndsTheFilters) {
  RequestHead head = a_request("/p");
  FilterOutcome outcome;
  gatewayapi::RequestHeaderEdits later;
  later.set = {{"x-later", "1"}};
  apply_filters({{gatewayapi::Redirect{.status = 301}}, {later}}, {.scheme = "http"}, head,
                outcome);
  EXPECT_EQ(outcome.redirect->status, 301);
  EXPECT_FALSE(head.headers.has("x-later"));
}

// A route that could set framing fields would cut requests in two.
TEST(HeaderEdits, SetAddAndRemoveButNeverFraming) {
  RequestHead head = a_request("/");
  gatewayapi::RequestHeaderEdits edits;
  edits.set = {{"X-Both", "new"}, {"Content-Length", "0"}, {"Host", "b.example"}};
  edits.add = {{"X-Old", "more"}, {"transfer-encoding", "chunked"}};
  edits.remove = {"X-OLD-2", "x-none"};
  FilterOutcome outcome;
  apply_filters({{edits}}, {}, head, outcome);
  EXPECT_EQ(head.headers.find("x-both"), "new");
  EXPECT_FALSE(head.headers.has("content-length"));
  EXPECT_FALSE(head.headers.has("transfer-encoding"));
  EXPECT_EQ(head.authority, "b.example");
  std::vector<std::string> old;
  for (std::size_t i = 0; i < head.headers.size(); ++i) {
    if (head.headers.name(i) == "x-old") old.emplace_back(head.headers.value(i));
  }
  EXPECT_THAT(old, testing::ElementsAre("1", "more"));
}

}  // namespace
}  // namespace rage::gateway::detail
