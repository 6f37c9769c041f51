#include "gatewayapi/detail/conditions.h"

#include <algorithm>

namespace rage::gatewayapi::detail {
namespace {

constexpr std::size_t kMessageBytesMax = 4096;  // The API allows 32768; nobody reads that.

const Json* find_condition(const Json* list, std::string_view type) {
  if (list == nullptr || !list->is_array()) return nullptr;
  const auto at = std::ranges::find_if(
      *list, [&](const Json& c) { return codec::string_or(c, "type", "") == type; });
  return at == list->end() ? nullptr : &*at;
}

Json render_condition(const Condition& condition, const Json* before,
                      const ConditionChange& change) {
  if (before != nullptr &&
      codec::number_or(*before, "observedGeneration", 0) > static_cast<double>(change.generation)) {
    return *before;  // Our copy of the object is stale; the next one will do.
  }
  const std::string status = condition.holds ? "True" : "False";
  const bool same = before != nullptr && codec::string_or(*before, "status", "") == status;
  return {{"type", condition.type},
          {"status", status},
          {"observedGeneration", change.generation},
          {"lastTransitionTime",
           same ? codec::string_or(*before, "lastTransitionTime", change.now) : change.now},
          {"reason", condition.reason},
          {"message", condition.message.substr(0, kMessageBytesMax)}};
}

}  // namespace

Condition condition_of(std::string_view type, const std::optional<Problem>& problem,
                       std::string_view reason, std::string_view message) {
  if (problem) {
    return {.type = type, .holds = false, .reason = problem->reason, .message = problem->message};
  }
  return {.type = type, .reason = std::string(reason), .message = std::string(message)};
}

Json merge_conditions(const Json* existing, const ConditionChange& change) {
  Json merged = Json::array();
  if (existing != nullptr && existing->is_array()) {
    for (const Json& before : *existing) {
      const std::string type = codec::string_or(before, "type", "");
      if (std::ranges::find(change.removed, type) != change.removed.end()) continue;
      if (find_condition(&merged, type) != nullptr) continue;  // One of each type.
      const auto wanted = std::ranges::find(change.wanted, type, &Condition::type);
      merged.push_back(wanted == change.wanted.end() ? before
                                                     : render_condition(*wanted, &before, change));
    }
  }
  for (const Condition& condition : change.wanted) {
    if (find_condition(&merged, condition.type) == nullptr) {
      merged.push_back(render_condition(condition, nullptr, change));
    }
  }
  return merged;
}

const Json* find_parent(const Json& status, const std::string& controller, const Json& parent_ref) {
  const Json* parents = codec::find_key(status, "parents");
  if (parents == nullptr || !parents->is_array()) return nullptr;
  const auto at = std::ranges::find_if(*parents, [&](const Json& entry) {
    const Json* ref = codec::find_key(entry, "parentRef");
    return codec::string_or(entry, "controllerName", "") == controller && ref != nullptr &&
           same_json(*ref, parent_ref);
  });
  return at == parents->end() ? nullptr : &*at;
}

Json merge_parents(const Json& status, const std::string& controller, std::vector<Json> ours) {
  Json merged = Json::array();
  const Json* parents = codec::find_key(status, "parents");
  for (const Json& entry : parents != nullptr && parents->is_array() ? *parents : Json::array()) {
    if (codec::string_or(entry, "controllerName", "") != controller) {
      merged.push_back(entry);
      continue;
    }
    const Json* ref = codec::find_key(entry, "parentRef");
    const auto at = std::ranges::find_if(
        ours, [&](const Json& own) { return ref != nullptr && same_json(own["parentRef"], *ref); });
    if (at == ours.end()) continue;
    merged.push_back(std::move(*at));
    ours.erase(at);
  }
  for (Json& entry : ours) merged.push_back(std::move(entry));
  return merged;
}

void add_change(std::vector<StatusChange>& changes, const Json& before, StatusChange change) {
  if (!same_json(before, change.status)) changes.push_back(std::move(change));
}

}  // namespace rage::gatewayapi::detail

namespace rage::gatewayapi {

std::vector<StatusChange> plan_statuses(const World& world, const Compiled& compiled,
                                        const StatusOptions& options) {
  std::vector<StatusChange> changes;
  detail::plan_class_statuses(world, options, changes);
  detail::plan_gateway_statuses(world, compiled, options, changes);
  detail::plan_route_statuses(world, compiled, options, changes);
  detail::plan_pool_statuses(world, compiled, options, changes);
  return changes;
}

}  // namespace rage::gatewayapi
