#include "kube/leader_election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/mutex.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;

const ObjectKey kLease{.ns = "kaito", .name = "ef60f9b0.io"};

const ResourceType& lease_type() {
  return apis::builtin_type("Lease");
}

Json lease_held_by(std::string_view holder,
                   std::string_view renewed = "2026-01-01T00:00:00.000000Z") {
  return {{"metadata", {{"name", kLease.name}, {"namespace", kLease.ns}}},
          {"spec",
           {{"holderIdentity", holder},
            {"leaseDurationSeconds", 15},
            {"renewTime", renewed},
            {"leaseTransitions", 4}}}};
}

// One process that wants to lead.
class Candidate {
 public:
  Candidate(KubeClient& client, Clock& clock, std::string identity)
      : election_(client, clock, {.lease = kLease, .identity = std::move(identity)}) {
    election_.start([this] { set("leading"); }, [this] { set("stopped"); });
  }
  LeaderElection& election() { return election_; }
  void wait_for(std::string_view state) {
    MutexLock lock(mutex_);
    while (state_ != state) changed_.wait(mutex_);
  }
  std::string state() {
    MutexLock lock(mutex_);
    return state_;
  }

 private:
  void set(std::string state) {
    MutexLock lock(mutex_);
    state_ = std::move(state);
    changed_.notify_all();
  }

  Mutex mutex_;
  CondVar changed_;
  std::string state_ GUARDED_BY(mutex_) = "waiting";
  LeaderElection election_;  // Last: it calls back until it is gone.
};

std::string holder(const FakeKubeClient& client) {
  return codec::string_or(client.peek(lease_type(), kLease)["spec"], "holderIdentity", "");
}

// Without names of their own two replicas would both take a lease that was given up as theirs.
TEST(LeaderElection, EveryCandidateHasItsOwnName) {
  const LeaderElectionOptions one;
  const LeaderElectionOptions other;
  EXPECT_GT(one.identity.find('_'), 0U);
  EXPECT_NE(one.identity, other.identity);
}

