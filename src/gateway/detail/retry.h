// Whether a request that failed is tried again. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/detail/streams.h"
#include "gatewayapi/route_table.h"

namespace rage::gateway::detail {

// Nothing of the reply has left for the client yet.
struct FailedAttempt {
  enum class What { kConnection, kStatus, kTimeout };
  What what = What::kConnection;
  UpstreamFailure::Kind failure = UpstreamFailure::Kind::kConnect;  // kConnection
  bool reused = false;                                              // kConnection
  bool unsent = false;                                              // kConnection
  int status = 0;                                                   // kStatus
};

struct RetryState {
  std::uint32_t retries = 0;  // So far, stale connections not counted.
  bool stale_retried = false;
  bool replayable = true;   // The whole body that was read is still here.
  bool idempotent = false;  // RFC 9110 9.2.2
  bool pool = false;        // An InferencePool: what fails at one model server is tried at another.
  std::size_t others = 0;   // Endpoints not yet tried.
  std::size_t unnamed = 0;  // A pool's endpoints that its picker has not named yet.
};

enum class Again {
  kNo,
  kSame,   // On a connection that is fresh for sure.
  kOther,  // At the next endpoint, or at the same if there is no other.
  kPick,   // Where the picker says, among those that it has not named yet.
};

struct RetryDecision {
  Again again = Again::kNo;
  std::chrono::milliseconds delay{0};
};

RetryDecision plan_retry(const FailedAttempt& attempt, const RetryState& state,
                         const std::optional<gatewayapi::Retry>& policy);

bool is_idempotent(std::string_view method);

}  // namespace rage::gateway::detail
