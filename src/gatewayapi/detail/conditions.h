// meta/v1 Conditions as JSON, and what planners of status share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/documents.h"
#include "gatewayapi/status.h"

namespace rage::gatewayapi::detail {

struct Condition {
  std::string_view type;
  bool holds = true;
  std::string reason;
  std::string message;
};

// False with the problem's reason and message, or True with `reason`.
Condition condition_of(std::string_view type, const std::optional<Problem>& problem,
                       std::string_view reason, std::string_view message = "");

struct ConditionChange {
  std::vector<Condition> wanted;
  std::vector<std::string_view> removed = {};  // Types of ours that do not hold now.
  std::int64_t generation = 0;
  const std::string& now;
};
// `existing` (a list, or null for none) with each wanted condition in the place of the one of its
// type; others stay where they are. The time is kept while the status is the same, and what was
// written for a newer generation is left.
Json merge_conditions(const Json* existing, const ConditionChange& change);

// Whether both say the same, whatever the order of keys.
using codec::same_json;

// `status.parents` with `ours`, which have `parentRef`, `controllerName` and `conditions`, in place
// of our entries; those of other controllers stay where they are.
Json merge_parents(const Json& status, const std::string& controller, std::vector<Json> ours);
// The entry of ours for that parent, or null.
const Json* find_parent(const Json& status, const std::string& controller, const Json& parent_ref);

// Adds the change if it is one.
void add_change(std::vector<StatusChange>& changes, const Json& before, StatusChange change);

void plan_class_statuses(const World& world, const StatusOptions& options,
                         std::vector<StatusChange>& changes);
void plan_gateway_statuses(const World& world, const Compiled& compiled,
                           const StatusOptions& options, std::vector<StatusChange>& changes);
void plan_route_statuses(const World& world, const Compiled& compiled, const StatusOptions& options,
                         std::vector<StatusChange>& changes);
void plan_pool_statuses(const World& world, const Compiled& compiled, const StatusOptions& options,
                        std::vector<StatusChange>& changes);

}  // namespace rage::gatewayapi::detail
