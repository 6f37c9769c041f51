// The scheduler: profiles of filters, scorers and a picker, run as a handler says.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "routing/detail/plugin.h"
#include "routing/prefix_source.h"
#include "routing/scheduler.h"

namespace rage::routing::detail {

struct WeightedScorer {
  ScoreFunction score;
  double weight = 1;
};

struct Profile {
  std::string name;
  std::vector<FilterFunction> filters;
  std::vector<WeightedScorer> scorers;
  PickFunction pick;
};

// Of inflight-load-producer: what a request is expected to generate counts as load too.
struct OutputEstimate {
  double ratio = 1.5;  // Of the prompt's tokens.
  std::optional<std::uint64_t> tokens_max = {};
};

struct NamedLearner {
  std::string name;
  std::shared_ptr<Learner> learner;
};

struct SchedulerParts {
  std::vector<Profile> profiles;
  HandlerFunction handler;
  std::unique_ptr<PrefixSource> prefix_source;  // Null: nobody wants to know.
  std::vector<NamedLearner> learners;
  std::optional<OutputEstimate> output_estimate;
  std::uint64_t random_seed = 0;
};

// Resource. Thread-safe.
class ProfileScheduler final : public Scheduler {
 public:
  explicit ProfileScheduler(SchedulerParts parts) : parts_(std::move(parts)) {}
  Result<Schedule> schedule(const SchedulingRequest& request, std::span<const Endpoint> candidates,
                            SteadyTime now) override;
  void commit(const SchedulingRequest& request, std::span<const Endpoint> candidates,
              const Schedule& schedule, SteadyTime now) override;
  void retain(std::span<const Endpoint> endpoints) override;
  std::string debug_state() const override;

 private:
  std::optional<ProfileResult> run(Cycle& cycle, std::string_view name) const;
  void complete(Cycle& cycle, Schedule& schedule) const;

  const SchedulerParts parts_;
  std::atomic<std::uint64_t> decisions_ = 0;
};

}  // namespace rage::routing::detail
