// grpc.health.v1: Check and Watch, under every name: charts ask for "inference-extension", Envoy
// for the service's own name, others for "" or "readiness". "liveness" alone is true while we run.
#pragma once

#include <functional>

#include "rpc/call.h"

namespace rage::extproc::detail {

// `ready` is thread-safe and outlives the calls. Watchers are told of changes at the server's next
// tick, and let go when it drains.
void add_health_methods(const std::function<bool()>& ready, rpc::Methods& methods);

}  // namespace rage::extproc::detail
