// Gives each Gateway of a class of ours a Deployment of `rage gateway` and a Service, as a cloud's
// controller does.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/context.h"
#include "kube/client.h"
#include "obs/metrics.h"
#include "platform/system_objects.h"

namespace rage::platform {

// Resource. Thread-safe. All that is given outlives it.
class GatewayKeeper final {
 public:
  GatewayKeeper(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
                SystemSettings settings);
  ~GatewayKeeper();
  GatewayKeeper(const GatewayKeeper&) = delete;
  GatewayKeeper& operator=(const GatewayKeeper&) = delete;

  // Once; the CRDs are there. Fails if the first lists do not come within `context`.
  Result<void> start(const Context& context);
  void drain(std::chrono::milliseconds limit);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::platform
