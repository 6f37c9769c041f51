#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "operator/autoscale.h"

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

ScaleSettings for_ten_each(int least, int most) {
  ScaleSettings settings;
  settings.replicas_min = least;
  settings.replicas_max = most;
  settings.threshold = 10;
  return settings;
}

// A set under load, looked at every 15 s; what is decided happens at once.
class Simulation final {
 public:
  Simulation(int replicas_in, ScaleSettings settings_in)
      : replicas(replicas_in), settings(std::move(settings_in)) {}

  int replicas;
  ScaleSettings settings;
  ScaleHistory history;
  ScaleDecision last;
  int changes = 0;

  // One look; `loads` are what the replicas tell, as many as do.
  int look(const std::vector<ReplicaLoad>& loads) {
    now_ += 15s;
    history = with_sample(std::move(history), now_, replicas, loads, settings);
    last = plan_scale(history, settings);
    changes += last.replicas != replicas ? 1 : 0;
    replicas = last.replicas;
    return replicas;
  }
  // All replicas tell their share of `sum`, and that they work.
  int waiting(double sum) {
    counter_ += sum + 1;
    return look(
        std::vector<ReplicaLoad>(static_cast<std::size_t>(replicas),
                                 {.metric = sum / replicas, .running = 1, .work = counter_}));
  }
  // All replicas tell that nothing happens.
  int quiet() {
    return look(std::vector<ReplicaLoad>(static_cast<std::size_t>(replicas),
                                         {.metric = 0, .running = 0, .work = 7}));
  }

 private:
  SteadyTime now_ = SteadyTime(1000h);
  double counter_ = 0;
};

// Requests would wait for minutes while replicas come one by one.
TEST(PlanScale, ASpikeIsAnsweredAtOnceWithinTheRate) {
  Simulation set(1, for_ten_each(1, 40));
  set.waiting(5);
  EXPECT_EQ(set.waiting(45), 5);  // Four more.
  EXPECT_THAT(set.last.reason, HasSubstr("vllm:num_requests_waiting is 45.0 over 1 of 1 replicas"));
  EXPECT_EQ(set.waiting(1000), 10);  // Twice as many.
  EXPECT_EQ(set.waiting(1000), 20);
  EXPECT_EQ(set.waiting(1000), 40);
  EXPECT_EQ(set.waiting(1000), 40);
}

// Looking more often must not mean growing faster.
TEST(PlanScale, TheRateHoldsWhateverTheInterval) {
  ScaleHistory history;
  const ScaleSettings settings = for_ten_each(1, 100);
  int replicas = 1;
  for (int second = 0; second < 14; ++second) {
    history = with_sample(std::move(history), SteadyTime(1000h) + second * 1s, replicas,
                          {{.metric = 5000}}, settings);
    replicas = plan_scale(history, settings).replicas;
  }
  EXPECT_EQ(replicas, 5);
}

// A load that rises and falls is followed up at once and down after five minutes, without a swing.
TEST(PlanScale, FollowsARamp) {
  Simulation set(1, for_ten_each(1, 8));
  for (int load = 5; load <= 70; load += 5) {
    const int before = set.replicas;
    EXPECT_GE(set.waiting(load), before);
    EXPECT_GE(set.replicas * 10 * 1.1, load);
  }
  EXPECT_EQ(set.replicas, 7);
  for (int load = 65; load >= 5; load -= 5) EXPECT_EQ(set.waiting(load), 7);
  int looks = 0;
  while (set.replicas > 1 && looks < 100) {
    const int before = set.replicas;
    EXPECT_LE(set.waiting(5), before);
    ++looks;
  }
  EXPECT_EQ(set.replicas, 1);
  EXPECT_LE(looks, 300 / 15 + 1);
}

// Each change loads a model or throws one away: minutes of a GPU.
TEST(PlanScale, AFlappingLoadChangesNothingButOnce) {
  Simulation set(2, for_ten_each(1, 10));
  for (int i = 0; i < 200; ++i) set.waiting(i % 2 == 0 ? 5 : 29);
  EXPECT_EQ(set.replicas, 3);
  EXPECT_EQ(set.changes, 1);
}

TEST(PlanScale, ATenthMoreOrLessIsNothing) {
  Simulation set(10, for_ten_each(1, 20));
  set.settings.down_window = 0s;
  EXPECT_EQ(set.waiting(109), 10);
  EXPECT_EQ(set.waiting(91), 10);
  EXPECT_EQ(set.waiting(112), 12);
  EXPECT_EQ(set.waiting(61), 7);
}

