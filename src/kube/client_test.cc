#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kube/kubeconfig.h"
#include "kube/scripted_transport_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};
const ResourceType kNodes{
    .group = "", .version = "v1", .kind = "Node", .plural = "nodes", .namespaced = false};
const ResourceType kWorkspaces{
    .group = "kaito.sh", .version = "v1beta1", .kind = "Workspace", .plural = "workspaces"};

std::string status_text(int code, std::string_view reason, std::string_view message) {
  return fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"{}"}})", code, reason,
                     message);
}

// Gives "one", then "two" once "one" was refused.
class RotatingToken final : public TokenSource {
 public:
  Result<std::string> token(const Context&) override { return refused_ ? "two" : "one"; }
  void invalidate() override { refused_ = true; }

 private:
  bool refused_ = false;
};

class ClientTest : public testing::Test {
 protected:
  std::unique_ptr<KubeClient> make(std::shared_ptr<TokenSource> tokens = nullptr,
                                   const ClientLimits& limits = {}) {
    return make_kube_client(server_, clock_,
                            {.server = "https://api:6443", .tokens = std::move(tokens)}, limits);
  }
  // Of the last request.
  net::ClientRequest last() { return server_.requests().back(); }

  ScriptedTransport server_;
  SkippingClock clock_;
  const std::unique_ptr<KubeClient> client_ = make();
};

TEST(ResourcePathTest, NamesWhatIsMeant) {
  EXPECT_EQ(resource_path(kPods, "ns", "a"), "/api/v1/namespaces/ns/pods/a");
  EXPECT_EQ(resource_path(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(resource_path(kNodes, "ignored", "n", "status"), "/api/v1/nodes/n/status");
  EXPECT_EQ(resource_path(kWorkspaces, "ns", "a/../b?", "status"),
            "/apis/kaito.sh/v1beta1/namespaces/ns/workspaces/a%2F..%2Fb%3F/status");
}

TEST_F(ClientTest, SendsEachVerbAsTheServerExpectsIt) {
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "ns"}}}};
  const std::string typed =
      R"({"metadata":{"name":"a","namespace":"ns"},"apiVersion":"v1","kind":"Pod"})";
  const std::string collection = "https://api:6443/api/v1/namespaces/ns/pods";
  const auto expect = [&](std::string_view method, const std::string& url, std::string_view type,
                          std::string_view body) {
    const net::ClientRequest request = last();
    EXPECT_EQ(request.method, method);
    EXPECT_EQ(request.url, url);
    EXPECT_EQ(request.headers.find("content-type"), type);
    EXPECT_EQ(request.body, body);
  };
  for (int i = 0; i < 6; ++i) server_.add(200, "{}");
  EXPECT_TRUE(client_->get({}, kPods, {"ns", "a"}));
  expect("GET", collection + "/a", "", "");
  EXPECT_TRUE(client_->create({}, kPods, object));
  expect("POST", collection, "application/json", typed);
  EXPECT_TRUE(client_->update({}, kPods, object, "status"));
  expect("PUT", collection + "/a/status", "application/json", typed);
  EXPECT_TRUE(client_->patch({}, kPods, {"ns", "a"}, PatchType::kJson, Json::array(), "scale"));
  expect("PATCH", collection + "/a/scale", "application/json-patch+json", "[]");
  EXPECT_TRUE(client_->apply({}, kPods, object, {.field_manager = "me&you"}));
  expect("PATCH", collection + "/a?fieldManager=me%26you&force=true",
         "application/apply-patch+yaml", typed);
  EXPECT_TRUE(client_->remove({}, kPods, {"ns", "a"}, {.uid = "u"}));
  expect("DELETE", collection + "/a", "application/json",
         R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background",)"
         R"("preconditions":{"uid":"u"}})");
}

