// Adding a finalizer without undoing what somebody else did to the list.
#pragma once

#include <string_view>
#include <vector>

#include "operator/plan.h"

namespace rage::op::detail {

inline void add_finalizer(const ResourceType& type, const ObjectMeta& meta,
                          std::string_view finalizer, std::vector<Change>& changes) {
  if (meta.has_finalizer(finalizer)) return;
  Json patch;
  Json& finalizers = patch["metadata"]["finalizers"] = Json::array();
  for (const std::string& other : meta.finalizers) finalizers.push_back(other);
  finalizers.push_back(finalizer);
  // A merge patch replaces the list: only if nobody has changed it meanwhile.
  patch["metadata"]["resourceVersion"] = meta.resource_version;
  changes.emplace_back(PatchObject{type, meta.key(), std::move(patch)});
}

}  // namespace rage::op::detail
