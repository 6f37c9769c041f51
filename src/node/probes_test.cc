#include "node/probes.h"

#include <gmock/gmock.h>

#include <atomic>

#include "codec/json_for_test.h"

namespace rage::node {
namespace {

using namespace std::chrono_literals;
using codec::json_of;

TEST(ParseProbes, ReadsEveryKind) {
  const Json container = json_of(R"({"name":"c","ports":[{"name":"http","containerPort":5000}],
      "startupProbe":{"httpGet":{"path":"/health","port":"http","httpHeaders":
         [{"name":"a","value":"b"}]},"failureThreshold":30,"periodSeconds":5},
      "livenessProbe":{"exec":{"command":["cat","/tmp/x"]},"timeoutSeconds":7},
      "readinessProbe":{"grpc":{"port":9003,"service":"s"},"initialDelaySeconds":3}})");
  const auto probes = parse_probes(container, {}, "127.97.0.2", {{"/tmp", "/d/tmp"}});
  ASSERT_TRUE(probes.has_value()) << probes.error().message;
  EXPECT_EQ(probes->startup->url, "http://127.97.0.2:5000/health");
  EXPECT_EQ(probes->startup->headers.find("a"), "b");
  EXPECT_EQ(probes->startup->failures, 30);
  EXPECT_EQ(probes->startup->period, 5s);
  EXPECT_THAT(probes->liveness->command, testing::ElementsAre("cat", "/d/tmp/x"));
  EXPECT_EQ(probes->liveness->timeout, 7s);
  EXPECT_EQ(probes->readiness->kind, ProbeSpec::Kind::kGrpc);
  EXPECT_EQ(probes->readiness->initial_delay, 3s);
  EXPECT_FALSE(
      parse_probes(json_of(R"({"livenessProbe":{"tcpSocket":{"port":"no"}}})"), {}, "", {}));
  EXPECT_FALSE(parse_probes(json_of(R"({"livenessProbe":{}})"), {}, "", {}));
}

// The benchmark that a model's image runs is not here; the model must become ready all the same.
TEST(ParseProbes, AStandInIsAskedForItsHealth) {
  const Json container = json_of(R"({"name":"c",
      "startupProbe":{"exec":{"command":["python3","/workspace/b.py"]},"failureThreshold":180},
      "readinessProbe":{"httpGet":{"path":"/health","port":5000},"initialDelaySeconds":30}})");
  const ProcessPlan plan{.exec_probes = ExecProbes::kHealthPage, .health_port = 5001};
  const auto probes = parse_probes(container, plan, "127.97.0.2", {});
  ASSERT_TRUE(probes.has_value());
  EXPECT_EQ(probes->startup->url, "http://127.97.0.2:5001/health");
  EXPECT_EQ(probes->readiness->initial_delay, 0s);
  const ProcessPlan silent{.exec_probes = ExecProbes::kSucceed};
  EXPECT_EQ(parse_probes(container, silent, "", {})->startup->kind, ProbeSpec::Kind::kSucceed);
}

TEST(ProbeCounter, SettlesAfterEnoughInARow) {
  using Outcome = ProbeCounter::Outcome;
  ProbeCounter counter({.successes = 2, .failures = 3});
  EXPECT_EQ(counter.record(true), Outcome::kUnsettled);
  EXPECT_EQ(counter.record(true), Outcome::kPassed);
  EXPECT_EQ(counter.record(false), Outcome::kUnsettled);
  EXPECT_EQ(counter.record(false), Outcome::kUnsettled);
  EXPECT_EQ(counter.record(true), Outcome::kUnsettled);
  for (const auto expected :
       {Outcome::kUnsettled, Outcome::kUnsettled, Outcome::kFailed, Outcome::kFailed}) {
    EXPECT_EQ(counter.record(false), expected);
  }
}

// What starts within a second must not wait for a period of ten; and a slow start within the time
// it was given is no failure.
TEST(ProbeTimes, OftenUntilTheFirstSuccessAndThenOnceAPeriod) {
  const SteadyTime begun{1h};
  ProbeTimes times({.kind = ProbeSpec::Kind::kHttp, .initial_delay = 30s, .period = 10s}, begun);
  EXPECT_EQ(times.next(), begun);
  EXPECT_FALSE(times.record(begun, false));  // Out of turn: it does not count.
  EXPECT_EQ(times.next(), begun + 100ms);
  EXPECT_FALSE(times.record(begun + 100ms, false));
  EXPECT_TRUE(times.record(begun + 30s, false));  // In turn.
  EXPECT_TRUE(times.record(begun + 31s, true));
  EXPECT_EQ(times.next(), begun + 40s);
  EXPECT_TRUE(times.record(begun + 40s, false));
  EXPECT_EQ(times.next(), begun + 50s);
}

TEST(ProbeTimes, CommandsAreNotRunOutOfTurn) {
  ProbeTimes times({.kind = ProbeSpec::Kind::kExec, .initial_delay = 5s}, SteadyTime{});
  EXPECT_EQ(times.next(), SteadyTime{5s});
}

// Answers as told; counts.
class Scripted final : public ProbeRunner {
 public:
  explicit Scripted(std::vector<bool> answers) : answers_(std::move(answers)) {}
  Result<void> run(const Context&, const ProbeSpec&, const Environment&) override {
    const std::size_t asked = asked_++;
    if (answers_[std::min(asked, answers_.size() - 1)]) return {};
    return fail(ErrorCode::kUnavailable, "no");
  }

 private:
  const std::vector<bool> answers_;
  std::atomic<std::size_t> asked_ = 0;
};

ProbeVerdict verdict_after(ProbeSet probes, std::vector<bool> answers, int changes) {
  Scripted runner(std::move(answers));
  SystemClock clock;
  Mutex mutex;
  CondVar changed;
  int seen = 0;
  Prober prober(std::move(probes), {}, runner, clock, [&] {
    MutexLock lock(mutex);
    ++seen;
    changed.notify_all();
  });
  MutexLock lock(mutex);
  while (seen < changes) changed.wait(mutex);
  return prober.verdict();
}

TEST(Prober, BecomesReadyAfterStartingAndIsKilledWhenItIsNoLongerAlive) {
  const ProbeSpec quick{.period = 1ms, .failures = 2};
  EXPECT_EQ(verdict_after({.startup = quick, .readiness = quick}, {false, true}, 2),
            (ProbeVerdict{.started = true, .ready = true}));
  EXPECT_EQ(verdict_after({.startup = quick}, {false}, 1),
            (ProbeVerdict{.kill_reason = "Startup probe failed: no"}));
  EXPECT_EQ(
      verdict_after({.liveness = quick}, {true, false}, 1),
      (ProbeVerdict{.started = true, .ready = true, .kill_reason = "Liveness probe failed: no"}));
}

}  // namespace
}  // namespace rage::node
