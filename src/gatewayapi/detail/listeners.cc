#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gatewayapi/detail/attach.h"
#include "gatewayapi/detail/references.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi::detail {
namespace {

bool is_supported(const std::string& protocol) {
  return protocol == "HTTP" || protocol == "HTTPS";
}

std::vector<RouteKind> kinds_of_protocol() {
  return {{.kind = "HTTPRoute"}, {.kind = "GRPCRoute"}};
}

// Both conflict, or neither: there is no winner.
std::optional<Problem> find_conflict(const Gateway& gateway, std::size_t index) {
  const Listener& listener = gateway.listeners[index];
  for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
    const Listener& other = gateway.listeners[i];
    if (i == index || other.port != listener.port || !is_supported(other.protocol)) continue;
    if (other.protocol != listener.protocol) {
      return Problem{"ProtocolConflict", fmt::format("listener '{}' uses port {} with protocol {}",
                                                     other.name, other.port, other.protocol)};
    }
    if (other.hostname == listener.hostname) {
      return Problem{
          "HostnameConflict",
          fmt::format("listener '{}' has the same port, protocol and hostname", other.name)};
    }
  }
  return std::nullopt;
}

// Connections may be reused for another listener's host: people are told.
std::vector<std::string> find_overlaps(const Gateway& gateway, std::size_t index) {
  std::vector<std::string> names;
  const Listener& listener = gateway.listeners[index];
  for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
    const Listener& other = gateway.listeners[i];
    if (i == index || other.port != listener.port || other.protocol != "HTTPS") continue;
    if (intersect_hostnames(listener.hostname, other.hostname)) names.push_back(other.name);
  }
  return names;
}

std::optional<Problem> find_refusal(const Listener& listener) {
  if (!is_supported(listener.protocol)) {
    return Problem{
        "UnsupportedProtocol",
        fmt::format("protocol '{}' is not supported; use HTTP or HTTPS", listener.protocol)};
  }
  if (!listener.problems.empty()) {
    return Problem{listener.problems.front().reason, render_problems(listener.problems)};
  }
  return std::nullopt;
}

std::optional<Problem> check_certificate(const World& world, const Gateway& gateway,
                                         const ObjectReference& reference) {
  if (!reference.group.empty() || reference.kind != "Secret") {
    return Problem{"InvalidCertificateRef",
                   fmt::format("{} of group '{}' is no certificate; use a Secret", reference.kind,
                               reference.group)};
  }
  const Referrer from{
      .group = kGatewayGroup, .kind = "Gateway", .name_space = gateway.meta.name.name_space};
  const std::string name = fmt::format("{}/{}", reference.object.name_space, reference.object.name);
  if (!may_refer(world, from, reference)) {
    return Problem{"RefNotPermitted",
                   fmt::format("Secret '{}' is in another namespace, and no ReferenceGrant there "
                               "allows Gateways of namespace '{}'",
                               name, from.name_space)};
  }
  const auto secret = world.secrets.find(reference.object);
  if (secret == world.secrets.end()) {
    return Problem{"InvalidCertificateRef", fmt::format("Secret '{}' does not exist", name)};
  }
  if (secret->second.problem.empty()) return std::nullopt;
  return Problem{"InvalidCertificateRef",
                 fmt::format("Secret '{}': {}", name, secret->second.problem)};
}

std::vector<ObjectName> find_certificates(const World& world, const Gateway& gateway,
                                          const Listener& listener, ListenerState& state) {
  std::vector<ObjectName> certificates;
  if (listener.protocol != "HTTPS") return certificates;
  if (listener.certificates.empty()) {
    state.unresolved = Problem{"InvalidCertificateRef",
                               "tls.certificateRefs names no Secret; HTTPS needs a certificate"};
  }
  for (const ObjectReference& reference : listener.certificates) {
    std::optional<Problem> problem = check_certificate(world, gateway, reference);
    if (!problem) {
      certificates.push_back(reference.object);
    } else if (!state.unresolved) {
      state.unresolved = std::move(problem);
    }
  }
  return certificates;
}

void find_kinds(const Listener& listener, ListenerState& state) {
  if (!is_supported(listener.protocol)) return;
  const std::vector<RouteKind> possible = kinds_of_protocol();
  if (listener.kinds.empty()) {
    state.supported_kinds = possible;
    return;
  }
  for (const RouteKind& kind : listener.kinds) {
    if (std::ranges::find(possible, kind) != possible.end()) {
      state.supported_kinds.push_back(kind);
    } else if (!state.unresolved) {
      state.unresolved =
          Problem{"InvalidRouteKinds",
                  fmt::format("allowedRoutes.kinds: {} of group '{}' is not supported by {}",
                              kind.kind, kind.group, listener.protocol)};
    }
  }
}

std::optional<Problem> refuse_gateway(const Gateway& gateway,
                                      const std::vector<ListenerState>& listeners) {
  if (gateway.has_parameters) {
    return Problem{"InvalidParameters", "spec.infrastructure.parametersRef is not supported"};
  }
  if (!gateway.problems.empty()) {
    const std::string& reason = gateway.problems.front().reason;
    return Problem{reason == "UnsupportedValue" ? "Invalid" : reason,
                   render_problems(gateway.problems)};
  }
  const bool any = std::ranges::any_of(
      listeners, [](const ListenerState& l) { return !l.not_accepted && !l.conflict; });
  if (any) return std::nullopt;
  return Problem{"ListenersNotValid", "no listener is valid; their conditions say why"};
}

}  // namespace

GatewayPlan plan_gateway(const World& world, const Gateway& gateway) {
  GatewayPlan plan{.gateway = &gateway, .state = {.name = gateway.meta.name}};
  for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
    const Listener& listener = gateway.listeners[i];
    ListenerState state{.name = listener.name};
    state.not_accepted = find_refusal(listener);
    if (is_supported(listener.protocol)) state.conflict = find_conflict(gateway, i);
    if (listener.protocol == "HTTPS") state.overlapping = find_overlaps(gateway, i);
    plan.certificates.push_back(find_certificates(world, gateway, listener, state));
    find_kinds(listener, state);
    const bool has_keys = listener.protocol != "HTTPS" || !plan.certificates.back().empty();
    state.served = !state.not_accepted && !state.conflict && has_keys;
    plan.state.listeners.push_back(std::move(state));
  }
  plan.state.not_accepted = refuse_gateway(gateway, plan.state.listeners);
  plan.routes.resize(gateway.listeners.size());
  return plan;
}

}  // namespace rage::gatewayapi::detail
