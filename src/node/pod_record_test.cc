#include "node/pod_record.h"

#include <gmock/gmock.h>

#include "codec/json_for_test.h"

namespace rage::node {
namespace {

using namespace std::chrono_literals;
using codec::json_of;
using testing::ElementsAre;
using testing::IsEmpty;
using State = ContainerRecord::State;

const WallTime kNow = std::chrono::system_clock::from_time_t(1'800'000'000);

Json a_pod_with(std::string_view spec, std::string_view status = "{}") {
  return json_of(fmt::format(R"({{"metadata":{{"name":"p","namespace":"d","uid":"u"}},
                                 "spec":{},"status":{}}})",
                             spec, status));
}

void begin(PodRecord& record, std::size_t index, WallTime at) {
  record_start(record, index, 100, at);
  record.containers[index].started = record.containers[index].ready = true;
}

void end(PodRecord& record, std::size_t index, int code, WallTime at) {
  record_end(record, index,
             {.code = code,
              .reason = code == 0 ? "Completed" : "Error",
              .started_at = record.containers[index].started_at,
              .finished_at = at},
             {});
}

std::string condition_of(const Json& status, std::string_view type) {
  for (const Json& each : status["conditions"]) {
    if (each["type"] == type) return each["status"];
  }
  return "absent";
}

// A database that is prepared by an init container must not be opened before that has ended.
TEST(NextStarts, InitContainersOneAfterTheOtherThenAllOthers) {
  PodRecord record = record_of(a_pod_with(R"({"restartPolicy":"Never",
      "initContainers":[{"name":"a"},{"name":"side","restartPolicy":"Always"},{"name":"b"}],
      "containers":[{"name":"x"},{"name":"y"}]})"),
                               kNow);
  EXPECT_THAT(next_starts(record, kNow).containers, ElementsAre(0));
  begin(record, 0, kNow);
  EXPECT_THAT(next_starts(record, kNow).containers, IsEmpty());
  EXPECT_EQ(phase_of(record), "Pending");
  end(record, 0, 0, kNow);
  EXPECT_THAT(next_starts(record, kNow).containers, ElementsAre(1));
  begin(record, 1, kNow);
  EXPECT_THAT(next_starts(record, kNow).containers, ElementsAre(2));
  begin(record, 2, kNow);
  end(record, 2, 0, kNow);
  EXPECT_THAT(next_starts(record, kNow).containers, ElementsAre(3, 4));
  begin(record, 3, kNow);
  begin(record, 4, kNow);
  EXPECT_EQ(phase_of(record), "Running");
  end(record, 3, 0, kNow);
  end(record, 4, 0, kNow);
  EXPECT_EQ(phase_of(record), "Succeeded");
}

TEST(NextStarts, AFailedInitContainerFailsAPodThatIsNotRestarted) {
  PodRecord record = record_of(a_pod_with(R"({"restartPolicy":"Never",
      "initContainers":[{"name":"a"}],"containers":[{"name":"x"}]})"),
                               kNow);
  begin(record, 0, kNow);
  end(record, 0, 1, kNow);
  EXPECT_EQ(phase_of(record), "Failed");
  EXPECT_THAT(next_starts(record, kNow).containers, IsEmpty());
}

