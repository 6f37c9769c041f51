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

Json render_condition(const Condition& condition, const Json* before, std::int64_t generation,
                      const std::string& now) {
  const std::string status = condition.holds ? "True" : "False";
  const bool same = before != nullptr && codec::string_or(*before, "status", "") == status;
  return {{"type", condition.type},
          {"status", status},
          {"observedGeneration", generation},
          {"lastTransitionTime", same ? codec::string_or(*before, "lastTransitionTime", now) : now},
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

Json merge_conditions(const Json* existing, const std::vector<Condition>& wanted,
                      std::int64_t generation, const std::string& now) {
  Json merged = Json::array();
  const auto is_wanted = [&](const Json& before) {
    return std::ranges::any_of(wanted, [&](const Condition& condition) {
      return codec::string_or(before, "type", "") == condition.type;
    });
  };
  for (const Condition& condition : wanted) {
    merged.push_back(
        render_condition(condition, find_condition(existing, condition.type), generation, now));
  }
  if (existing != nullptr && existing->is_array()) {
    for (const Json& before : *existing) {
      if (before.is_object() && !is_wanted(before)) merged.push_back(before);
    }
  }
  return merged;
}

bool same_json(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    return a.size() == b.size() && std::ranges::all_of(a.items(), [&](const auto& item) {
             const Json* other = codec::find_key(b, item.key());
             return other != nullptr && same_json(item.value(), *other);
           });
  }
  if (a.is_array() && b.is_array()) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(),
                      [](const Json& left, const Json& right) { return same_json(left, right); });
  }
  return a == b;
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
  if (parents != nullptr && parents->is_array()) {
    for (const Json& entry : *parents) {
      if (codec::string_or(entry, "controllerName", "") != controller) merged.push_back(entry);
    }
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
