// Who may use a route: API keys and rates. Pure but for the bucket.
#pragma once

#include <optional>

#include "base/clock.h"
#include "gateway/detail/local_reply.h"
#include "gateway/detail/message.h"
#include "gateway/snapshot.h"

namespace rage::gateway::detail {

// None: welcome; a key that was checked is taken out of `headers`, for it is not the backend's
// business. Keys come as "authorization: Bearer KEY" or "x-api-key: KEY".
std::optional<LocalReply> check_admission(const RoutePolicy& policy, HeaderBlock& headers,
                                          SteadyTime now);

}  // namespace rage::gateway::detail
