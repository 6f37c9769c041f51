#include "gatewayapi/detail/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rage::gatewayapi::detail {
namespace {

std::string shown(const ObjectReference& target) {
  return fmt::format("{} '{}/{}'", target.kind, target.object.name_space, target.object.name);
}

bool allows(const ReferenceGrant& grant, const Referrer& from, const ObjectReference& to) {
  return std::ranges::any_of(grant.from,
                             [&](const ReferenceGrant::From& f) {
                               return f.group == from.group && f.kind == from.kind &&
                                      f.name_space == from.name_space;
                             }) &&
         std::ranges::any_of(grant.to, [&](const ReferenceGrant::To& t) {
           return t.group == to.group && t.kind == to.kind &&
                  (t.name.empty() || t.name == to.object.name);
         });
}

enum class Protocol { kHttp1, kH2c, kUnsupported };

Protocol protocol_of(const ServicePort& port, Route::Kind kind) {
  if (port.app_protocol.empty()) {
    // Nothing but HTTP/2 carries gRPC.
    return kind == Route::Kind::kGrpc ? Protocol::kH2c : Protocol::kHttp1;
  }
  constexpr std::array<std::string_view, 4> kH2cNames = {"kubernetes.io/h2c", "h2c", "http2",
                                                         "grpc"};
  if (std::ranges::find(kH2cNames, port.app_protocol) != kH2cNames.end()) return Protocol::kH2c;
  const bool http1 = port.app_protocol == "http" || port.app_protocol == "kubernetes.io/ws";
  return http1 ? Protocol::kHttp1 : Protocol::kUnsupported;
}

std::optional<Problem> resolve_service(const World& world, Route::Kind kind,
                                       const BackendRef& reference, Backend& backend) {
  const std::string name = shown(reference.target);
  const auto service = world.services.find(reference.target.object);
  if (service == world.services.end()) {
    return Problem{"BackendNotFound", fmt::format("{} does not exist", name)};
  }
  if (service->second.external_name) {
    return Problem{"UnsupportedValue",
                   fmt::format("{} is of type ExternalName, which is not forwarded to", name)};
  }
  const ServicePort* port = service->second.find_port(reference.port.value_or(0));
  if (port == nullptr) {
    std::string ports;
    for (const ServicePort& p : service->second.ports) {
      ports += fmt::format("{}{}", ports.empty() ? "" : ", ", p.port);
    }
    return Problem{"BackendNotFound",
                   fmt::format("{} has no TCP port {}; it has {}", name, reference.port.value_or(0),
                               ports.empty() ? "none" : ports)};
  }
  const Protocol protocol = protocol_of(*port, kind);
  if (protocol == Protocol::kUnsupported) {
    return Problem{"UnsupportedProtocol",
                   fmt::format("port {} of {} has the appProtocol '{}', which is not supported",
                               port->port, name, port->app_protocol)};
  }
  backend.kind = Backend::Kind::kService;
  backend.port = port->port;
  backend.h2c = protocol == Protocol::kH2c;
  return std::nullopt;
}

std::optional<Problem> resolve_pool(const World& world, const BackendRef& reference,
                                    Backend& backend) {
  const auto pool = world.pools.find(reference.target.object);
  if (pool == world.pools.end()) {
    return Problem{"BackendNotFound", fmt::format("{} does not exist", shown(reference.target))};
  }
  backend.kind = Backend::Kind::kInferencePool;  // The pool knows its ports: ours is ignored.
  backend.h2c = pool->second.h2c;
  return std::nullopt;
}

std::optional<Problem> resolve_target(const World& world, const Route& route,
                                      const BackendRef& reference, Backend& backend) {
  const ObjectReference& target = reference.target;
  const bool service = target.group.empty() && target.kind == "Service";
  const bool pool = target.group == kInferenceGroup && target.kind == "InferencePool";
  if (!service && !pool) {
    return Problem{"InvalidKind",
                   fmt::format("{} of group '{}' cannot be a backend; use a Service or an "
                               "InferencePool of {}",
                               target.kind, target.group, kInferenceGroup)};
  }
  const Referrer from{
      .group = kGatewayGroup, .kind = route.kind_name(), .name_space = route.meta.name.name_space};
  // Before looking whether it exists: that is not for another namespace to learn.
  if (!may_refer(world, from, target)) {
    return Problem{"RefNotPermitted",
                   fmt::format("{} is in another namespace, and no ReferenceGrant there allows "
                               "{}s of namespace '{}'",
                               shown(target), route.kind_name(), from.name_space)};
  }
  return service ? resolve_service(world, route.kind, reference, backend)
                 : resolve_pool(world, reference, backend);
}

// Filters with their mirrors looked up; a mirror that leads nowhere is left out.
std::vector<Filter> resolve_filters(const World& world, const Route& route,
                                    const std::vector<RouteFilter>& filters, Problems& problems,
                                    std::vector<ObjectName>& pools) {
  std::vector<Filter> resolved;
  for (const RouteFilter& filter : filters) {
    const auto* mirror = std::get_if<MirrorSpec>(&filter.what);
    if (mirror == nullptr) {
      std::visit(
          [&](const auto& what) {
            using T = std::decay_t<decltype(what)>;
            if constexpr (!std::is_same_v<T, MirrorSpec>) resolved.push_back({.what = what});
          },
          filter.what);
      continue;
    }
    ResolvedBackend target = resolve_backend(world, route, mirror->backend);
    if (target.problem) {
      problems.push_back(*std::move(target.problem));
      continue;
    }
    if (target.backend.kind == Backend::Kind::kInferencePool)
      pools.push_back(target.backend.object);
    resolved.push_back({.what = Mirror{.backend = std::move(target.backend),
                                       .numerator = mirror->numerator,
                                       .denominator = mirror->denominator}});
  }
  return resolved;
}

Rule compile_rule(const World& world, const Route& route, const RouteRule& spec, Problems& problems,
                  std::vector<ObjectName>& pools) {
  Rule rule{.route = route.meta.name,
            .name = spec.name,
            .filters = {},
            .backends = {},
            .request_timeout = spec.request_timeout,
            .backend_timeout = spec.backend_timeout,
            .retry = spec.retry,
            .grpc = route.kind == Route::Kind::kGrpc};
  if (!spec.unknown_filter.empty()) {
    // A filter must not be skipped: what it might have forbidden would pass. No backend: 500.
    problems.push_back({.reason = "InvalidKind", .message = spec.unknown_filter});
    return rule;
  }
  rule.filters = resolve_filters(world, route, spec.filters, problems, pools);
  for (const BackendRef& reference : spec.backends) {
    ResolvedBackend resolved = resolve_backend(world, route, reference);
    if (resolved.problem) {
      problems.push_back(*std::move(resolved.problem));
    } else if (resolved.backend.kind == Backend::Kind::kInferencePool) {
      pools.push_back(resolved.backend.object);
    }
    resolved.backend.filters = resolve_filters(world, route, reference.filters, problems, pools);
    rule.backends.push_back(std::move(resolved.backend));
  }
  return rule;
}

}  // namespace