// Replicas that still load their model have no queue: those that serve look twice as busy, but the
// help is on its way.
TEST(PlanScale, StartingReplicasCountAsHelpOnTheWay) {
  Simulation set(4, for_ten_each(1, 20));
  EXPECT_EQ(set.look({{.metric = 20}, {.metric = 20}, {}, {}}), 4);
  EXPECT_EQ(set.look({{.metric = 30}, {.metric = 30}, {}, {}}), 6);
}

// A replica that cannot be asked may be the busiest.
TEST(PlanScale, SilentReplicasCountAsBusyBeforeScalingDown) {
  Simulation set(4, for_ten_each(1, 20));
  set.settings.down_window = 0s;
  EXPECT_EQ(set.look({{.metric = 0}, {.metric = 0}, {}, {}}), 2);
  Simulation busy(4, for_ten_each(1, 20));
  busy.settings.down_window = 0s;
  EXPECT_EQ(busy.look({{.metric = 8}, {.metric = 8}, {}, {}}), 4);
}

// A broken metric must neither stop a service nor fill the cluster.
TEST(PlanScale, WithoutMetricsNothingChanges) {
  Simulation set(3, for_ten_each(1, 10));
  set.waiting(30);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(set.look({{}, {}, {}}), 3);
  EXPECT_EQ(describe_scaling(set.history, set.settings).reason, "MetricsMissing");
  EXPECT_EQ(set.changes, 0);
  set.settings.replicas_max = 2;  // The limits hold all the same.
  EXPECT_EQ(set.look({{}, {}, {}}), 2);
  EXPECT_THAT(set.last.reason, HasSubstr("1 to 2 replicas are allowed"));
}

TEST(PlanScale, AbsurdValuesStayWithinTheLimits) {
  Simulation set(2, for_ten_each(2, 6));
  EXPECT_EQ(set.look({{.metric = 1e300}, {.metric = 1e300}}), 6);
  Simulation negative(6, for_ten_each(2, 6));
  negative.settings.down_window = 0s;
  EXPECT_EQ(negative.look(std::vector<ReplicaLoad>(6, {.metric = -1e300})), 2);
}

// A new operator knows nothing of the minutes before.
TEST(PlanScale, ARestartScalesNothingDownAtOnce) {
  Simulation set(5, for_ten_each(1, 10));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(set.waiting(1), 5) << i;
  EXPECT_EQ(set.waiting(1), 1);
}

TEST(PlanScale, AHigherLoadMayHaveToLast) {
  Simulation set(1, for_ten_each(1, 10));
  set.settings.up_window = 60s;
  EXPECT_EQ(set.waiting(30), 1);
  EXPECT_EQ(set.waiting(40), 1);
  EXPECT_EQ(set.waiting(30), 1);
  EXPECT_EQ(set.waiting(50), 1);
  EXPECT_EQ(set.waiting(50), 3);  // The lowest of the last minute.
}

// An operator runs for months.
TEST(PlanScale, RemembersNoMoreThanItLooksBackOn) {
  Simulation set(2, for_ten_each(1, 10));
  for (int i = 0; i < 1000; ++i) set.waiting(20);
  EXPECT_LE(set.history.samples.size(), 22U);
}

// Idle GPUs cost as much as busy ones.
TEST(PlanScale, AnIdleSetGoesToZeroOnlyIfItMay) {
  Simulation set(2, for_ten_each(0, 4));
  set.waiting(3);
  set.quiet();  // The counter has moved since: not idle yet.
  int looks = 0;
  while (set.replicas > 0 && looks < 100) {
    set.quiet();
    ++looks;
  }
  EXPECT_EQ(set.replicas, 0);
  EXPECT_EQ(looks, 300 / 15 + 1);
  EXPECT_EQ(set.last.reason, "no request for 300 s");
  EXPECT_EQ(set.look({}), 0);  // And stays there.
  EXPECT_EQ(describe_scaling(set.history, set.settings).reason, "ScaledToZero");

  Simulation kept(2, for_ten_each(1, 4));
  for (int i = 0; i < 100; ++i) kept.quiet();
  EXPECT_EQ(kept.replicas, 1);
}

