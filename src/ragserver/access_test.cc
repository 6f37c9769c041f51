#include "ragserver/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"

namespace rage::ragserver {
namespace {

using testing::HasSubstr;

class HandClock final : public Clock {
 public:
  SteadyTime now() const override { return now_; }
  WallTime wall_now() const override { return {}; }
  bool sleep_for(std::chrono::nanoseconds, std::stop_token) override { return true; }
  SteadyTime now_{};
};

std::string line(const char* name, const char* scopes, const char* key, const char* rate = "") {
  return fmt::format("{} {} {} {}\n", name, scopes, sha256_hex(key), rate);
}

net::HttpRequest with_key(const std::string& authorization) {
  net::HttpRequest request;
  if (!authorization.empty()) request.headers.set("authorization", authorization);
  return request;
}

struct AccessTest : testing::Test {
  HandClock clock;
  AccessControl access{
      *parse_api_keys("# people\n\n" + line("ana", "read", "secret-a") +
                      line("ci", "read,write", "secret-c", "2") + line("ops", "admin", "secret-o")),
      clock};
  ErrorCode refusal(const std::string& authorization, Scope scope) {
    const auto admitted = access.admit(with_key(authorization), scope);
    EXPECT_FALSE(admitted) << authorization;
    return admitted ? ErrorCode::kInternal : admitted.error().code;
  }
};

TEST_F(AccessTest, KeysOpenWhatTheirScopesSay) {
  EXPECT_EQ(access.admit(with_key("Bearer secret-a"), Scope::kRead), "ana");
  EXPECT_EQ(access.admit(with_key("bearer  secret-c "), Scope::kWrite), "ci");
  for (const Scope scope : {Scope::kRead, Scope::kWrite, Scope::kAdmin})
    EXPECT_EQ(access.admit(with_key("Bearer secret-o"), scope), "ops");
  EXPECT_EQ(refusal("Bearer secret-a", Scope::kWrite), ErrorCode::kPermissionDenied);
  EXPECT_EQ(refusal("Bearer secret-c", Scope::kAdmin), ErrorCode::kPermissionDenied);
  for (const char* none :
       {"", "Bearer", "Bearer ", "Basic secret-a", "Bearer secret-b", "secret-a"})
    EXPECT_EQ(refusal(none, Scope::kRead), ErrorCode::kUnauthenticated) << none;
  EXPECT_EQ(access.admit(with_key(""), Scope::kOpen), "");
}

TEST_F(AccessTest, ARateIsKeptAndSaysWhenToComeBack) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(access.admit(with_key("Bearer secret-c"), Scope::kRead));
  const auto refused = access.admit(with_key("Bearer secret-c"), Scope::kRead);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(30));
  EXPECT_TRUE(access.admit(with_key("Bearer secret-a"), Scope::kRead));  // Others are not held up.
  clock.now_ += std::chrono::seconds(31);
  EXPECT_TRUE(access.admit(with_key("Bearer secret-c"), Scope::kRead));
  EXPECT_FALSE(access.admit(with_key("Bearer secret-c"), Scope::kRead));
  clock.now_ += std::chrono::hours(1);  // Rest is not saved up.
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(access.admit(with_key("Bearer secret-c"), Scope::kRead));
  EXPECT_FALSE(access.admit(with_key("Bearer secret-c"), Scope::kRead));
}

// A service that came up open because its file of keys was wrong would be worse than none.
TEST(ApiKeys, AWrongFileIsAnErrorThatNamesTheLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "has none"},
      {"# nothing\n", "has none"},
      {"\nana read", "line 2 of the API keys: a key is a name"},
      {"ana all " + sha256_hex("x"), "there is no scope 'all'"},
      {"ana , " + sha256_hex("x"), "there is no scope ''"},
      {"ana read " + sha256_hex("x").substr(1), "not 64 hex digits"},
      {line("ana", "read", "x", "0"), "requests a minute"},
      {line("ana", "read", "x", "5 6"), "a key is a name"},
  };
  for (const auto& [text, message] : cases) {
    const auto keys = parse_api_keys(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_THAT(keys.error().message, HasSubstr(message));
  }
}

TEST(Scopes, WhatChangesWholeIndexesIsForAdmins) {
  EXPECT_EQ(scope_of(RouteKind::kRetrieve), Scope::kRead);
  EXPECT_EQ(scope_of(RouteKind::kUpdateDocuments), Scope::kWrite);
  EXPECT_EQ(scope_of(RouteKind::kDeleteIndex), Scope::kAdmin);
  EXPECT_EQ(scope_of(RouteKind::kAnswer), Scope::kAdmin);
  EXPECT_EQ(scope_of(RouteKind::kHealth), Scope::kOpen);
}

}  // namespace
}  // namespace rage::ragserver
