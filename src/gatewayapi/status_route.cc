#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "gatewayapi/detail/conditions.h"

namespace rage::gatewayapi::detail {
namespace {

// The namespace is always written: who reads this need not know where the route lies.
Json render_parent_ref(const ParentRef& parent) {
  Json ref = {{"group", parent.group},
              {"kind", parent.kind},
              {"namespace", parent.object.name_space},
              {"name", parent.object.name}};
  if (!parent.section_name.empty()) ref["sectionName"] = parent.section_name;
  if (parent.port) ref["port"] = *parent.port;
  return ref;
}

// The first says the reason; the message names all.
std::optional<Problem> summarize(const Problems& problems) {
  if (problems.empty()) return std::nullopt;
  return Problem{problems.front().reason, render_problems(problems)};
}

Json render_parent(const Route& route, const RouteState& state, const ParentState& parent,
                   const StatusOptions& options) {
  Json ref = render_parent_ref(parent.parent);
  const Json* before = find_parent(route.status, options.controller, ref);
  ConditionChange change{
      .wanted = {condition_of("Accepted", parent.not_accepted, "Accepted",
                              fmt::format("{}", fmt::join(route.notices, "; "))),
                 condition_of("ResolvedRefs", summarize(state.unresolved), "ResolvedRefs")},
      .generation = route.meta.generation,
      .now = options.now};
  if (!parent.not_accepted && !state.dropped_rules.empty()) {
    change.wanted.push_back(
        {.type = "PartiallyInvalid", .reason = "UnsupportedValue", .message = state.dropped_rules});
  } else {
    change.removed.push_back("PartiallyInvalid");
  }
  return {{"parentRef", std::move(ref)},
          {"controllerName", options.controller},
          {"conditions",
           merge_conditions(before == nullptr ? nullptr : codec::find_key(*before, "conditions"),
                            change)}};
}

void plan_one(const Route& route, const RouteState* state, const StatusOptions& options,
              std::vector<StatusChange>& changes) {
  std::vector<Json> ours;
  if (state != nullptr) {
    for (const ParentState& parent : state->parents) {
      ours.push_back(render_parent(route, *state, parent, options));
    }
  }
  Json status = route.status.is_object() ? route.status : Json::object();
  const bool untouched = ours.empty() && codec::find_key(status, "parents") == nullptr;
  if (untouched) return;
  status["parents"] = merge_parents(route.status, options.controller, std::move(ours));
  const bool http = route.kind == Route::Kind::kHttp;
  add_change(changes, route.status,
             {.api_version = fmt::format("{}/v1", kGatewayGroup),
              .kind = std::string(route.kind_name()),
              .plural = http ? "httproutes" : "grpcroutes",
              .object = route.meta.name,
              .resource_version = route.meta.resource_version,
              .status = std::move(status)});
}

}  // namespace

void plan_route_statuses(const World& world, const Compiled& compiled, const StatusOptions& options,
                         std::vector<StatusChange>& changes) {
  std::map<std::tuple<Route::Kind, ObjectName>, const RouteState*> states;
  for (const RouteState& state : compiled.route_states) {
    states.emplace(std::make_tuple(state.kind, state.name), &state);
  }
  // Also those that have left: our entries in them have to go.
  for (const auto* routes : {&world.http_routes, &world.grpc_routes}) {
    for (const auto& [name, route] : *routes) {
      const auto at = states.find(std::make_tuple(route.kind, name));
      plan_one(route, at == states.end() ? nullptr : at->second, options, changes);
    }
  }
}

}  // namespace rage::gatewayapi::detail
