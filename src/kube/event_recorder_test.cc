#include "kube/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <semaphore>
#include <string>

#include "apis/kinds.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

const ResourceType& event_type() {
  return apis::builtin_type("Event");
}

EventTarget target(std::string name = "ws-1") {
  return {.type = apis::workspace_type(), .key = {.ns = "n", .name = std::move(name)}, .uid = "u1"};
}

// Destroying the recorder sends what waits.
TEST(EventRecorder, WritesWhatKubectlShows) {
  FakeKubeClient client;
  ManualClock clock;
  {
    EventRecorder recorder(client, clock);
    recorder.record(target(), EventType::kWarning, "NodeClaimCreationFailed", "no quota");
  }
  const auto events = client.peek_all(event_type());
  ASSERT_THAT(events, SizeIs(1));
  const Json& event = events[0];
  const Json involved = {{"apiVersion", "kaito.sh/v1beta1"},
                         {"kind", "Workspace"},
                         {"name", "ws-1"},
                         {"namespace", "n"},
                         {"uid", "u1"}};
  EXPECT_EQ(event["involvedObject"], involved);
  EXPECT_EQ(event["reason"], "NodeClaimCreationFailed");
  EXPECT_EQ(event["message"], "no quota");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["count"], 1);
  EXPECT_EQ(event["source"]["component"], "rage-operator");
  EXPECT_EQ(event["firstTimestamp"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(event["metadata"]["namespace"], "n");
}

// A reconcile that fails every minute must not fill etcd.
TEST(EventRecorder, CountsTheSameEventInsteadOfAddingOne) {
  FakeKubeClient client;
  ManualClock clock;
  for (int process = 0; process < 2; ++process) {  // A new leader goes on counting.
    EventRecorder recorder(client, clock);
    for (int i = 0; i < 3; ++i) recorder.record(target(), EventType::kNormal, "Reconciled", "ok");
    recorder.record(target(), EventType::kNormal, "Reconciled", "otherwise");
    recorder.record(target("ws-2"), EventType::kNormal, "Reconciled", "ok");
    clock.advance(60s);
  }
  const auto events = client.peek_all(event_type());
  ASSERT_THAT(events, SizeIs(3));
  int total = 0;
  for (const Json& event : events) total += event["count"].get<int>();
  EXPECT_EQ(total, 10);
}

TEST(EventRecorder, BeginsAnewWhenTheEventHasExpired) {
  FakeKubeClient client;
  ManualClock clock;
  std::counting_semaphore<8> written(0);
  client.intercept([&](const FakeKubeClient::Call& call) -> Result<void> {
    if (call.verb == "create") written.release();
    return {};
  });
  {
    EventRecorder recorder(client, clock);
    recorder.record(target(), EventType::kNormal, "Reconciled", "ok");
    written.acquire();
    while (client.peek_all(event_type()).empty()) std::this_thread::yield();
    for (const Json& event : client.peek_all(event_type())) {
      ASSERT_TRUE(client.remove({}, event_type(), apis::parse_meta(event).key()));
    }
    recorder.record(target(), EventType::kNormal, "Reconciled", "ok");
  }
  ASSERT_THAT(client.peek_all(event_type()), SizeIs(1));
  EXPECT_EQ(client.peek_all(event_type())[0]["count"], 1);
}

// The API server hangs: reconciles go on, and what is too much is counted.
TEST(EventRecorder, NeverBlocksAndDropsPastItsLimit) {
  FakeKubeClient client;
  ManualClock clock;
  std::latch entered(1);
  std::binary_semaphore gate(0);
  std::atomic<bool> first = true;
  client.intercept([&](const FakeKubeClient::Call&) -> Result<void> {
    if (first.exchange(false)) {
      entered.count_down();
      gate.acquire();
    }
    return {};
  });
  {
    EventRecorder recorder(client, clock, {.queue_max = 3});
    recorder.record(target("first"), EventType::kNormal, "R", "m");
    entered.wait();
    for (int i = 0; i < 5; ++i) {
      recorder.record(target(std::to_string(i)), EventType::kNormal, "R", "m");
      recorder.record(target("0"), EventType::kNormal, "R", "m");  // Waits already: no new place.
    }
    EXPECT_EQ(recorder.dropped(), 2U);
    gate.release();
  }
  EXPECT_THAT(client.peek_all(event_type()), SizeIs(4));
}

TEST(EventRecorder, CutsLongTextsBetweenCharactersAndForgetsTheOldest) {
  FakeKubeClient client;
  ManualClock clock;
  {
    EventRecorder recorder(client, clock, {.remembered_max = 1});
    std::string message(1023, 'x');
    message += "\u00e9";
    recorder.record({.type = apis::model_mirror_type(),
                     .key = {.ns = "", .name = std::string(253, 'm')},
                     .uid = {}},
                    EventType::kNormal, "R", message);
    recorder.record(target(), EventType::kNormal, "R", "m");
    recorder.record(target("ws-2"), EventType::kNormal, "R", "m");
  }
  const auto events = client.peek_all(event_type());
  ASSERT_THAT(events, SizeIs(3));
  for (const Json& event : events) {
    EXPECT_LE(codec::string_or(event["metadata"], "name", "").size(), 253U);
    if (codec::string_or(event["metadata"], "namespace", "") != "default") continue;
    EXPECT_EQ(codec::string_or(event, "message", ""), std::string(1023, 'x'));
    EXPECT_FALSE(event["involvedObject"].contains("namespace"));
  }
}

}  // namespace
}  // namespace rage::kube
