// Requests that wait must neither be forgotten, nor answered twice, nor after they were cancelled.
#include "picker/detail/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "kube/manual_clock_for_test.h"
#include "picker/waiting_for_test.h"

namespace rage::picker::detail {
namespace {

using namespace std::chrono_literals;
using routing::FlowDecision;
using routing::FlowOutcome;
using testing::ElementsAre;

class AdmissionTest : public testing::Test {
 protected:
  void start(routing::FlowControlOptions options = {}) {
    admission_.emplace(routing::make_flow_controller(std::move(options)), clock_,
                       AdmissionHooks{.pool = [this](std::uint32_t pending) {
                         return routing::PoolState{
                             .saturation = (in_flight_ + static_cast<double>(pending)) / capacity_,
                             .has_endpoints = has_endpoints_};
                       }});
  }
  void ask(std::uint64_t id, std::int32_t priority = 0) {
    admission_->enqueue(
        {.id = id, .flow = {.priority = priority}, .bytes = 10, .arrived_at = clock_.now()},
        [this](const FlowDecision& decision, bool) {
          if (decision.outcome == FlowOutcome::kDispatched) ++in_flight_;
          decided_.add(decision);
        });
  }
  void end_one() {
    --in_flight_;
    admission_->wake();
  }
  std::vector<std::uint64_t> ids(std::size_t count) {
    std::vector<std::uint64_t> ids;
    for (const FlowDecision& decision : decided_.wait_for(count)) ids.push_back(decision.id);
    return ids;
  }

  kube::ManualClock clock_;
  std::atomic<int> in_flight_ = 0;
  std::atomic<int> capacity_ = 1;
  std::atomic<bool> has_endpoints_ = true;
  Collected<FlowDecision> decided_;
  std::optional<Admission> admission_;
};

TEST_F(AdmissionTest, WhoNeedNotWaitIsDecidedAtOnce) {
  start();
  ask(1);
  EXPECT_EQ(decided_.size(), 1);
  EXPECT_EQ(admission_->waiting(), 0);
}

TEST_F(AdmissionTest, AnEndMakesRoomForOneAndTheBetterGoesFirst) {
  start();
  ask(1);
  ask(2);
  ask(3, 5);
  EXPECT_EQ(decided_.size(), 1);
  EXPECT_EQ(admission_->waiting(), 2);
  end_one();
  EXPECT_THAT(ids(2), ElementsAre(1, 3));
  end_one();
  EXPECT_THAT(ids(3), ElementsAre(1, 3, 2));
  EXPECT_EQ(in_flight_, 1) << "never more than fit";
}

TEST_F(AdmissionTest, TheDispatcherSleepsUntilSomebodysTimeIsOver) {
  start({.request_ttl = 2s});
  ask(1);
  ask(2);
  clock_.wait_for_sleepers(1);
  EXPECT_EQ(clock_.until_next_wake(), 2s);
  clock_.advance(2s);
  const auto decisions = decided_.wait_for(2);
  ASSERT_EQ(decisions.size(), 2);
  EXPECT_EQ(decisions[1].outcome, FlowOutcome::kEvictedTtl);
  EXPECT_EQ(decisions[1].waited, 2s);
}

TEST_F(AdmissionTest, ACancelledRequestHearsNothing) {
  start();
  ask(1);
  ask(2);
  ask(3);
  EXPECT_TRUE(admission_->cancel(2));
  EXPECT_FALSE(admission_->cancel(2));
  EXPECT_FALSE(admission_->cancel(1)) << "it was decided";
  end_one();
  EXPECT_THAT(ids(2), ElementsAre(1, 3));
  EXPECT_EQ(admission_->waiting(), 0);
}

TEST_F(AdmissionTest, DrainingRefusesThoseWhoWaitAndThoseWhoCome) {
  start();
  ask(1);
  ask(2);
  admission_->drain();
  ask(3);
  const auto decisions = decided_.wait_for(3);
  ASSERT_EQ(decisions.size(), 3);
  EXPECT_EQ(decisions[1].outcome, FlowOutcome::kShuttingDown);
  EXPECT_EQ(decisions[2].outcome, FlowOutcome::kShuttingDown);
}

TEST_F(AdmissionTest, StoppingLeavesNobodyWithoutAnAnswer) {
  start();
  ask(1);
  ask(2);
  ask(3);
  admission_.reset();
  EXPECT_EQ(decided_.size(), 3);
}

// What a user would lose otherwise: a stream that was told twice, or a slot that nobody gives back.
TEST_F(AdmissionTest, ManyThreadsAskCancelAndEnd) {
  capacity_ = 4;
  start();
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::atomic<int> answered = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int> most = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto id = static_cast<std::uint64_t>(t * kEach + i + 1);
        const auto on_decision = [&](const FlowDecision& decision, bool) {
          ++answered;
          if (decision.outcome != FlowOutcome::kDispatched) return;
          const int now = ++in_flight_;
          int seen = most;
          while (now > seen && !most.compare_exchange_weak(seen, now)) {
          }
          --in_flight_;
        };
        admission_->enqueue({.id = id, .flow = {}, .bytes = 1, .arrived_at = clock_.now()},
                            on_decision);
        if (i % 3 == 0 && admission_->cancel(id)) ++cancelled;
        admission_->wake();
      }
    });
  }
  threads.clear();
  admission_.reset();
  EXPECT_EQ(answered + cancelled, kThreads * kEach);
  EXPECT_EQ(in_flight_, 0);
  EXPECT_LE(most, capacity_ + kThreads) << "each thread may overshoot by the one it decides";
}

}  // namespace
}  // namespace rage::picker::detail
