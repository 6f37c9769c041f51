#include "gatewayapi/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "gatewayapi/detail/attach.h"
#include "gatewayapi/detail/references.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi {
namespace {

using detail::GatewayPlan;

bool is_ours(const World& world, const Gateway& gateway, const CompileOptions& options) {
  const auto at = world.classes.find({.name_space = "", .name = gateway.class_name});
  if (at == world.classes.end()) {
    return options.unknown_class == CompileOptions::UnknownClass::kServe;
  }
  return at->second.controller == options.controller && !at->second.has_parameters;
}

// Oldest first: on ties the older route wins.
std::vector<const Route*> routes_by_age(const World& world) {
  std::vector<const Route*> routes;
  for (const auto& [name, route] : world.http_routes) routes.push_back(&route);
  for (const auto& [name, route] : world.grpc_routes) routes.push_back(&route);
  std::ranges::sort(routes, {}, [](const Route* route) {
    return std::make_tuple(
        route->meta.created_at.value_or(std::numeric_limits<std::int64_t>::max()),
        std::string_view(route->meta.name.name_space), std::string_view(route->meta.name.name),
        route->kind);
  });
  return routes;
}

std::string describe_dropped(const Route& route) {
  std::vector<std::size_t> dropped;
  Problems problems;
  for (std::size_t i = 0; i < route.rules.size(); ++i) {
    if (route.rules[i].problems.empty()) continue;
    dropped.push_back(i);
    problems.insert(problems.end(), route.rules[i].problems.begin(), route.rules[i].problems.end());
  }
  if (dropped.empty() || dropped.size() == route.rules.size()) return "";
  return fmt::format("Dropped Rule(s) {}: {}", fmt::join(dropped, ", "), render_problems(problems));
}

// The gateways of ours, with what is attached to them so far.
struct Plans {
  std::map<ObjectName, GatewayPlan> gateways;
  std::map<ObjectName, detail::Claims> claims;
};

void attach_to_parent(const World& world, const Route& route, const ParentRef& parent,
                      const std::shared_ptr<const std::vector<RoutedRule>>& rules, Plans& plans,
                      RouteState& state) {
  GatewayPlan& plan = plans.gateways.at(parent.object);
  detail::Claims& claims = plans.claims[parent.object];
  claims.resize(plan.gateway->listeners.size());
  detail::Attachment attachment = detail::attach(world, plan, route, parent, claims);
  for (detail::Attachment::To& to : attachment.listeners) {
    claims[to.listener].push_back({.kind = route.kind, .hostnames = to.hostnames});
    plan.routes[to.listener].push_back({.name = route.meta.name,
                                        .created_at = route.meta.created_at,
                                        .hostnames = std::move(to.hostnames),
                                        .rules = rules});
    ++plan.state.listeners[to.listener].attached_routes;
  }
  state.parents.push_back({.parent = parent, .not_accepted = std::move(attachment.problem)});
}

bool is_parent_of_ours(const ParentRef& parent, const Plans& plans) {
  return parent.group == kGatewayGroup && parent.kind == "Gateway" &&
         plans.gateways.contains(parent.object);
}

void attach_route(const World& world, const Route& route, Plans& plans, Compiled& compiled) {
  const bool ours = std::ranges::any_of(
      route.parents, [&](const ParentRef& parent) { return is_parent_of_ours(parent, plans); });
  if (!ours) return;
  RouteState state{.kind = route.kind, .name = route.meta.name};
  const auto rules = detail::compile_rules(world, route, state.unresolved, state.pools);
  for (const ParentRef& parent : route.parents) {
    if (is_parent_of_ours(parent, plans)) {
      attach_to_parent(world, route, parent, rules, plans, state);
    }
  }
  state.dropped_rules = describe_dropped(route);
  std::ranges::sort(state.pools);
  const auto [first, last] = std::ranges::unique(state.pools);
  state.pools.erase(first, last);
  compiled.route_states.push_back(std::move(state));
}

CompiledGateway finish_gateway(const GatewayPlan& plan) {
  CompiledGateway compiled{.name = plan.state.name};
  for (const GatewayAddress& address : plan.gateway->addresses) {
    if (!address.value.empty()) compiled.requested_addresses.push_back(address.value);
  }
  if (plan.state.not_accepted) return compiled;
  for (std::size_t i = 0; i < plan.state.listeners.size(); ++i) {
    if (!plan.state.listeners[i].served) continue;
    const Listener& listener = plan.gateway->listeners[i];
    compiled.listeners.push_back({.name = listener.name,
                                  .port = listener.port,
                                  .protocol = listener.protocol == "HTTPS"
                                                  ? ListenerProtocol::kHttps
                                                  : ListenerProtocol::kHttp,
                                  .hostname = listener.hostname,
                                  .certificates = plan.certificates[i],
                                  .routes = build_route_table(plan.routes[i], listener.hostname)});
  }
  return compiled;
}

CompiledPool compile_pool(const World& world, const InferencePool& pool,
                          const CompileOptions& options) {
  CompiledPool compiled{.h2c = pool.h2c};
  if (!pool.problems.empty()) {
    compiled.problem = Problem{"InvalidExtensionRef", render_problems(pool.problems)};
    return compiled;
  }
  if (!pool.picker) {
    if (options.missing_picker == CompileOptions::MissingPicker::kRefuse) {
      compiled.problem = Problem{"EndpointPickerRefMissing", "spec.endpointPickerRef is required"};
    }
    return compiled;
  }
  detail::ResolvedPicker picker = detail::resolve_picker(world, pool);
  compiled.problem = std::move(picker.problem);
  compiled.picker_service = std::move(picker.service);
  compiled.picker_port = picker.port;
  compiled.fail_open = pool.picker->fail_open;
  return compiled;
}

}  // namespace

Compiled compile(const World& world, const CompileOptions& options) {
  Compiled compiled;
  Plans plans;
  for (const auto& [name, gateway] : world.gateways) {
    if (is_ours(world, gateway, options)) {
      plans.gateways.emplace(name, detail::plan_gateway(world, gateway));
    }
  }
  for (const Route* route : routes_by_age(world)) attach_route(world, *route, plans, compiled);
  for (const RouteState& route : compiled.route_states) {
    for (const ObjectName& name : route.pools) {
      const auto pool = world.pools.find(name);
      if (pool == world.pools.end() || compiled.pools.contains(name)) continue;
      compiled.pools.emplace(name, compile_pool(world, pool->second, options));
    }
  }
  for (auto& [name, plan] : plans.gateways) {
    compiled.gateways.push_back(finish_gateway(plan));
    compiled.gateway_states.push_back(std::move(plan.state));
  }
  return compiled;
}

const CompiledListener* find_listener(const CompiledGateway& gateway, std::uint16_t port,
                                      std::string_view host) {
  const CompiledListener* best = nullptr;
  for (const CompiledListener& listener : gateway.listeners) {
    if (listener.port != port || !matches_hostname(listener.hostname, host)) continue;
    if (best == nullptr || specificity(listener.hostname) > specificity(best->hostname)) {
      best = &listener;
    }
  }
  return best;
}

}  // namespace rage::gatewayapi
