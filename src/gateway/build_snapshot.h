// From Gateway API objects to what the gateway runs. Pure but for asking for pickers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/snapshot.h"
#include "gatewayapi/compile.h"
#include "gatewayapi/world.h"
#include "routing/endpoint.h"

namespace rage::gateway {

// Annotations of an HTTPRoute. Keys: SHA-256 in hex, separated by commas or white space.
inline constexpr std::string_view kApiKeysAnnotation = "rage.dev/api-key-sha256";
inline constexpr std::string_view kRateAnnotation = "rage.dev/requests-per-minute";
inline constexpr std::string_view kBurstAnnotation = "rage.dev/request-burst";
// Of an InferencePool, instead of pods: "ip:port", separated likewise.
inline constexpr std::string_view kEndpointsAnnotation = "rage.dev/endpoints";

// Who makes pickers, and keeps them while their pools last.
class PickerProvider {
 public:
  virtual ~PickerProvider() = default;
  // Null: there is none, and requests for the pool fail, or fail open.
  virtual std::shared_ptr<picker::EndpointPicker> picker_of(
      const gatewayapi::World& world, const gatewayapi::ObjectName& pool,
      const gatewayapi::CompiledPool& compiled,
      const std::vector<routing::Endpoint>& endpoints) = 0;
};

struct BuildOptions {
  std::string address = "0.0.0.0";  // Of Gateways that ask for none.
  // Listeners on ports below 1024 listen on a port that much higher, where they may not be opened.
  std::uint16_t low_port_offset = 0;
};

struct BuiltSnapshot {
  Snapshot snapshot;
  std::vector<std::string> problems;  // What an annotation says that cannot be used.
};

// `previous`, if given: whose rate limits go on where they have not changed.
BuiltSnapshot build_snapshot(const gatewayapi::World& world, const gatewayapi::Compiled& compiled,
                             PickerProvider& pickers, const BuildOptions& options,
                             const Snapshot* previous);

// Ready endpoints of a pool: its pods', or those its annotation names.
std::vector<routing::Endpoint> endpoints_of_pool(const gatewayapi::World& world,
                                                 const gatewayapi::ObjectName& pool);

}  // namespace rage::gateway
