#include "kube/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

const ResourceType kWatchedPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};

std::string pod(std::string_view name, int version) {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}","namespace":"ns","uid":"{0}","resourceVersion":"{1}",)"
      R"("labels":{{"app":"{0}"}}}}}})",
      name, version);
}

std::string event(std::string_view type, std::string_view object) {
  return fmt::format(R"({{"type":"{}","object":{}}})"
                     "\n",
                     type, object);
}

std::string list(int version, const std::vector<std::string>& items, std::string_view next = "") {
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ",") + item;
  return fmt::format(R"({{"metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                     version, next, joined);
}

constexpr char kGone[] = R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})";

// The informer, a real client, and a server that plays a script. When it is played to its end, the
// informer hangs in one more watch, and the test may look.
class InformerTest : public testing::Test {
 protected:
  void run(std::size_t requests, InformerOptions options = {}) {
    client_ = make_kube_client(server_, clock_, {.server = "https://api"},
                               {.watch_event_bytes_max = 10'000});
    informer_ = std::make_unique<Informer>(*client_, clock_, kWatchedPods, std::move(options));
    informer_->on_change([this](const Change& change) {
      const auto version = [](const ObjectPtr& one) {
        return one ? one->meta().resource_version : std::string("none");
      };
      const std::string line = fmt::format("{}: {} -> {}", change.latest().meta().name,
                                           version(change.before), version(change.after));
      changes_.with([&](auto& lines) { lines.push_back(line); });
    });
    informer_->start();
    server_.wait_for_requests(requests + 1);
  }
  std::vector<std::string> changes() {
    return changes_.with([](auto& lines) { return std::exchange(lines, {}); });
  }
  std::string url(std::size_t at) { return server_.requests().at(at).url; }

  Guarded<std::vector<std::string>> changes_;
  ScriptedTransport server_;
  SkippingClock clock_;
  std::unique_ptr<KubeClient> client_;
  std::unique_ptr<Informer> informer_;
};

TEST_F(InformerTest, ListsThenFollowsTheWatch) {
  server_.add(200, list(10, {pod("a", 1)}, "more"));
  server_.add(200, list(10, {pod("b", 2)}));
  server_.add(200, event("ADDED", pod("c", 11)) + event("MODIFIED", pod("a", 12)) +
                       event("DELETED", pod("b", 13)) +
                       event("BOOKMARK", R"({"metadata":{"resourceVersion":"20"}})"));
  InformerOptions options;
  options.trim = [](Json& document) { document["trimmed"] = true; };
  options.indexes["app"] = [](const Object& object) {
    return std::vector<std::string>{object.meta().label("app")};
  };
  run(3, std::move(options));
  EXPECT_THAT(changes(), ElementsAre("a: none -> 1", "b: none -> 2", "c: none -> 11", "a: 1 -> 12",
                                     "b: 2 -> none"));
  EXPECT_THAT(url(1), HasSubstr("continue=more"));
  EXPECT_THAT(url(2), HasSubstr("watch=true&allowWatchBookmarks=true&resourceVersion=10&"));
  EXPECT_THAT(url(3), HasSubstr("resourceVersion=20&"));
  EXPECT_TRUE(informer_->synced());
  EXPECT_EQ(informer_->size(), 2U);
  EXPECT_EQ(informer_->list("ns").size(), 2U);
  EXPECT_EQ(informer_->list("other").size(), 0U);
  ASSERT_EQ(informer_->by_index("app", "a").size(), 1U);
  EXPECT_THAT(informer_->find({"ns", "a"})->text(), HasSubstr(R"("trimmed":true)"));
  EXPECT_EQ(informer_->find({"ns", "b"}), nullptr);
  const InformerStatistics statistics = informer_->statistics();
  EXPECT_EQ(statistics.lists, 1U);
  EXPECT_EQ(statistics.watches, 2U);
  EXPECT_EQ(statistics.events, 3U);
  EXPECT_TRUE(clock_.sleeps().empty());
}

// A cut connection is daily life: nothing may be listed anew, lost or told twice.
TEST_F(InformerTest, ResumesACutWatchWhereItWas) {
  const std::string line = event("ADDED", pod("b", 12));
  server_.add(200, list(10, {pod("a", 1)}));
  server_.add({.pieces = {event("MODIFIED", pod("a", 11)) + line.substr(0, 30)},
               .ends_with = ErrorCode::kDataLoss});
  server_.add({.pieces = {event("MODIFIED", pod("a", 11)), line.substr(0, 30), line.substr(30)},
               .ends_with = ErrorCode::kDataLoss});
  run(3);
  EXPECT_THAT(changes(), ElementsAre("a: none -> 1", "a: 1 -> 11", "b: none -> 12"));
  EXPECT_THAT(url(2), HasSubstr("resourceVersion=11&"));
  EXPECT_THAT(url(3), HasSubstr("resourceVersion=12&"));
  EXPECT_EQ(informer_->statistics().lists, 1U);
}

TEST_F(InformerTest, DropsDuplicateAndStaleEvents) {
  server_.add(200, list(10, {pod("a", 9)}));
  server_.add(200, event("ADDED", pod("a", 9)) + event("MODIFIED", pod("a", 12)) +
                       event("MODIFIED", pod("a", 11)) + event("ADDED", pod("b", 11)) +
                       event("DELETED", pod("b", 14)) + event("MODIFIED", pod("b", 13)));
  run(2);
  EXPECT_THAT(changes(),
              ElementsAre("a: none -> 9", "a: 9 -> 12", "b: none -> 11", "b: 11 -> none"));
  EXPECT_THAT(url(2), HasSubstr("resourceVersion=14&"));
}

TEST_F(InformerTest, ListsAnewAfterGoneAndTellsWhatVanished) {
  server_.add(200, list(10, {pod("a", 1), pod("b", 2), pod("c", 3)}));
  server_.add(410, kGone);
  server_.add(410, kGone);  // Of the list: somebody compacts as we read.
  server_.add(200, list(30, {pod("b", 2), pod("c", 22)}));
  server_.add(200, event("ERROR", kGone));
  server_.add(200, list(40, {pod("c", 22)}));
  run(6);
  EXPECT_THAT(changes(), ElementsAre("a: none -> 1", "b: none -> 2", "c: none -> 3", "a: 1 -> none",
                                     "c: 3 -> 22", "b: 2 -> none"));
  EXPECT_THAT(url(6), HasSubstr("resourceVersion=40&"));
  EXPECT_EQ(informer_->statistics().lists, 3U);
}

TEST_F(InformerTest, ForgetsThePagesOfAnExpiredList) {
  server_.add(200, list(10, {pod("a", 1)}, "more"));
  server_.add(410, kGone);
  server_.add(200, list(12, {pod("b", 2)}));
  run(3);
  EXPECT_THAT(changes(), ElementsAre("b: none -> 2"));
  EXPECT_EQ(informer_->size(), 1U);
}

// An API server that is down for a minute must not be greeted by a storm.
TEST_F(InformerTest, BacksOffWithinItsBounds) {
  server_.add(403, R"({"kind":"Status","code":403,"message":"pods is forbidden"})");
  server_.add({.status = 429, .headers = {{"Retry-After", "90"}}});
  server_.add(200, list(10, {}));
  for (int i = 0; i < 8; ++i) server_.add({.connects = false});
  server_.add(200, event("ADDED", pod("a", 11)));
  server_.add({.connects = false});
  run(13);
  const auto sleeps = clock_.sleeps();
  ASSERT_EQ(sleeps.size(), 11U);
  const auto within = [&](std::size_t at, auto least, auto most) {
    EXPECT_GE(sleeps[at], least) << at;
    EXPECT_LE(sleeps[at], most) << at;
  };
  within(0, 800ms, 1200ms);
  within(1, 90s, 90s);  // As told.
  within(2, 3200ms, 4800ms);
  within(3, 6400ms, 9600ms);
  within(9, 30s, 30s);
  within(10, 800ms, 1200ms);  // There was news in between.
  EXPECT_THAT(changes(), ElementsAre("a: none -> 11"));
  EXPECT_EQ(informer_->statistics().lists, 1U);
}

TEST_F(InformerTest, NeverSpinsOnWatchesThatEndAtOnce) {
  server_.add(200, list(10, {}));
  for (int i = 0; i < 4; ++i) server_.add(200, "");
  run(5);
  EXPECT_EQ(clock_.sleeps().size(), 4U);
}

// Restored from a backup, the server refuses our version for ever, and not with 410.
TEST_F(InformerTest, ListsAnewWhenItsVersionIsRefusedAgainAndAgain) {
  server_.add(200, list(100, {pod("a", 90)}));
  for (int i = 0; i < 5; ++i) server_.add(504, R"({"message":"Too large resource version"})");
  server_.add(200, list(50, {pod("a", 40)}));
  server_.add(200, event("MODIFIED", pod("a", 51)));
  run(8);
  EXPECT_THAT(changes(),
              ElementsAre("a: none -> 90", "a: 90 -> none", "a: none -> 40", "a: 40 -> 51"));
}

// The API server does not refuse a version from the future: it waits for it, in silence.
TEST_F(InformerTest, ListsAnewWhenNothingCouldEverCome) {
  server_.add(200, list(100, {pod("a", 90)}));
  server_.add({.on_request = [this] { clock_.advance(100s); }});
  server_.add({.on_request = [this] { clock_.advance(200s); }});
  server_.add(200, list(50, {pod("a", 40)}));
  server_.add(200, event("BOOKMARK", R"({"metadata":{"resourceVersion":"45"}})"));
  server_.add(200, list(46, {}));
  run(6);
  EXPECT_THAT(changes(),
              ElementsAre("a: none -> 90", "a: 90 -> none", "a: none -> 40", "a: 40 -> none"));
  EXPECT_EQ(clock_.sleeps().size(), 1U);
}

TEST_F(InformerTest, PassesAnEventTooLargeByListing) {
  server_.add(200, list(10, {}));
  server_.add(200, event("ADDED", std::string(10'000, ' ') + pod("a", 11)));
  server_.add(200, list(11, {pod("a", 11)}));
  run(3);
  EXPECT_THAT(changes(), ElementsAre("a: none -> 11"));
}

TEST_F(InformerTest, RemembersWhatWasWritten) {
  server_.add(200, list(10, {pod("a", 9)}));
  run(1, {.ns = "ns"});
  informer_->remember(*codec::parse_json(pod("a", 12)));
  EXPECT_EQ(informer_->find({"ns", "a"})->meta().resource_version, "12");
  informer_->remember(*codec::parse_json(pod("a", 11)));
  EXPECT_EQ(informer_->find({"ns", "a"})->meta().resource_version, "12");
  informer_->remember(Json{{"metadata", {{"name", "x"}, {"namespace", "elsewhere"}}}});
  informer_->remember(Json("no object"));
  EXPECT_EQ(informer_->size(), 1U);
}

TEST_F(InformerTest, SaysWhyItIsNotSynced) {
  for (int i = 0; i < 3; ++i) server_.add({.connects = false});  // The client's three tries.
  run(3);                                                        // And one more list, which waits.
  const auto waited = informer_->wait_synced(Context::with_timeout(1ms));
  EXPECT_EQ(waited.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(waited.error().message, HasSubstr("pods are not listed yet: nobody listens"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(informer_->wait_synced({.stop = stop.get_token()}).error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(informer_->synced());
  server_.add(200, list(10, {}));
  EXPECT_TRUE(informer_->wait_synced({}));
  informer_->stop();
  informer_->stop();
}

// What a person forgets first; the message says it.
TEST_F(InformerTest, SaysThatACrdMayBeMissing) {
  server_.add(404, "404 page not found");
  server_.add(404, "404 page not found");
  run(1);
  const auto waited = informer_->wait_synced(Context::with_timeout(1ms));
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.error().message,
              HasSubstr("the cluster has no pods of v1: is the CRD installed?"));
}

TEST(ControllerUidTest, IsTheControllingOwners) {
  const Object object(
      Json{{"metadata",
            {{"name", "a"},
             {"ownerReferences",
              {{{"uid", "1"}, {"controller", false}}, {{"uid", "2"}, {"controller", true}}}}}}});
  EXPECT_THAT(controller_uid_of(object), ElementsAre("2"));
  EXPECT_TRUE(controller_uid_of(Object(Json::object())).empty());
}

TEST(ObjectTest, KeepsWhatIsReadAndNoMore) {
  const Object object(
      Json{{"kind", "Pod"},
           {"metadata",
            {{"name", "a"},
             {"managedFields", {{{"manager", "kubectl"}}}},
             {"annotations",
              {{"kubectl.kubernetes.io/last-applied-configuration", "{}"}, {"keep", "me"}}}}}});
  EXPECT_EQ(object.text(), R"({"kind":"Pod","metadata":{"name":"a","annotations":{"keep":"me"}}})");
  EXPECT_EQ(object.meta().annotation("keep"), "");
  EXPECT_EQ(codec::render_json(object.document()), object.text());
  EXPECT_EQ(Object(Json::array()).meta().name, "");
}

}  // namespace
}  // namespace rage::kube