// A get without a name is a list, a delete without one deletes everything.
TEST_F(ClientTest, RefusesWhatNamesNoObject) {
  for (const ObjectKey& key :
       {ObjectKey{"ns", ""}, ObjectKey{"", "a"}, ObjectKey{"ns", ".."}, ObjectKey{"..", "a"},
        ObjectKey{"ns", "a/b"}, ObjectKey{"n%2F", "a"}}) {
    EXPECT_EQ(client_->get({}, kPods, key).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(client_->remove({}, kPods, key).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(client_->update({}, kPods, Json()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(ClientTest, TurnsStatusIntoErrors) {
  const std::pair<std::pair<int, const char*>, ErrorCode> cases[] = {
      {{400, "BadRequest"}, ErrorCode::kInvalidArgument},
      {{401, "Unauthorized"}, ErrorCode::kUnauthenticated},
      {{403, "Forbidden"}, ErrorCode::kPermissionDenied},
      {{404, "NotFound"}, ErrorCode::kNotFound},
      {{409, "AlreadyExists"}, ErrorCode::kAlreadyExists},
      {{409, "Conflict"}, ErrorCode::kFailedPrecondition},
      {{410, "Expired"}, ErrorCode::kFailedPrecondition},
      {{422, "Invalid"}, ErrorCode::kInvalidArgument},
      {{500, "InternalError"}, ErrorCode::kUnavailable},
  };
  for (const auto& [status, code] : cases) {
    server_.add(status.first, status_text(status.first, status.second, "told so"));
    const auto reply = client_->create({}, kPods, {{"metadata", {{"namespace", "ns"}}}});
    EXPECT_EQ(reply.error().code, code) << status.first;
    EXPECT_EQ(reply.error().message, "told so");
    EXPECT_EQ(is_gone(reply.error()), status.first == 410);
    EXPECT_EQ(is_conflict(reply.error()), status.second == std::string("Conflict"));
  }
  server_.add(404, "page not found\n");
  EXPECT_THAT(client_->get({}, kPods, {"ns", "a"}).error().message, HasSubstr("page not found"));
  server_.add(200, "[]");
  EXPECT_EQ(client_->get({}, kPods, {"ns", "a"}).error().code, ErrorCode::kDataLoss);
}

TEST_F(ClientTest, TakesAbsentForRemoved) {
  server_.add(404, status_text(404, "NotFound", "no"));
  EXPECT_TRUE(client_->remove({}, kPods, {"ns", "a"}));
  server_.add(409, status_text(409, "Conflict", "Precondition failed: UID"));
  EXPECT_TRUE(client_->remove({}, kPods, {"ns", "a"}, {.uid = "old"}));
  server_.add(409, status_text(409, "Conflict", "busy"));
  EXPECT_FALSE(client_->remove({}, kPods, {"ns", "a"}));
}

TEST_F(ClientTest, ReadsAgainWhenTheServerIsUnavailableButNeverWrites) {
  server_.add({.connects = false});
  server_.add(503, "starting");
  server_.add(200, R"({"kind":"Pod"})");
  EXPECT_TRUE(client_->get({}, kPods, {"ns", "a"}));
  EXPECT_EQ(clock_.sleeps().size(), 2U);
  for (int i = 0; i < 3; ++i) {
    server_.add({.pieces = {R"({"kind")"}, .ends_with = ErrorCode::kDataLoss});
  }
  EXPECT_EQ(client_->get({}, kPods, {"ns", "a"}).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(server_.requests().size(), 6U);
  // The server may have done it before it broke.
  server_.add(500, "etcdserver: leader changed");
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "ns"}}}};
  EXPECT_EQ(client_->apply({}, kPods, object).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server_.requests().size(), 7U);
}

TEST_F(ClientTest, WaitsAsToldWhenThereIsTime) {
  const ScriptedReply throttled{.status = 429, .headers = {{"Retry-After", "7"}}};
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "ns"}}}};
  server_.add(throttled);
  server_.add(200, "{}");
  EXPECT_TRUE(client_->apply({}, kPods, object));
  EXPECT_THAT(clock_.sleeps(), ElementsAre(7s));
  server_.add(throttled);
  server_.add(throttled);
  const auto refused = client_->apply({}, kPods, object);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().retry_after, 7s);
  server_.add(throttled);
  const auto late = client_->get(Context::with_timeout(2s), kPods, {"ns", "a"});
  EXPECT_EQ(late.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(clock_.sleeps().size(), 2U);
}