// A program that cannot start must not use up the machine; one that ran well is started at once.
TEST(RecordEnd, WaitsLongerEachTimeAndStartsAfreshAfterALongRun) {
  PodRecord record = record_of(a_pod_with(R"({"containers":[{"name":"x"}]})"), kNow);
  WallTime at = kNow;
  for (const auto expected : {0s, 10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    begin(record, 0, at);
    at += 1s;
    end(record, 0, 1, at);
    EXPECT_EQ(record.containers[0].not_before - at, expected);
    EXPECT_EQ(next_starts(record, at).containers.size(), expected == 0s ? 1U : 0U);
    at = record.containers[0].not_before;
    EXPECT_THAT(next_starts(record, at).containers, ElementsAre(0));
  }
  EXPECT_EQ(record.containers[0].reason, "CrashLoopBackOff");
  begin(record, 0, at);
  at += 11min;
  end(record, 0, 1, at);
  EXPECT_EQ(record.containers[0].not_before, at);
}

TEST(RecordEnd, FollowsTheRestartPolicy) {
  for (const auto& [policy, code, restarts] :
       {std::tuple("Always", 0, true), std::tuple("Always", 1, true),
        std::tuple("OnFailure", 0, false), std::tuple("OnFailure", 1, true),
        std::tuple("Never", 0, false), std::tuple("Never", 1, false)}) {
    PodRecord record =
        record_of(a_pod_with(fmt::format(
                      R"({{"restartPolicy":"{}","containers":[{{"name":"x"}}]}})", policy)),
                  kNow);
    begin(record, 0, kNow);
    end(record, 0, code, kNow);
    EXPECT_EQ(record.containers[0].state == State::kWaiting, restarts) << policy << code;
    EXPECT_EQ(phase_of(record), restarts ? "Running" : code == 0 ? "Succeeded" : "Failed");
  }
}

// After kill -9 of the node, a pod goes on: its restarts are counted on, and a job that had ended
// is not run twice.
TEST(RecordOf, GoesOnFromTheStatus) {
  const PodRecord running =
      record_of(a_pod_with(R"({"containers":[{"name":"x"}]})",
                           R"({"startTime":"2026-01-01T00:00:00Z","containerStatuses":[{"name":"x",
                "restartCount":3,"state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]})"),
                kNow);
  EXPECT_EQ(running.containers[0].runs, 4U);
  EXPECT_EQ(running.containers[0].state, State::kWaiting);
  EXPECT_EQ(running.containers[0].last->code, 137);
  EXPECT_EQ(running.start_time, "2026-01-01T00:00:00Z");
  EXPECT_THAT(next_starts(running, kNow).containers, ElementsAre(0));

  const char* ended = R"({"containerStatuses":[{"name":"x","restartCount":0,
      "state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]})";
  const PodRecord done = record_of(
      a_pod_with(R"({"restartPolicy":"OnFailure","containers":[{"name":"x"}]})", ended), kNow);
  EXPECT_EQ(phase_of(done), "Succeeded");
  const PodRecord lost =
      record_of(a_pod_with(R"({"restartPolicy":"Never","containers":[{"name":"x"}]})",
                           R"({"containerStatuses":[{"name":"x","state":{"running":{}}}]})"),
                kNow);
  EXPECT_EQ(phase_of(lost), "Failed");
}

TEST(RenderStatus, SaysWhatRunsAndWhatIsReady) {
  const Json pod = a_pod_with(
      R"({"containers":[{"name":"x","image":"i"}],
          "readinessGates":[{"conditionType":"theirs"}]})",
      R"({"conditions":[{"type":"theirs","status":"True"},
          {"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]})");
  PodRecord record = record_of(pod, kNow);
  begin(record, 0, kNow);
  Json status = render_status(pod, record, {.pod_ip = "127.97.0.2"}, kNow);
  EXPECT_EQ(status["phase"], "Running");
  EXPECT_EQ(condition_of(status, "Ready"), "True");
  EXPECT_EQ(condition_of(status, "theirs"), "True");
  EXPECT_EQ(status["conditions"][1]["lastTransitionTime"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(status["podIP"], "127.97.0.2");
  EXPECT_EQ(status["containerStatuses"][0]["restartCount"], 0);
  EXPECT_TRUE(status["containerStatuses"][0]["state"].contains("running"));
  record.containers[0].ready = false;
  status = render_status(pod, record, {}, kNow);
  EXPECT_EQ(condition_of(status, "Ready"), "False");
  EXPECT_EQ(condition_of(status, "ContainersReady"), "False");
  EXPECT_EQ(status["conditions"][1]["lastTransitionTime"], rfc3339(kNow));
}

TEST(RenderStatus, ARefusedImageIsPendingWithTheReason) {
  const Json pod = a_pod_with(R"({"containers":[{"name":"x"}]})");
  PodRecord record = record_of(pod, kNow);
  record_refusal(record, 0, "ErrImageNeverPull", "cannot run here", kNow + 30s);
  const Json status = render_status(pod, record, {}, kNow);
  EXPECT_EQ(status["phase"], "Pending");
  EXPECT_EQ(status["containerStatuses"][0]["state"]["waiting"]["reason"], "ErrImageNeverPull");
  EXPECT_EQ(next_starts(record, kNow).wake_at, kNow + 30s);
}

TEST(Rfc3339, RoundTrip) {
  EXPECT_EQ(parse_rfc3339(rfc3339(kNow)), kNow);
  EXPECT_EQ(parse_rfc3339("soon"), std::nullopt);
}

}  // namespace
}  // namespace rage::node
