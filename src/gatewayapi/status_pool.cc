#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "gatewayapi/detail/conditions.h"

namespace rage::gatewayapi::detail {
namespace {

// By pool: the gateways with an accepted route to it.
std::map<ObjectName, std::set<ObjectName>> gateways_of_pools(const Compiled& compiled) {
  std::map<ObjectName, std::set<ObjectName>> gateways;
  for (const RouteState& route : compiled.route_states) {
    for (const ParentState& parent : route.parents) {
      if (parent.not_accepted) continue;
      for (const ObjectName& pool : route.pools) gateways[pool].insert(parent.parent.object);
    }
  }
  return gateways;
}

std::vector<Condition> conditions_of(const CompiledPool& pool) {
  const bool missing = pool.problem && pool.problem->reason == "EndpointPickerRefMissing";
  return {condition_of("Accepted", missing ? pool.problem : std::nullopt, "Accepted"),
          condition_of("ResolvedRefs", missing ? std::nullopt : pool.problem, "ResolvedRefs")};
}

Json render_parent(const InferencePool& pool, const Json& status, const CompiledPool& compiled,
                   const ObjectName& gateway, const StatusOptions& options) {
  // The namespace is written even if it is the pool's own: readers compare it.
  Json ref = {{"group", kGatewayGroup},
              {"kind", "Gateway"},
              {"namespace", gateway.name_space},
              {"name", gateway.name}};
  const Json* before = find_parent(status, options.controller, ref);
  return {{"parentRef", std::move(ref)},
          {"controllerName", options.controller},
          {"conditions",
           merge_conditions(before == nullptr ? nullptr : codec::find_key(*before, "conditions"),
                            {.wanted = conditions_of(compiled),
                             .generation = pool.meta.generation,
                             .now = options.now})}};
}

}  // namespace

void plan_pool_statuses(const World& world, const Compiled& compiled, const StatusOptions& options,
                        std::vector<StatusChange>& changes) {
  const auto gateways = gateways_of_pools(compiled);
  for (const auto& [name, pool] : world.pools) {
    const Json* before = codec::find_key(pool.document, "status");
    const Json status = before != nullptr && before->is_object() ? *before : Json::object();
    std::vector<Json> ours;
    const auto at = gateways.find(name);
    if (at != gateways.end()) {
      for (const ObjectName& gateway : at->second) {
        ours.push_back(render_parent(pool, status, compiled.pools.at(name), gateway, options));
      }
    }
    if (ours.empty() && codec::find_key(status, "parents") == nullptr) continue;
    Json wanted = status;
    wanted["parents"] = merge_parents(status, options.controller, std::move(ours));
    add_change(changes, status,
               {.api_version = fmt::format("{}/v1", kInferenceGroup),
                .kind = "InferencePool",
                .plural = "inferencepools",
                .object = name,
                .resource_version = pool.meta.resource_version,
                .status = std::move(wanted)});
  }
}

}  // namespace rage::gatewayapi::detail
