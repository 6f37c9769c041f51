// Short ways to make endpoints and schedulers, and to see what a scheduler thinks of whom.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "routing/make_scheduler.h"

namespace rage::routing {

inline constexpr SteadyTime kTestNow{std::chrono::hours(1000)};

struct Load {
  double waiting = 0;
  double kv_usage = 0;
};

inline Endpoint an_endpoint(std::string pod, Load load = {}) {
  Endpoint endpoint{.name_space = "default", .pod = std::move(pod), .address = "", .port = 8000};
  endpoint.address = "10.0.0." + endpoint.pod;
  endpoint.metrics.waiting = load.waiting;
  endpoint.metrics.kv_usage = load.kv_usage;
  endpoint.metrics.updated_at = kTestNow;
  return endpoint;
}

// Pods "1", "2", ... with addresses 10.0.0.1, 10.0.0.2, ...
inline std::vector<Endpoint> endpoints_with(const std::vector<Load>& loads) {
  std::vector<Endpoint> endpoints;
  for (const Load& load : loads) {
    endpoints.push_back(an_endpoint(std::to_string(endpoints.size() + 1), load));
  }
  return endpoints;
}

inline std::string config_of(std::string_view plugins, std::string_view rest = "") {
  return "apiVersion: llm-d.ai/v1\nkind: EndpointPickerConfig\nplugins:\n" + std::string(plugins) +
         std::string(rest);
}

inline std::unique_ptr<Scheduler> scheduler_of(std::string_view config_text,
                                               std::uint64_t seed = 1) {
  Result<PickerConfig> config = parse_picker_config(config_text);
  if (!config) ADD_FAILURE() << config.error().message;
  Result<std::unique_ptr<Scheduler>> scheduler =
      make_scheduler(config.value_or(PickerConfig{}), seed);
  if (!scheduler) ADD_FAILURE() << scheduler.error().message;
  CHECK(scheduler.has_value());
  return *std::move(scheduler);
}

// One request with what it owns.
struct TestRequest {
  std::string model = "llama";
  std::vector<std::string> prompts = {};
  std::map<std::string, std::string, std::less<>> headers = {};
  bool multimodal = false;
  std::optional<std::uint64_t> output_tokens_max = {};

  SchedulingRequest view() const {
    return {.target_model = model,
            .prompts = prompts,
            .output_tokens_max = output_tokens_max,
            .multimodal = multimodal,
            .header = [this](std::string_view name) -> std::string_view {
              const auto at = headers.find(name);
              return at == headers.end() ? std::string_view{} : std::string_view(at->second);
            }};
  }
};

inline Schedule schedule_or_fail(Scheduler& scheduler, const TestRequest& request,
                                 std::span<const Endpoint> endpoints, SteadyTime now = kTestNow) {
  Result<Schedule> schedule = scheduler.schedule(request.view(), endpoints, now);
  if (schedule) return *std::move(schedule);
  ADD_FAILURE() << schedule.error().message;
  Schedule nothing;
  nothing.primary.endpoints = {0};
  return nothing;
}

// Schedules and sends: the pod that got it.
inline std::string send(Scheduler& scheduler, const TestRequest& request,
                        std::span<const Endpoint> endpoints, SteadyTime now = kTestNow) {
  const Schedule schedule = schedule_or_fail(scheduler, request, endpoints, now);
  scheduler.commit(request.view(), endpoints, schedule, now);
  return endpoints[schedule.primary.endpoints.front()].pod;
}

// Teaches the scheduler that this endpoint got the request.
inline void send_to(Scheduler& scheduler, const TestRequest& request, const Endpoint& endpoint) {
  send(scheduler, request, std::span(&endpoint, 1));
}

// Pods to scores. The profile needs a picker with maxNumOfEndpoints.
inline std::map<std::string, double> scores_of(Scheduler& scheduler, const TestRequest& request,
                                               std::span<const Endpoint> endpoints) {
  const Schedule schedule = schedule_or_fail(scheduler, request, endpoints);
  std::map<std::string, double> scores;
  for (std::size_t i = 0; i < schedule.primary.scores.size(); ++i) {
    scores[endpoints[schedule.primary.endpoints[i]].pod] = schedule.primary.scores[i];
  }
  return scores;
}

}  // namespace rage::routing
