// A gateway that is configured by a Kubernetes cluster: informers of every kind it looks at, and
// the status of what it serves.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "gatewayapi/compile.h"
#include "gatewayapi/status.h"
#include "gatewayapi/world.h"
#include "kube/client.h"

namespace rage::gateway {

struct ClusterSourceOptions {
  std::string name_space = {};           // Watched alone; empty: all.
  std::chrono::milliseconds settle{50};  // After a change, for others that belong to it.
  // Kinds whose CRD is missing are looked for again so often.
  std::chrono::milliseconds crd_check{30'000};
};

// Resource. Owns its threads from start() on. Client and clock outlive it.
class ClusterSource {
 public:
  static std::unique_ptr<ClusterSource> create(kube::KubeClient& client, Clock& clock,
                                               ClusterSourceOptions options);
  virtual ~ClusterSource() = default;  // `changed` is not called any more.
  // Returns once all there is has been read. kFailedPrecondition: the Gateway API's CRDs are
  // missing. Before this returns, and then with each change, `changed` gets the world, on one
  // thread at a time.
  virtual Result<void> start(const Context& context,
                             std::function<void(const gatewayapi::World&)> changed) = 0;
};

// Writes each change; conflicts are left to the next time, others' failures logged. How many were
// written.
std::size_t write_statuses(kube::KubeClient& client,
                           const std::vector<gatewayapi::StatusChange>& changes);

}  // namespace rage::gateway
