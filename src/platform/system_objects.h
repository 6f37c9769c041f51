// What the platform itself runs as objects of its own API, so that the node supervises it as
// anything else and `kubectl get pods -n rage-system` shows it. Pure.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"

namespace rage::platform {

using codec::Json;

inline constexpr const char* kSystemNamespace = "rage-system";
inline constexpr const char* kFieldManager = "rage-up";
inline constexpr const char* kGatewayController = "rage.dev/gateway";

struct SystemSettings {
  std::string image = "rage.dev/rage:local";  // The node knows it as this very program.
  // Listeners on ports below 1024 may not be opened: they are moved up by this much. 0: they may.
  int low_port_offset = 0;
};

// Namespace, GatewayClasses `rage` and `istio` (what the talk's manifests name), the operator.
std::vector<Json> system_objects(const SystemSettings& settings);

// The Deployment and the Service of a Gateway whose class is ours, named "<gateway>-<class>" as
// Istio's are, owned by it; empty for others.
std::vector<Json> gateway_objects(const SystemSettings& settings, const Json& gateway,
                                  const std::vector<Json>& classes);

}  // namespace rage::platform
