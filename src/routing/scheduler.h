// Picks endpoints for a request: profiles of filters, scorers and a picker, as an
// EndpointPickerConfig names them (llm-d router).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "routing/endpoint.h"

namespace rage::routing {

// What schedulers need to know of a request. Views live as long as the call.
struct SchedulingRequest {
  std::string target_model;  // After rewriting: what the body says when it is forwarded.
  std::string_view cache_salt = {};
  // One entry a prompt: bytes (4 count as one token) or real token ids; at most one is filled.
  std::span<const std::string> prompts = {};
  std::span<const std::vector<std::uint32_t>> token_prompts = {};
  std::optional<std::uint64_t> output_tokens_max = {};
  bool multimodal = false;
  std::int32_t priority = 0;
  // Lower-case names. The value of a header, empty if absent.
  std::function<std::string_view(std::string_view name)> header = {};
};

struct ProfileResult {
  std::string profile;
  std::vector<std::size_t> endpoints = {};  // Indexes into the candidates; best first, not empty.
  std::vector<double> scores = {};          // Of `endpoints`.
  // False: endpoints[0] encodes media, or is a door to a rank of `others`.
  bool computes_prompt = true;
  // For InFlight::tokens of endpoints[0]: what of the prompt it has to compute, until the first
  // chunk of the response ...
  std::uint64_t load_tokens = 0;
  // ... and what it is expected to generate, until the request ends. 0 unless configured.
  std::uint64_t load_output_tokens = 0;
};

// What schedule() worked out for commit(). Opaque.
struct ScheduleMemo;

struct Schedule {
  ProfileResult primary;
  std::vector<ProfileResult> others;  // "prefill", "encode": those that ran.
  // To the model server: x-prefiller-host-port, x-session-token (on the response), ...
  std::vector<std::pair<std::string, std::string>> request_headers;
  std::vector<std::pair<std::string, std::string>> response_headers;
  std::uint64_t prompt_tokens = 0;    // Estimated or counted.
  std::uint64_t uncached_tokens = 0;  // Of them, on the primary endpoint.
  std::uint64_t matched_blocks = 0;   // On the primary endpoint.
  bool token_based_release = true;
  std::shared_ptr<const ScheduleMemo> memo = {};
};

// Resource. Thread-safe; decisions run in parallel. Owns the learned state: prefix index, sessions.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // kUnavailable: there are no candidates (503, rejected-no-endpoints);
  // kResourceExhausted: filters removed every candidate (429, rejected-saturated);
  // kInvalidArgument: the request asks for what is not configured (an unknown EPP-Profile).
  virtual Result<Schedule> schedule(const SchedulingRequest& request,
                                    std::span<const Endpoint> candidates, SteadyTime now) = 0;
  // The request was sent where `schedule` says: teaches prefix index and sessions. Schedules that
  // are not committed leave no trace.
  virtual void commit(const SchedulingRequest& request, std::span<const Endpoint> candidates,
                      const Schedule& schedule, SteadyTime now) = 0;
  // Drops what was learned about endpoints that are not in this list. At most once a second or so.
  virtual void retain(std::span<const Endpoint> endpoints) = 0;
  // JSON for /debug/plugins/state.
  virtual std::string debug_state() const = 0;
};

}  // namespace rage::routing