bool may_refer(const World& world, const Referrer& from, const ObjectReference& to) {
  if (from.name_space == to.object.name_space) return true;
  // Keys are ordered by namespace first.
  const std::string& target = to.object.name_space;
  for (auto at = world.grants.lower_bound({.name_space = target, .name = ""});
       at != world.grants.end() && at->first.name_space == target; ++at) {
    if (allows(at->second, from, to)) return true;
  }
  return false;
}

ResolvedBackend resolve_backend(const World& world, const Route& route,
                                const BackendRef& reference) {
  ResolvedBackend resolved;
  resolved.backend.object = reference.target.object;
  resolved.backend.weight = reference.weight;
  if (reference.unknown_filter.empty()) {
    resolved.problem = resolve_target(world, route, reference, resolved.backend);
  } else {
    resolved.problem = Problem{"InvalidKind", reference.unknown_filter};
  }
  return resolved;
}

std::shared_ptr<const std::vector<RoutedRule>> compile_rules(const World& world, const Route& route,
                                                             Problems& problems,
                                                             std::vector<ObjectName>& pools) {
  auto rules = std::make_shared<std::vector<RoutedRule>>();
  for (const RouteRule& spec : route.rules) {
    if (!spec.problems.empty()) continue;
    rules->push_back(
        {.rule = std::make_shared<const Rule>(compile_rule(world, route, spec, problems, pools)),
         .matches = spec.matches});
  }
  return rules;
}

ResolvedPicker resolve_picker(const World& world, const InferencePool& pool) {
  ResolvedPicker resolved;
  const auto refuse = [&](std::string message) {
    resolved.problem = Problem{"InvalidExtensionRef", std::move(message)};
    return resolved;
  };
  const PoolPicker& picker = *pool.picker;
  if (!picker.group.empty() || picker.kind != "Service") {
    return refuse(fmt::format("endpointPickerRef: {} of group '{}' is not supported; use a Service",
                              picker.kind, picker.group));
  }
  resolved.service = {.name_space = pool.meta.name.name_space, .name = picker.name};
  resolved.port = picker.port;
  const auto service = world.services.find(resolved.service);
  if (service == world.services.end()) {
    return refuse(fmt::format("endpointPickerRef: Service '{}/{}' does not exist",
                              resolved.service.name_space, picker.name));
  }
  if (service->second.external_name) {
    return refuse(
        fmt::format("endpointPickerRef: Service '{}' is of type ExternalName", picker.name));
  }
  if (service->second.find_port(picker.port) == nullptr) {
    return refuse(fmt::format("endpointPickerRef: Service '{}' has no TCP port {}", picker.name,
                              picker.port));
  }
  return resolved;
}

}  // namespace rage::gatewayapi::detail
