#include <utility>

#include "picker/detail/refusals.h"

namespace rage::picker::detail {
namespace {

using std::chrono::seconds;

Refusal make(int status, const char* code, std::string message, const char* dropped = "",
             std::optional<seconds> retry_after = std::nullopt) {
  return {.status = status,
          .code_name = code,
          .message = std::move(message),
          .dropped_reason = dropped,
          .retry_after = retry_after};
}

constexpr const char* kExhausted = "ResourceExhausted";
constexpr const char* kUnavailable = "ServiceUnavailable";

}  // namespace

Refusal bad_request(std::string message) {
  return make(400, "BadRequest", std::move(message));
}

Refusal model_missing() {
  return bad_request("model not found in request body");
}

Refusal not_available() {
  return make(412, "PreconditionFailed", "no endpoint has this prompt in its cache");
}

Refusal no_pods() {
  return make(500, "Internal", "no pods available in datastore");
}

Refusal no_candidates() {
  return make(503, kUnavailable, "failed to find endpoint candidates for serving the request",
              "rejected-no-endpoints");
}

Refusal saturated(seconds retry_after) {
  return make(429, kExhausted, "system saturated, request is turned away", "rejected-saturated",
              retry_after);
}

Refusal shutting_down() {
  return make(503, kUnavailable, "the endpoint picker is shutting down", "rejected-shutting-down");
}

Refusal evicted(seconds retry_after) {
  return make(429, kExhausted, "request evicted by flow control", "evicted", retry_after);
}

Refusal internal(std::string message) {
  return make(500, "Internal", std::move(message));
}

Refusal of_schedule(const Error& error, seconds retry_after) {
  if (error.code == ErrorCode::kInvalidArgument) return bad_request(error.message);
  if (error.code == ErrorCode::kUnavailable) return no_candidates();
  const bool filtered = error.code == ErrorCode::kResourceExhausted;
  return make(429, kExhausted,
              filtered ? error.message : "failed to find target endpoint: " + error.message,
              "rejected-saturated",
              error.retry_after ? std::chrono::ceil<seconds>(*error.retry_after) : retry_after);
}

Refusal of_flow(const routing::FlowDecision& decision, bool pool_empty, seconds retry_after) {
  const seconds wait = decision.retry_after.value_or(retry_after);
  switch (decision.outcome) {
    case routing::FlowOutcome::kRejectedCapacity:
      return saturated(wait);
    case routing::FlowOutcome::kRejectedNoEndpoints:
      return make(503, kUnavailable, "no endpoint, and the queue is full", "rejected-no-endpoints",
                  wait);
    case routing::FlowOutcome::kEvictedTtl:
      return pool_empty
                 ? make(503, kUnavailable, "no endpoint came up while the request was queued",
                        "rejected-ttl-expired", wait)
                 : make(429, kExhausted, "the request's time in the queue is over",
                        "rejected-ttl-expired", wait);
    case routing::FlowOutcome::kEvictedCancelled:
      return make(503, kUnavailable, "the client left the queue", "rejected-context-cancelled");
    case routing::FlowOutcome::kShuttingDown:
      return shutting_down();
    case routing::FlowOutcome::kDispatched:
      break;
  }
  return internal("a dispatched request was refused");
}

}  // namespace rage::picker::detail