TEST_F(ClientTest, GivesUpOnASlowBodyWhenTimeIsUp) {
  server_.add({.pieces = {"{"}, .hangs = true});
  EXPECT_EQ(client_->get({}, kPods, {"ns", "a"}).error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(last().idle_timeout > 0ms);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(client_->get({.stop = stop.get_token()}, kPods, {"ns", "a"}).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(server_.requests().size(), 1U);
}

// Projected tokens rotate while we run: one refusal is no reason to fail.
TEST_F(ClientTest, AsksOnceMoreWithANewTokenWhenRefused) {
  const auto client = make(std::make_shared<RotatingToken>());
  server_.add(401, status_text(401, "Unauthorized", "expired"));
  server_.add(200, "{}");
  EXPECT_TRUE(client->create({}, kPods, {{"metadata", {{"namespace", "ns"}}}}));
  EXPECT_EQ(server_.requests().front().headers.find("authorization"), "Bearer one");
  EXPECT_EQ(last().headers.find("authorization"), "Bearer two");
  server_.add(401, "");
  server_.add(401, "");
  EXPECT_EQ(client->get({}, kPods, {"ns", "a"}).error().code, ErrorCode::kUnauthenticated);
  server_.add(401, "");
  server_.add(200, "");
  EXPECT_TRUE(client->watch({}, kPods, {.ns = "ns", .resource_version = "1"},
                            [](const WatchEvent&) { return true; }));
  EXPECT_EQ(server_.requests().size(), 6U);
}

// "Not found" would be read as: it is gone, make another.
TEST_F(ClientTest, NeverTakesAMissingTokenForAMissingObject) {
  class NoToken final : public TokenSource {
    Result<std::string> token(const Context&) override {
      return fail(ErrorCode::kNotFound, "no file");
    }
    void invalidate() override {}
  };
  const auto client = make(std::make_shared<NoToken>());
  EXPECT_EQ(client->get({}, kPods, {"ns", "a"}).error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(client->remove({}, kPods, {"ns", "a"}).error().code, ErrorCode::kUnauthenticated);
}

TEST_F(ClientTest, SpreadsRequestsOverTime) {
  const auto client = make(nullptr, {.requests_per_second = 10, .burst = 2});
  for (int i = 0; i < 5; ++i) {
    server_.add(200, "{}");
    EXPECT_TRUE(client->get({}, kPods, {"ns", "a"}));
  }
  EXPECT_THAT(clock_.sleeps(), ElementsAre(100ms, 100ms, 100ms));
  const auto late = client->get(Context::with_timeout(20ms), kPods, {"ns", "a"});
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(server_.requests().size(), 5U);
}

std::string page(std::string_view version, std::string_view next, std::string_view names) {
  std::string items;
  for (const char name : names) {
    items += fmt::format(R"({}{{"metadata":{{"name":"{}"}}}})", items.empty() ? "" : ",", name);
  }
  return fmt::format(R"({{"metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                     version, next, items);
}

TEST_F(ClientTest, FollowsPagesAndSaysWhatTheItemsAre) {
  server_.add(200, page("9", "c/1", "ab"));
  server_.add(200, page("9", "", "c"));
  std::vector<Json> seen;
  const auto version = client_->list(
      {}, kPods,
      {.ns = "ns", .label_selector = "a in (b,c)", .resource_version = "0", .page_size = 2},
      [&](std::vector<Json> items) { seen.insert(seen.end(), items.begin(), items.end()); });
  EXPECT_EQ(version.value_or(""), "9");
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(codec::render_json(seen[2]),
            R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"c"}})");
  const auto requests = server_.requests();
  EXPECT_THAT(requests[0].url, testing::EndsWith("/pods?labelSelector=a%20in%20%28b%2Cc%29&limit=2"
                                                 "&resourceVersion=0"
                                                 "&resourceVersionMatch=NotOlderThan"));
  EXPECT_THAT(requests[1].url,
              testing::EndsWith("?labelSelector=a%20in%20%28b%2Cc%29&limit=2&continue=c%2F1"));
}

// What was deleted between the two lists would live on for ever in who kept the first page.
TEST_F(ClientTest, ListsAnewWhenTheSnapshotExpiresBetweenPages) {
  for (const bool restartable : {true, false}) {
    server_.add(200, page("9", "c1", "ab"));
    server_.add(410, status_text(410, "Expired", "too old"));
    server_.add(200, page("12", "", "b"));
    std::string seen;
    ListOptions options;
    if (restartable) options.on_restart = [&] { seen.clear(); };
    const auto version = client_->list({}, kPods, options, [&](const std::vector<Json>& items) {
      for (const Json& item : items) seen += codec::string_or(item["metadata"], "name", "");
    });
    EXPECT_EQ(version.value_or(""), "12");
    EXPECT_EQ(seen, "b");
    EXPECT_THAT(last().url, testing::Not(HasSubstr("limit")));
  }
  server_.add(410, status_text(410, "Expired", "too old"));
  const auto gone = client_->list({}, kPods, {.resource_version = "1"}, [](auto) {});
  EXPECT_TRUE(is_gone(gone.error()));
  server_.add(200, page("9", "c", "a"));
  server_.add(200, page("9", "c", "a"));
  EXPECT_EQ(client_->list({}, kPods, {}, [](auto) {}).error().code, ErrorCode::kDataLoss);
}

TEST_F(ClientTest, DecodesWatchesWhereverTheyAreCut) {
  const std::string body = R"({"type":"ADDED","object":{"n":"a"}})"
                           "\n\n"
                           R"({"type":"MODIFIED","object":{"n":"ä"}})"
                           "\r\n"
                           R"({"type":"BOOKMARK","object":{"n":"c"}})"
                           "\n"
                           R"({"type":"DELETED","obj)";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    server_.add(
        {.pieces = {body.substr(0, cut), body.substr(cut)}, .ends_with = ErrorCode::kDataLoss});
    std::string seen;
    const auto done =
        client_->watch({}, kPods, {.ns = "ns", .resource_version = "7", .timeout = 60s},
                       [&](const WatchEvent& event) {
                         seen += codec::string_or(event.object, "n", "?");
                         return true;
                       });
    EXPECT_EQ(done.error().code, ErrorCode::kDataLoss);
    EXPECT_EQ(seen, "aäc") << cut;
  }
  EXPECT_THAT(last().url, HasSubstr("/pods?watch=true&allowWatchBookmarks=true&resourceVersion=7"
                                    "&timeoutSeconds=60"));
}

