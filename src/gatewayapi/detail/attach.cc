#include "gatewayapi/detail/attach.h"

#include <fmt/format.h>

#include <algorithm>

#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi::detail {
namespace {

bool is_selected(const Listener& listener, const ParentRef& parent) {
  return (parent.section_name.empty() || parent.section_name == listener.name) &&
         (!parent.port || *parent.port == listener.port);
}

bool is_allowed(const World& world, const Gateway& gateway, const Listener& listener,
                const ListenerState& state, const Route& route) {
  const bool kind = std::ranges::any_of(state.supported_kinds, [&](const RouteKind& supported) {
    return supported.kind == route.kind_name();
  });
  if (!kind) return false;
  switch (listener.from) {
    case Listener::From::kAll:
      return true;
    case Listener::From::kSame:
      return gateway.meta.name.name_space == route.meta.name.name_space;
    case Listener::From::kSelector: {
      const auto at = world.namespaces.find({.name_space = "", .name = route.meta.name.name_space});
      return at != world.namespaces.end() && listener.selector.matches(at->second.labels);
    }
    case Listener::From::kNone:
      return false;
  }
  return false;
}

// None: no host in common. Empty: any host.
std::optional<std::vector<std::string>> visible_hostnames(const Listener& listener,
                                                          const Route& route) {
  std::vector<std::string> visible;
  for (const std::string& hostname : route.hostnames) {
    if (intersect_hostnames(listener.hostname, hostname)) visible.push_back(hostname);
  }
  if (visible.empty() && !route.hostnames.empty()) return std::nullopt;
  return visible;
}

bool share_a_host(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return true;
  return std::ranges::any_of(a, [&](const std::string& left) {
    return std::ranges::any_of(
        b, [&](const std::string& right) { return intersect_hostnames(left, right).has_value(); });
  });
}

bool is_claimed(const std::vector<Claim>& claims, Route::Kind kind,
                const std::vector<std::string>& hostnames) {
  return std::ranges::any_of(claims, [&](const Claim& claim) {
    return claim.kind != kind && share_a_host(claim.hostnames, hostnames);
  });
}

std::optional<Problem> refuse_route(const Route& route) {
  if (!route.problems.empty()) {
    return Problem{route.problems.front().reason, render_problems(route.problems)};
  }
  const bool any_valid = route.rules.empty() || std::ranges::any_of(route.rules, [](const auto& r) {
                           return r.problems.empty();
                         });
  if (any_valid) return std::nullopt;
  Problems all;
  for (const RouteRule& rule : route.rules) {
    all.insert(all.end(), rule.problems.begin(), rule.problems.end());
  }
  return Problem{all.front().reason, render_problems(all)};
}

std::string shown(const ParentRef& parent) {
  std::string text;
  if (!parent.section_name.empty()) text += fmt::format(" named '{}'", parent.section_name);
  if (parent.port) text += fmt::format(" on port {}", *parent.port);
  return text;
}

}  // namespace

Attachment attach(const World& world, const GatewayPlan& plan, const Route& route,
                  const ParentRef& parent, const Claims& claims) {
  Attachment attachment;
  bool selected = false;
  bool allowed = false;
  bool claimed = false;
  const Gateway& gateway = *plan.gateway;
  for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
    const Listener& listener = gateway.listeners[i];
    if (!is_selected(listener, parent)) continue;
    selected = true;
    if (!is_allowed(world, gateway, listener, plan.state.listeners[i], route)) continue;
    allowed = true;
    std::optional<std::vector<std::string>> hostnames = visible_hostnames(listener, route);
    if (!hostnames) continue;
    if (is_claimed(claims[i], route.kind, *hostnames)) {
      claimed = true;
      continue;
    }
    attachment.listeners.push_back({.listener = i, .hostnames = *std::move(hostnames)});
  }
  if (!selected) {
    attachment.problem =
        Problem{"NoMatchingParent", fmt::format("the Gateway has no listener{}", shown(parent))};
  } else if (!allowed) {
    attachment.problem =
        Problem{"NotAllowedByListeners",
                fmt::format("no listener{} allows {}s of namespace '{}'; see its allowedRoutes",
                            shown(parent), route.kind_name(), route.meta.name.name_space)};
  } else if (attachment.listeners.empty() && claimed) {
    attachment.problem = Problem{"HostnameConflict",
                                 "an older route of the other kind (HTTPRoute, GRPCRoute) has "
                                 "these hostnames on every listener"};
  } else if (attachment.listeners.empty()) {
    attachment.problem = Problem{"NoMatchingListenerHostname",
                                 fmt::format("no listener{} has a hostname in common with {}",
                                             shown(parent), fmt::join(route.hostnames, ", "))};
  } else {
    attachment.problem = refuse_route(route);
  }
  if (attachment.problem) attachment.listeners.clear();
  return attachment;
}

}  // namespace rage::gatewayapi::detail
