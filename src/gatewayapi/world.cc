#include "gatewayapi/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace rage::gatewayapi {
namespace {

// How objects of one kind come into a World and leave it.
struct Kind {
  std::string_view group;
  std::string_view kind;
  std::function<Result<void>(World&, const Json&)> put;
  std::function<void(World&, const ObjectName&)> remove;
};

template <class T>
Kind parsed(std::string_view group, std::string_view kind, ByName<T> World::* objects,
            Result<T> (*parse)(const Json&)) {
  const auto name_of = [](const T& object) -> const ObjectName& {
    if constexpr (std::is_same_v<T, Meta>) {
      return object.name;
    } else {
      return object.meta.name;
    }
  };
  return {.group = group,
          .kind = kind,
          .put = [=](World& world, const Json& document) -> Result<void> {
            ASSIGN_OR_RETURN(T object, parse(document));
            const ObjectName name = name_of(object);
            (world.*objects)[name] = std::move(object);
            return {};
          },
          .remove = [=](World& world, const ObjectName& name) { (world.*objects).erase(name); }};
}

Kind kept(std::string_view group, std::string_view kind, ByName<Json> World::* objects) {
  return {.group = group,
          .kind = kind,
          .put = [=](World& world, const Json& document) -> Result<void> {
            ASSIGN_OR_RETURN(const Meta meta, parse_meta(document));
            (world.*objects)[meta.name] = document;
            return {};
          },
          .remove = [=](World& world, const ObjectName& name) { (world.*objects).erase(name); }};
}

const std::vector<Kind>& kinds() {
  constexpr std::string_view kLegacyGroup = "inference.networking.x-k8s.io";
  static const std::vector<Kind> all = {
      parsed(kGatewayGroup, "GatewayClass", &World::classes, parse_gateway_class),
      parsed(kGatewayGroup, "Gateway", &World::gateways, parse_gateway),
      parsed(kGatewayGroup, "HTTPRoute", &World::http_routes, parse_http_route),
      parsed(kGatewayGroup, "GRPCRoute", &World::grpc_routes, parse_grpc_route),
      parsed(kGatewayGroup, "ReferenceGrant", &World::grants, parse_reference_grant),
      parsed("", "Service", &World::services, parse_service),
      parsed("discovery.k8s.io", "EndpointSlice", &World::endpoint_slices, parse_endpoint_slice),
      parsed("", "Namespace", &World::namespaces, parse_meta),
      parsed("", "Secret", &World::secrets, parse_tls_secret),
      parsed(kInferenceGroup, "InferencePool", &World::pools, parse_inference_pool),
      kept("", "Pod", &World::pods),
      kept("llm-d.ai", "InferenceObjective", &World::objectives),
      kept(kLegacyGroup, "InferenceObjective", &World::objectives),
      kept("llm-d.ai", "InferenceModelRewrite", &World::model_rewrites),
      kept(kLegacyGroup, "InferenceModelRewrite", &World::model_rewrites),
  };
  return all;
}

std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

const Kind* find_kind(const Json& document) {
  const std::string api_version = codec::string_or(document, "apiVersion", "");
  const std::string kind = codec::string_or(document, "kind", "");
  const auto at = std::ranges::find_if(kinds(), [&](const Kind& known) {
    return known.kind == kind && known.group == group_of(api_version);
  });
  return at == kinds().end() ? nullptr : &*at;
}

std::string authority(std::string_view address, std::uint16_t port) {
  return address.contains(':') ? fmt::format("[{}]:{}", address, port)
                               : fmt::format("{}:{}", address, port);
}

}  // namespace

Result<bool> put_object(World& world, const Json& document) {
  if (!document.is_object()) return fail(ErrorCode::kInvalidArgument, "not an object");
  if (codec::string_or(document, "kind", "") == "EndpointPickerConfig") {
    world.picker_configs.push_back(document);
    return true;
  }
  const Kind* kind = find_kind(document);
  if (kind == nullptr) return false;
  RETURN_IF_ERROR(kind->put(world, document));
  return true;
}

void remove_object(World& world, const Json& document) {
  const Kind* kind = document.is_object() ? find_kind(document) : nullptr;
  if (kind == nullptr) return;
  if (const Result<Meta> meta = parse_meta(document)) kind->remove(world, meta->name);
}

std::vector<std::string> ready_endpoints(const World& world, const ObjectName& service,
                                         std::uint16_t port) {
  const auto found = world.services.find(service);
  if (found == world.services.end() || found->second.external_name) return {};
  const ServicePort* service_port = found->second.find_port(port);
  if (service_port == nullptr) return {};
  std::set<std::string> endpoints;
  // Keys are ordered by namespace first.
  for (auto at = world.endpoint_slices.lower_bound({.name_space = service.name_space, .name = ""});
       at != world.endpoint_slices.end() && at->first.name_space == service.name_space; ++at) {
    const EndpointSlice& slice = at->second;
    const auto target = slice.ports.find(service_port->name);
    if (slice.service != service.name || target == slice.ports.end()) continue;
    for (const SliceEndpoint& endpoint : slice.endpoints) {
      // Addresses of one endpoint are the same pod: the first stands for it.
      if (endpoint.ready && !endpoint.addresses.empty()) {
        endpoints.insert(authority(endpoint.addresses.front(), target->second));
      }
    }
  }
  return {endpoints.begin(), endpoints.end()};
}

}  // namespace rage::gatewayapi
