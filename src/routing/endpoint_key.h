// One number for an endpoint: what learned state is kept under.
#pragma once

#include <cstdint>

#include "routing/endpoint.h"

namespace rage::routing {

// Of namespace, pod, rank, address and port: a pod that comes back elsewhere has an empty cache.
// Never 0.
std::uint64_t endpoint_key(const Endpoint& endpoint);

}  // namespace rage::routing
