// Flow control end to end: who waits is dispatched, expires, is cancelled or makes room, and the
// counters say nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "picker/director_for_test.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;

class DirectorFlowTest : public DirectorTest {
 protected:
  void SetUp() override { begin({}); }

  void begin(routing::FlowControlOptions flow, bool eviction = false) {
    DirectorOptions options;
    options.saturation = routing::ConcurrencyOptions{.requests_max = 1};
    options.flow_control = std::move(flow);
    options.refresh = 1h;
    if (eviction) options.eviction.emplace();
    start("", &options);
    publish(1);
  }
  void publish(std::size_t count) {
    const auto objective = [](std::string name, std::int32_t priority) {
      return routing::InferenceObjective{.name_space = "default",
                                         .name = std::move(name),
                                         .pool = {.group = std::string(routing::kPoolGroup),
                                                  .kind = "InferencePool",
                                                  .name = "pool"},
                                         .priority = priority};
    };
    source_->push(
        {.endpoints = pods(std::vector<Load>(count)),
         .objectives = std::make_shared<const routing::Objectives>(
             std::vector{objective("batch", -1), objective("chat", 1)}, "default", "pool")});
  }

  struct Asked {
    Collected<PickOutcome> outcomes;
    std::unique_ptr<PickTicket> ticket;
  };
  std::unique_ptr<Asked> ask(net::Headers headers = {}) {
    auto asked = std::make_unique<Asked>();
    asked->ticket = director_->pick(
        post(prompt_for("m"), std::move(headers)),
        [raw = asked.get()](PickOutcome outcome) { raw->outcomes.add(std::move(outcome)); });
    return asked;
  }
  static PickOutcome outcome_of(Asked& asked) {
    auto outcomes = asked.outcomes.wait_for(1);
    return outcomes.empty() ? PickOutcome{} : std::move(outcomes.front());
  }
  double waiting(const std::string& priority = "0") const {
    return metric(R"(llm_d_epp_flow_control_queue_size{fairness_id="default-flow",priority=")" +
                  priority + R"(",inference_pool="pool",model_name="m",target_model_name="m"})");
  }
  double left(const std::string& outcome) const {
    return metric(R"(llm_d_epp_flow_control_requests_total{outcome=")" + outcome +
                  R"(",priority="0",inference_pool="pool"})");
  }
};

TEST_F(DirectorFlowTest, WaitsForTheEndOfAnotherRequest) {
  const auto first = ask();
  const PickOutcome picked = outcome_of(*first);
  ASSERT_TRUE(picked.pick);
  const auto second = ask();
  EXPECT_EQ(second->outcomes.size(), 0);
  EXPECT_EQ(waiting(), 1);
  picked.pick->exchange->finish(Completion::kNormal);
  EXPECT_TRUE(outcome_of(*second).pick);
  EXPECT_EQ(waiting(), 0);
  EXPECT_EQ(left("Dispatched"), 2);
}

TEST_F(DirectorFlowTest, AClientThatLeavesTheQueueLeavesNothingBehind) {
  const PickOutcome picked = outcome_of(*ask());
  auto second = ask();
  auto third = ask();
  second->ticket.reset();
  EXPECT_EQ(waiting(), 1);
  third->ticket->cancel();
  EXPECT_EQ(waiting(), 0);
  picked.pick->exchange->finish(Completion::kNormal);
  EXPECT_EQ(second->outcomes.size() + third->outcomes.size(), 0);
  EXPECT_EQ(left("EvictedContextCancelled"), 2);
  EXPECT_TRUE(outcome_of(*ask()).pick) << "the slot is free";
}

