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

TEST(Rewrite, ChangesHostAndPathAndKeepsTheQuery) {
  RequestHead head = a_request("/foo/bar?a=/foo");
  FilterOutcome outcome;
  apply_filters(
      {{gatewayapi::Rewrite{.hostname = "b.example",
                            .path = PathEdit{PathEdit::Kind::kReplacePrefixMatch, "/xyz"}}}},
      {.matched_prefix = "/foo"}, head, outcome);
  EXPECT_EQ(head.target, "/xyz/bar?a=/foo");
  EXPECT_EQ(head.authority, "b.example");
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

TEST(HeaderEdits, RemoveSetAndAdd) {
  RequestHead head = a_request("/");
  gatewayapi::RequestHeaderEdits edits;
  edits.set = {{"X-Both", "new"}};
  edits.add = {{"X-Old", "more"}, {"X-New", "first"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}};
  edits.remove = {"X-GONE"};
  head.headers.add("x-gone", "1");
  FilterOutcome outcome;
  apply_filters({{edits}}, {}, head, outcome);
  EXPECT_EQ(head.headers.find("x-both"), "new");
  EXPECT_EQ(head.headers.find("x-old"), "1,more");
  EXPECT_EQ(head.headers.find("x-new"), "first");
  EXPECT_FALSE(head.headers.has("x-gone"));
  EXPECT_EQ(head.headers.size(), 5U);
}

}  // namespace
}  // namespace rage::gateway::detail