TEST(LeaderElection, CreatesTheLeaseRenewsItAndGivesItUp) {
  FakeKubeClient client;
  ManualClock clock;
  Candidate candidate(client, clock, "pod-a");
  candidate.wait_for("leading");
  EXPECT_TRUE(candidate.election().leading());
  const Json first = client.peek(lease_type(), kLease)["spec"];
  EXPECT_EQ(first["holderIdentity"], "pod-a");
  EXPECT_EQ(first["leaseDurationSeconds"], 15);
  EXPECT_EQ(first["acquireTime"], "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(first["leaseTransitions"], 0);
  for (int i = 0; i < 20; ++i) {  // Far past every deadline.
    clock.wait_for_sleepers(1);
    clock.advance(2s);
  }
  clock.wait_for_sleepers(1);
  EXPECT_TRUE(candidate.election().leading());
  candidate.election().stop();
  EXPECT_EQ(candidate.state(), "stopped");
  EXPECT_FALSE(candidate.election().leading());
  const Json last = client.peek(lease_type(), kLease)["spec"];
  EXPECT_EQ(last["holderIdentity"], "");
  EXPECT_EQ(last["leaseDurationSeconds"], 1);
  candidate.election().stop();
}

// Two leaders would create every object twice.
TEST(LeaderElection, LetsOneLeadAndTheNextTakeOverAtOnceWhenItStops) {
  FakeKubeClient client;
  ManualClock clock;
  Candidate first(client, clock, "pod-a");
  first.wait_for("leading");
  Candidate second(client, clock, "pod-b");
  for (int i = 0; i < 30; ++i) {
    clock.wait_for_sleepers(2);
    clock.advance(1s);
  }
  clock.wait_for_sleepers(2);
  EXPECT_TRUE(first.election().leading());
  EXPECT_EQ(second.state(), "waiting");
  first.election().stop();
  clock.wait_for_sleepers(1);
  clock.advance(3s);
  second.wait_for("leading");
  EXPECT_EQ(holder(client), "pod-b");
  EXPECT_EQ(client.peek(lease_type(), kLease)["spec"]["leaseTransitions"], 1);
}

// A holder whose clock is an hour behind writes times that look long expired.
TEST(LeaderElection, TrustsItsOwnClockAndNotTheRecords) {
  FakeKubeClient client;
  ManualClock clock;
  client.seed(lease_type(), lease_held_by("skewed", "2025-12-31T23:00:00.000000Z"));
  Candidate candidate(client, clock, "pod-a");
  for (int i = 0; i < 14; ++i) {
    clock.wait_for_sleepers(1);
    EXPECT_EQ(candidate.state(), "waiting");
    clock.advance(1s);
  }
  // It renews in time: everything starts from here.
  Json lease = client.peek(lease_type(), kLease);
  lease["spec"]["renewTime"] = "2025-12-31T23:00:14.000000Z";
  ASSERT_TRUE(client.update({}, lease_type(), lease));
  for (int i = 0; i < 14; ++i) {
    clock.wait_for_sleepers(1);
    EXPECT_EQ(candidate.state(), "waiting");
    clock.advance(1s);
  }
  for (int i = 0; i < 6; ++i) {
    clock.advance(1s);
    clock.wait_for_sleepers(1);
  }
  EXPECT_EQ(candidate.state(), "leading");
  EXPECT_EQ(holder(client), "pod-a");
  EXPECT_EQ(client.peek(lease_type(), kLease)["spec"]["leaseTransitions"], 5);
}

// A leader cut off from the API server must stop before anybody else may start.
TEST(LeaderElection, StopsLeadingWhenItCannotRenewForTheDeadline) {
  FakeKubeClient client;
  ManualClock clock;
  Candidate candidate(client, clock, "pod-a");
  candidate.wait_for("leading");
  client.intercept(
      [](const auto&) -> Result<void> { return fail(ErrorCode::kUnavailable, "cut off"); });
  std::chrono::milliseconds passed{0};
  while (passed < 10s) {
    clock.wait_for_sleepers(1);
    EXPECT_EQ(candidate.state(), "leading");
    clock.advance(1s);
    passed += 1s;
  }
  EXPECT_FALSE(candidate.election().leading());
  candidate.wait_for("stopped");
  EXPECT_EQ(passed, 10s);
  client.intercept({});
  EXPECT_EQ(holder(client), "pod-a");  // It is not given up: what we began may not have ended.
}

TEST(LeaderElection, SurvivesShortFailuresConflictsAndADeletedLease) {
  FakeKubeClient client;
  ManualClock clock;
  Candidate candidate(client, clock, "pod-a");
  candidate.wait_for("leading");
  std::atomic<int> calls = 0;
  client.intercept([&](const FakeKubeClient::Call& call) -> Result<void> {
    ++calls;
    if (call.verb == "update" && calls % 3 != 0) {
      return fail(FakeKubeClient::conflict(lease_type(), kLease));
    }
    return {};
  });
  for (int i = 0; i < 10; ++i) {
    clock.wait_for_sleepers(1);
    clock.advance(2s);
  }
  clock.wait_for_sleepers(1);
  client.intercept({});
  ASSERT_TRUE(client.remove({}, lease_type(), kLease));
  clock.advance(2s);
  clock.wait_for_sleepers(1);
  EXPECT_TRUE(candidate.election().leading());
  candidate.election().stop();
  EXPECT_EQ(holder(client), "");
}

TEST(LeaderElection, StopsAtOnceWhenAnotherHoldsTheLease) {
  FakeKubeClient client;
  ManualClock clock;
  Candidate candidate(client, clock, "pod-a");
  candidate.wait_for("leading");
  clock.wait_for_sleepers(1);
  Json lease = client.peek(lease_type(), kLease);
  lease["spec"]["holderIdentity"] = "pod-b";
  ASSERT_TRUE(client.update({}, lease_type(), lease));
  clock.advance(2s);
  candidate.wait_for("stopped");
  candidate.election().stop();
  EXPECT_EQ(holder(client), "pod-b");
}

// The answer to our write was lost: without a look, the lease would stay ours and nobody lead.
TEST(LeaderElection, GivesUpALeaseItTookWithoutKnowing) {
  FakeKubeClient client;
  ManualClock clock;
  client.seed(lease_type(), lease_held_by(""));
  client.intercept([&](const FakeKubeClient::Call& call) -> Result<void> {
    if (call.verb != "update") return {};
    client.intercept({});
    client.seed(lease_type(), lease_held_by("pod-a"));
    return fail(ErrorCode::kDeadlineExceeded, "no answer");
  });
  Candidate candidate(client, clock, "pod-a");
  clock.wait_for_sleepers(1);
  candidate.election().stop();
  EXPECT_EQ(candidate.state(), "waiting");
  EXPECT_EQ(holder(client), "");
}

// A damaged record must neither crash us nor keep everybody out for ever.
TEST(LeaderElection, TakesADamagedLeaseAfterItsOwnDuration) {
  for (Json spec : {Json(3), Json{{"holderIdentity", "x"}, {"leaseDurationSeconds", 1e300}},
                    Json{{"holderIdentity", "x"}, {"leaseTransitions", "many"}}}) {
    FakeKubeClient client;
    ManualClock clock;
    client.seed(lease_type(), {{"metadata", {{"name", kLease.name}, {"namespace", kLease.ns}}},
                               {"spec", std::move(spec)}});
    Candidate candidate(client, clock, "pod-a");
    for (int i = 0; i < 20; ++i) {
      clock.wait_for_sleepers(1);
      clock.advance(1s);
    }
    clock.wait_for_sleepers(1);
    EXPECT_EQ(candidate.state(), "leading");
    EXPECT_EQ(holder(client), "pod-a");
  }
}

}  // namespace
}  // namespace rage::kube
