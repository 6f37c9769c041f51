// A router and its model servers in virtual time: events in order, metrics as old as a scraper has
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "routing/endpoint.h"
#include "routing_study_policy.h"
#include "routing_study_workload.h"
#include "simulator/engine.h"

namespace rage::bench {

struct ClusterOptions {
  std::uint32_t servers = 8;
  simulator::EngineOptions engine;
  simulator::VirtualTime scrape_interval{std::chrono::milliseconds(50)};
};

// One request that ended. Times are since the study began.
struct Outcome {
  simulator::VirtualTime arrived_at{0};
  simulator::VirtualTime first_token_at{0};
  simulator::VirtualTime ended_at{0};
  std::uint64_t output_tokens = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t cached_tokens = 0;
};

struct StepOutcome {
  simulator::VirtualTime began_at{0};
  simulator::VirtualTime arrivals_end_at{0};
  simulator::VirtualTime ended_at{0};
  std::vector<Outcome> requests;
  // In the second half of the arrivals: the pace that can be kept up, if they last long enough.
  std::uint64_t late_tokens = 0;
  std::uint64_t preemptions = 0;
};

// Resource. One thread. Keeps its caches from one step to the next.
class Cluster final {
 public:
  Cluster(const ClusterOptions& options, Policy& policy, Workload& workload);

  // All arrivals of the step, and until the last request has ended.
  StepOutcome run(const LadderStep& step);

 private:
  struct InFlight {
    std::size_t server = 0;
    Outcome outcome;
    Choice choice;
  };

  void arrive(simulator::VirtualTime now);
  void advance(std::size_t server, simulator::VirtualTime now, StepOutcome& step);
  void observe(const simulator::EngineEvent& event, StepOutcome& step);
  void scrape(simulator::VirtualTime now);
  std::uint64_t preemptions() const;

  const ClusterOptions options_;
  Policy& policy_;
  Workload& workload_;
  std::vector<std::unique_ptr<simulator::Engine>> engines_;
  std::vector<routing::Endpoint> endpoints_;
  std::vector<std::int64_t> scrapes_;  // Of each server, so far.
  std::unordered_map<std::uint64_t, InFlight> in_flight_;
  std::uint64_t last_id_ = 0;
  simulator::VirtualTime now_{0};
};

}  // namespace rage::bench