TEST_F(ClientTest, EndsWatchesForEachReason) {
  const auto client = make(nullptr, {.watch_event_bytes_max = 1000});
  const auto watch = [&](std::string line) {
    server_.add({.pieces = {std::move(line), "\n"}, .hangs = true});
    return client->watch({}, kPods, {.resource_version = "7"},
                         [](const WatchEvent&) { return false; });
  };
  EXPECT_TRUE(watch(R"({"type":"ADDED","object":{}})"));  // The caller had enough.
  const auto gone =
      watch(R"({"type":"ERROR","object":)" + status_text(410, "Expired", "old") + "}");
  EXPECT_TRUE(is_gone(gone.error()));
  EXPECT_EQ(gone.error().message, "old");
  for (const char* line : {"nonsense", "[]", R"({"type":"ADDED"})", R"({"type":"X","object":{}})",
                           R"({"type":"ADDED","object":[]})"}) {
    EXPECT_EQ(watch(line).error().code, ErrorCode::kDataLoss) << line;
  }
  EXPECT_EQ(watch(std::string(1001, 'x')).error().code, ErrorCode::kResourceExhausted);
  server_.add({.status = 429, .headers = {{"Retry-After", "3"}}, .pieces = {"later"}});
  const auto throttled =
      client_->watch({}, kPods, {.resource_version = "7"}, [](const WatchEvent&) { return true; });
  EXPECT_EQ(throttled.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(throttled.error().retry_after, 3s);
}

// Logs that are followed have no end, and tables are asked for by name.
TEST_F(ClientTest, StreamsWhatIsAcceptedUntilTheCallerHasEnough) {
  server_.add({.pieces = {"one\n", "two\n"}, .hangs = true});
  std::string text;
  EXPECT_TRUE(client_->stream_raw({}, "/x?follow=true", {.accept = "text/plain"},
                                  [&](std::string_view bytes) {
                                    text += bytes;
                                    return text.size() < 8;
                                  }));
  EXPECT_EQ(text, "one\ntwo\n");
  EXPECT_EQ(last().headers.find("accept"), "text/plain");
  server_.add({.status = 404, .pieces = {status_text(404, "NotFound", "gone")}});
  const auto missing = client_->stream_raw({}, "/x", {}, [](std::string_view) { return true; });
  EXPECT_EQ(missing.error().message, "gone");
  EXPECT_EQ(last().headers.find("accept"), "application/json, */*");
}

}  // namespace
}  // namespace rage::kube
