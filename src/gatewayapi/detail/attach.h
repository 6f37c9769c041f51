// Which listeners are valid, and which routes attach to which of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gatewayapi/compile.h"
#include "gatewayapi/world.h"

namespace rage::gatewayapi::detail {

// One Gateway of ours while it is compiled. Borrows the world.
struct GatewayPlan {
  const Gateway* gateway = nullptr;
  GatewayState state;                                 // Listeners in the order of the Gateway's.
  std::vector<std::vector<ObjectName>> certificates;  // Of each listener.
  std::vector<std::vector<RoutedRoute>> routes;       // Likewise.
};

GatewayPlan plan_gateway(const World& world, const Gateway& gateway);

// Routes that came before, by listener: HTTPRoutes and GRPCRoutes must not share hostnames.
struct Claim {
  Route::Kind kind;
  std::vector<std::string> hostnames;  // Empty: all.
};
using Claims = std::vector<std::vector<Claim>>;  // Of each listener.

// Where a route attaches by one parent reference.
struct Attachment {
  std::optional<Problem> problem;
  struct To {
    std::size_t listener = 0;            // Its index.
    std::vector<std::string> hostnames;  // Of the route, that the listener can see.
  };
  std::vector<To> listeners;
};
Attachment attach(const World& world, const GatewayPlan& plan, const Route& route,
                  const ParentRef& parent, const Claims& claims);

}  // namespace rage::gatewayapi::detail
