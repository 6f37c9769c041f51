// All objects that a gateway looks at, whoever brought them: informers of a cluster or files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gatewayapi/objects.h"

namespace rage::gatewayapi {

template <class T>
using ByName = std::map<ObjectName, T>;

// Value. Cluster-scoped objects have an empty namespace.
struct World {
  ByName<GatewayClass> classes;
  ByName<Gateway> gateways;
  ByName<Route> http_routes;
  ByName<Route> grpc_routes;
  ByName<ReferenceGrant> grants;
  ByName<Service> services;
  ByName<EndpointSlice> endpoint_slices;
  ByName<Meta> namespaces;
  ByName<TlsSecret> secrets;
  ByName<InferencePool> pools;
  // Read by others; kept as they are.
  ByName<Json> pods;
  ByName<Json> objectives;
  ByName<Json> model_rewrites;
  std::vector<Json> picker_configs;  // EndpointPickerConfig: a file without a name.
};

// Adds an object or replaces the one of its kind and name. False: a kind that no gateway looks at.
// kInvalidArgument: it has no name, or is no object. Versions do not matter: v1beta1 of a kind
// reads as v1.
Result<bool> put_object(World& world, const Json& document);
// By the document's kind and name.
void remove_object(World& world, const Json& document);

// Where a Service's port is served, as "ip:port", without duplicates; only ready endpoints. Empty:
// none, or no such port.
std::vector<std::string> ready_endpoints(const World& world, const ObjectName& service,
                                         std::uint16_t port);

}  // namespace rage::gatewayapi
