// What the status of each object should say. Pure: it compares with the status that was read, keeps
// what other controllers wrote, and keeps the time of what did not change.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gatewayapi/compile.h"
#include "gatewayapi/world.h"

namespace rage::gatewayapi {

// What only whoever binds sockets can know.
struct GatewayFacts {
  std::vector<std::string> addresses;                   // Bound, IPv4 or IPv6 literals.
  std::map<std::string, std::string> failed_listeners;  // By name: why its port is not open.
};

struct StatusOptions {
  std::string controller = "rage.dev/gateway-controller";
  std::string now;                    // RFC 3339: of conditions that change.
  std::vector<std::string> features;  // GatewayClass.status.supportedFeatures; empty: left out.
  std::map<ObjectName, GatewayFacts> facts = {};  // By Gateway; absent: nothing is open yet.
};

// A status to write with PUT or PATCH to the subresource.
struct StatusChange {
  std::string api_version;  // "gateway.networking.k8s.io/v1"
  std::string kind;         // "HTTPRoute"
  std::string plural;       // "httproutes"
  ObjectName object;
  std::string resource_version;  // That was looked at: a newer one has to be looked at again.
  Json status;                   // Whole.
};

// Only those that differ from what was read; running it on what it made gives none.
std::vector<StatusChange> plan_statuses(const World& world, const Compiled& compiled,
                                        const StatusOptions& options);

}  // namespace rage::gatewayapi
