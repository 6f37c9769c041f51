#include "routing_study_policy.h"

#include <array>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/files.h"
#include "routing/make_scheduler.h"
#include "routing/picker_config.h"
#include "routing/scheduler.h"

namespace rage::bench {
namespace {

// What llm-d's guide deploys: stick to whoever has the prefix unless that costs too much time, then
// the least tokens in flight.
constexpr std::string_view kOptimized = R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: approx-prefix-cache-producer
- type: inflight-load-producer
- type: prefix-cache-affinity-filter
- type: token-load-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: prefix-cache-affinity-filter
  - pluginRef: token-load-scorer
  - pluginRef: max-score-picker
)";

// Its older mix: whoever has the prefix, is idle, and got the fewest new prefixes so far.
constexpr std::string_view kLlmdDefault = R"(
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: max-score-picker}
)";

class RoundRobin final : public Policy {
 public:
  Choice choose(const std::string&, std::uint64_t, std::span<const routing::Endpoint> endpoints,
                SteadyTime) override {
    return {.endpoint = next_++ % endpoints.size()};
  }

 private:
  std::size_t next_ = 0;
};

class Random final : public Policy {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  Choice choose(const std::string&, std::uint64_t, std::span<const routing::Endpoint> endpoints,
                SteadyTime) override {
    return {.endpoint = random_() % endpoints.size()};
  }

 private:
  std::mt19937_64 random_;
};

// The fewest requests that this router sent there and that have not ended; ties by chance.
class LeastRequests final : public Policy {
 public:
  explicit LeastRequests(std::uint64_t seed) : random_(seed) {}
  Choice choose(const std::string&, std::uint64_t, std::span<const routing::Endpoint> endpoints,
                SteadyTime) override {
    std::size_t best = 0;
    std::size_t ties = 0;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const auto load = endpoints[i].in_flight.requests;
      const auto least = endpoints[best].in_flight.requests;
      if (load > least) continue;
      ties = load < least || ties == 0 ? 1 : ties + 1;
      if (ties == 1 || random_() % ties == 0) best = i;
    }
    return {.endpoint = best};
  }

 private:
  std::mt19937_64 random_;
};

class Rage final : public Policy {
 public:
  explicit Rage(std::unique_ptr<routing::Scheduler> scheduler) : scheduler_(std::move(scheduler)) {}
  Choice choose(const std::string& prompt, std::uint64_t output_tokens,
                std::span<const routing::Endpoint> endpoints, SteadyTime now) override {
    const routing::SchedulingRequest request{.target_model = "model",
                                             .prompts = std::span(&prompt, 1),
                                             .output_tokens_max = output_tokens};
    const auto schedule = scheduler_->schedule(request, endpoints, now);
    CHECK(schedule);  // Nothing here filters everybody out.
    scheduler_->commit(request, endpoints, *schedule, now);
    return {.endpoint = schedule->primary.endpoints.front(),
            .load_tokens = schedule->primary.load_tokens,
            .load_output_tokens = schedule->primary.load_output_tokens};
  }

 private:
  const std::unique_ptr<routing::Scheduler> scheduler_;
};

Result<std::unique_ptr<Policy>> make_rage(std::string_view config_text, std::uint64_t seed) {
  ASSIGN_OR_RETURN(const routing::PickerConfig config, routing::parse_picker_config(config_text));
  ASSIGN_OR_RETURN(auto scheduler, routing::make_scheduler(config, seed));
  return std::make_unique<Rage>(std::move(scheduler));
}

}  // namespace

std::span<const std::string_view> policy_names() {
  static constexpr std::array<std::string_view, 6> kNames = {
      "round-robin", "random", "least-requests", "llm-d-default", "rage-default", "rage-optimized"};
  return kNames;
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::uint64_t seed) {
  if (name == "round-robin") return std::make_unique<RoundRobin>();
  if (name == "random") return std::make_unique<Random>(seed);
  if (name == "least-requests") return std::make_unique<LeastRequests>(seed);
  if (name == "rage-default") return make_rage("", seed);
  if (name == "llm-d-default") return make_rage(kLlmdDefault, seed);
  if (name == "rage-optimized") return make_rage(kOptimized, seed);
  if (name.starts_with("rage:")) {
    ASSIGN_OR_RETURN(const std::string config,
                     read_file(std::string(name.substr(5)), routing::kPickerConfigBytesMax));
    return make_rage(config, seed);
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' is no policy", name);
}

}  // namespace rage::bench
