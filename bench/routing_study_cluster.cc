#include "routing_study_cluster.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"

namespace rage::bench {
namespace {

using simulator::EngineEvent;
using simulator::VirtualTime;

constexpr VirtualTime kPause = std::chrono::seconds(1);  // Between two steps of the ladder.

SteadyTime steady(VirtualTime time) {
  return SteadyTime(std::chrono::hours(1)) + time;
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options, Policy& policy, Workload& workload)
    : options_(options), policy_(policy), workload_(workload), scrapes_(options.servers, -1) {
  for (std::uint32_t i = 0; i < options.servers; ++i) {
    engines_.push_back(simulator::Engine::create(options.engine));
    endpoints_.push_back({.name_space = "default",
                          .pod = fmt::format("server-{}", i),
                          .address = fmt::format("10.0.0.{}", i + 1),
                          .port = 8000});
  }
}

StepOutcome Cluster::run(const LadderStep& ladder) {
  StepOutcome step{.began_at = now_};
  step.arrivals_end_at =
      now_ + std::chrono::duration_cast<VirtualTime>(std::chrono::duration<double>(ladder.seconds));
  const std::vector<VirtualTime> arrivals = workload_.arrivals(ladder);
  const std::uint64_t preemptions_before = preemptions();
  std::size_t arrived = 0;
  while (arrived < arrivals.size() || !in_flight_.empty()) {
    // The earliest event: a step of an engine, or else an arrival.
    VirtualTime next = VirtualTime::max();
    std::size_t server = engines_.size();
    if (arrived < arrivals.size()) next = step.began_at + arrivals[arrived];
    for (std::size_t i = 0; i < engines_.size(); ++i) {
      const auto end = engines_[i]->next_step();
      if (!end || *end > next) continue;
      next = *end;
      server = i;
    }
    CHECK(next != VirtualTime::max());
    scrape(next);
    now_ = next;
    if (server < engines_.size()) {
      advance(server, next, step);
    } else {
      arrive(next);
      ++arrived;
    }
  }
  step.ended_at = now_;
  step.preemptions = preemptions() - preemptions_before;
  now_ = std::max(now_, step.arrivals_end_at) + kPause;
  return step;
}

void Cluster::arrive(VirtualTime now) {
  const auto question = workload_.next();
  const std::uint64_t output_tokens = workload_.options().output_tokens;
  const Choice choice = policy_.choose(question->text, output_tokens, endpoints_, steady(now));
  const std::uint64_t id = ++last_id_;
  in_flight_[id] = {.server = choice.endpoint,
                    .outcome = {.arrived_at = now, .prompt_tokens = question->prompt.tokens},
                    .choice = choice};
  auto& load = endpoints_[choice.endpoint].in_flight;
  ++load.requests;
  load.tokens += choice.load_tokens + choice.load_output_tokens;
  engines_[choice.endpoint]->submit({.id = id,
                                     .prompt_blocks = question->prompt.blocks,
                                     .prompt_tokens = question->prompt.tokens,
                                     .output_tokens = output_tokens},
                                    now);
}

void Cluster::advance(std::size_t server, VirtualTime now, StepOutcome& step) {
  for (const EngineEvent& event : engines_[server]->advance(now)) observe(event, step);
}

void Cluster::observe(const EngineEvent& event, StepOutcome& step) {
  CHECK(event.kind != EngineEvent::Kind::kRefused);
  if (event.kind == EngineEvent::Kind::kPreempted) return;
  const VirtualTime half = step.began_at + (step.arrivals_end_at - step.began_at) / 2;
  if (event.at >= half && event.at < step.arrivals_end_at) ++step.late_tokens;
  const bool is_first = event.tokens == 1;
  const bool is_last = event.kind == EngineEvent::Kind::kFinished;
  if (!is_first && !is_last) return;
  const auto found = in_flight_.find(event.id);
  InFlight& request = found->second;
  auto& load = endpoints_[request.server].in_flight;
  if (is_first) {
    request.outcome.first_token_at = event.at;
    load.tokens -= request.choice.load_tokens;
  }
  if (!is_last) return;
  --load.requests;
  load.tokens -= request.choice.load_output_tokens;
  request.outcome.ended_at = event.at;
  request.outcome.output_tokens = event.tokens;
  request.outcome.cached_tokens = event.cached_tokens;
  step.requests.push_back(request.outcome);
  in_flight_.erase(found);
}

// What happened up to the last scrape before `now`; servers are scraped in turn. No step ends
// between that scrape and now, or it would have been the next event.
void Cluster::scrape(VirtualTime now) {
  const VirtualTime stagger = options_.scrape_interval / options_.servers;
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    const std::int64_t due = (now - stagger * i) / options_.scrape_interval;
    if (now < stagger * i || due == scrapes_[i]) continue;
    scrapes_[i] = due;
    const simulator::EngineState state = engines_[i]->state();
    routing::EndpointMetrics& metrics = endpoints_[i].metrics;
    metrics.waiting = state.waiting;
    metrics.running = state.running;
    metrics.kv_usage = state.kv_usage;
    metrics.block_tokens = options_.engine.block_tokens;
    metrics.blocks = options_.engine.blocks;
    metrics.updated_at = steady(stagger * i + due * options_.scrape_interval);
  }
}

std::uint64_t Cluster::preemptions() const {
  std::uint64_t sum = 0;
  for (const auto& engine : engines_) sum += engine->state().preemptions;
  return sum;
}

}  // namespace rage::bench