// Whoever is being answered must not lose the answer, and short requests fit between two looks.
TEST(PlanScale, WorkKeepsASetAwake) {
  const std::vector<std::function<ReplicaLoad(int)>> busy = {
      [](int) { return ReplicaLoad{.metric = 0, .running = 1, .work = 7}; },
      [](int i) { return ReplicaLoad{.metric = 0, .running = 0, .work = i}; },
      [](int) { return ReplicaLoad{.metric = 0, .running = {}, .work = 7}; },
      [](int) { return ReplicaLoad{.metric = 0, .running = 0, .work = {}}; },
      [](int) { return ReplicaLoad{}; },
      [](int i) {
        return i % 20 == 0 ? ReplicaLoad{} : ReplicaLoad{.metric = 0, .running = 0, .work = 7};
      },
  };
  for (std::size_t kind = 0; kind < busy.size(); ++kind) {
    Simulation set(1, for_ten_each(0, 4));
    for (int i = 0; i < 200; ++i) EXPECT_EQ(set.look({busy[kind](i)}), 1) << kind;
  }
  Simulation starting(2, for_ten_each(0, 4));
  starting.settings.down_window = 3600s;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(starting.look({{.metric = 0, .running = 0, .work = 7}, {}}), 2);
  }
}

TEST(DescribeScaling, SaysWhyThereWillBeNoZero) {
  Simulation set(1, for_ten_each(0, 4));
  set.look({{.metric = 1, .running = 0, .work = {}}});
  EXPECT_THAT(describe_scaling(set.history, set.settings).message,
              HasSubstr("not every replica tells whether it works"));
  set.quiet();
  EXPECT_EQ(describe_scaling(set.history, set.settings).message,
            "scaled between 0 and 4 replicas for 10 of vllm:num_requests_waiting each, to zero "
            "after 300 s without a request");
}

apis::InferenceSet a_sleeper(int replicas) {
  apis::InferenceSet set;
  set.meta.name = "phi";
  set.meta.ns = "ml";
  set.meta.resource_version = "5";
  set.replicas = replicas;
  return set;
}

TEST(PlanWake, TheAnnotationBringsASetBackInOneWrite) {
  const WallTime now = WallTime(1'800'000'000s);
  apis::InferenceSet set = a_sleeper(0);
  EXPECT_TRUE(plan_wake(set, for_ten_each(0, 4), {}, now).empty());
  set.meta.annotations[std::string(kWake)] = "now";
  EXPECT_EQ(plan_wake(set, for_ten_each(0, 4), {}, now), Json::parse(R"({
      "metadata": {"annotations": {"rage.dev/wake": null,
                                   "rage.dev/woken-at": "2027-01-15T08:00:00Z"},
                   "resourceVersion": "5"},
      "spec": {"replicas": 1}})"));
  EXPECT_EQ(plan_wake(set, for_ten_each(3, 4), {}, now)["spec"]["replicas"], 3);
  set.replicas = 2;  // Awake already.
  EXPECT_EQ(plan_wake(set, for_ten_each(0, 4), {}, now), Json::parse(R"({
      "metadata": {"annotations": {"rage.dev/wake": null}, "resourceVersion": "5"}})"));
}

TEST(PlanWake, MeasuresTheColdStart) {
  const WallTime woken = WallTime(1'800'000'000s);
  apis::InferenceSet set = a_sleeper(1);
  set.meta.annotations[std::string(kWokenAt)] = render_time(woken);
  EXPECT_TRUE(plan_wake(set, for_ten_each(0, 4), {}, woken + 10s).empty());
  const Json patch = plan_wake(set, for_ten_each(0, 4), woken + 412s, woken + 420s);
  EXPECT_EQ(patch["metadata"]["annotations"], Json::parse(R"({
      "rage.dev/woken-at": null, "rage.dev/cold-start-seconds": "412"})"));
  EXPECT_FALSE(patch.contains("spec"));
  set.replicas = 0;  // Put to sleep before it served.
  EXPECT_EQ(plan_wake(set, for_ten_each(0, 4), {}, woken + 420s)["metadata"]["annotations"],
            Json::parse(R"({"rage.dev/woken-at": null})"));
}

// At zero, whoever looks has to read what to do.
TEST(DescribeSleep, SaysHowToWakeItAndHowLongThatTakes) {
  apis::InferenceSet set = a_sleeper(0);
  EXPECT_THAT(describe_sleep(set.meta),
              HasSubstr("kubectl annotate inferenceset phi -n ml rage.dev/wake=now"));
  EXPECT_THAT(describe_sleep(set.meta), HasSubstr("has not been measured"));
  set.meta.annotations[std::string(kColdStart)] = "412";
  EXPECT_THAT(describe_sleep(set.meta), HasSubstr("the last cold start took 412 s"));
}

}  // namespace
}  // namespace rage::op