TEST_F(DirectorFlowTest, ItsTimeInTheQueueEndsWith429AndRetryAfter) {
  begin({.request_ttl = 5s});
  const PickOutcome picked = outcome_of(*ask());
  const auto second = ask();
  const auto third = ask({{"x-llm-d-inference-ttl", "1s"}});
  clock_.wait_for_sleepers(2);  // The dispatcher and the gauges.
  clock_.advance(1s);
  const PickOutcome impatient = outcome_of(*third);
  ASSERT_TRUE(impatient.refusal);
  EXPECT_EQ(impatient.refusal->status, 429);
  EXPECT_EQ(second->outcomes.size(), 0);
  clock_.wait_for_sleepers(2);
  clock_.advance(4s);
  const PickOutcome expired = outcome_of(*second);
  ASSERT_TRUE(expired.refusal);
  EXPECT_EQ(expired.refusal->status, 429);
  EXPECT_EQ(expired.refusal->dropped_reason, "rejected-ttl-expired");
  EXPECT_TRUE(expired.refusal->retry_after);
  EXPECT_EQ(left("EvictedTTL"), 2);
}

TEST_F(DirectorFlowTest, AFullQueueIsA429WithRetryAfter) {
  begin({.default_band = {.requests_max = 1}});
  const PickOutcome picked = outcome_of(*ask());
  const auto waits = ask();
  const PickOutcome refused = outcome_of(*ask());
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.refusal->status, 429);
  EXPECT_EQ(refused.refusal->dropped_reason, "rejected-saturated");
  EXPECT_TRUE(refused.refusal->retry_after);
}

// Scale from zero: the request is held until a pod is there.
TEST_F(DirectorFlowTest, AnEmptyPoolIsWaitedForAndItsTimeEndsWith503) {
  begin({.request_ttl = 5s});
  publish(0);
  const auto first = ask();
  EXPECT_EQ(first->outcomes.size(), 0);
  publish(1);
  EXPECT_TRUE(outcome_of(*first).pick);
  publish(0);
  const auto second = ask();
  clock_.wait_for_sleepers(2);
  clock_.advance(5s);
  const PickOutcome expired = outcome_of(*second);
  ASSERT_TRUE(expired.refusal);
  EXPECT_EQ(expired.refusal->status, 503);
  EXPECT_EQ(expired.refusal->dropped_reason, "rejected-ttl-expired");
}

TEST_F(DirectorFlowTest, DrainingRefusesTheQueueAndLeavesWhatIsInFlight) {
  const PickOutcome picked = outcome_of(*ask());
  const auto second = ask();
  director_->begin_drain();
  const PickOutcome refused = outcome_of(*second);
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.refusal->status, 503);
  EXPECT_EQ(refused.refusal->dropped_reason, "rejected-shutting-down");
  EXPECT_EQ(picked.pick->exchange->on_response_body("x", true), "x");
}

TEST_F(DirectorFlowTest, ABetterRequestEvictsASheddableOne) {
  begin({}, true);
  const net::Headers batch = {{"x-llm-d-inference-objective", "batch"}};
  const net::Headers chat = {{"x-llm-d-inference-objective", "chat"}};
  const PickOutcome running = outcome_of(*ask(batch));
  ASSERT_TRUE(running.pick);
  Collected<Refusal> evictions;
  running.pick->exchange->on_eviction([&](Refusal refusal) { evictions.add(std::move(refusal)); });
  const auto better = ask(chat);
  const auto told = evictions.wait_for(1);
  ASSERT_EQ(told.size(), 1);
  EXPECT_EQ(told[0].status, 429);
  EXPECT_EQ(told[0].message, "request evicted by flow control");
  EXPECT_EQ(told[0].dropped_reason, "evicted");
  running.pick->exchange->finish(Completion::kEvicted);
  EXPECT_TRUE(outcome_of(*better).pick);
  EXPECT_EQ(evictions.size(), 1);
}

TEST_F(DirectorFlowTest, DestroyingTheDirectorAnswersEverybody) {
  const PickOutcome picked = outcome_of(*ask());
  const auto second = ask();
  director_.reset();
  EXPECT_EQ(second->outcomes.size(), 1);
  picked.pick->exchange->finish(Completion::kNormal);
}

}  // namespace
}  // namespace rage::picker
