// metadata.managedFields: who set what, and what follows for an apply. Source: Kubernetes,
// "Server-Side Apply".
#pragma once

#include <string>

#include "base/error.h"
#include "kubeobjects/field_set.h"

namespace rage::kubeobjects {

// Who writes.
struct Manager {
  std::string name;
  std::string api_version;  // Of the object as it was sent.
  std::string subresource = {};
};

// `wanted` with managedFields that say what `manager` changed; `live` is null on create. What
// others owned and is different now is theirs no longer.
Json track_update(const SchemaView& schema, const Json& live, Json wanted, const Manager& manager,
                  const std::string& now);

enum class ApplyMode { kRefuseConflicts, kForce };

// Server-side apply in two steps; between them the caller fills in defaults and checks. First:
// `live` (without fields on create) with what `config` states merged in, and without what the same
// manager stated before and states no longer.
struct Merged {
  Json object;
  bool changes_something = true;  // Of what can be owned.
};
Merged merge_configuration(const SchemaView& schema, const Json& live, const Json& config,
                           const Manager& manager);

// What is applied, and what the first step said of it; on create there is none.
struct Applied {
  const Json& config;
  bool changes_something = true;
};
// Second: `merged` with managedFields. 409 if that changes what others own, unless forced.
Result<Json> track_apply(const SchemaView& schema, const Json& live, Json merged,
                         const Applied& applied, const Manager& manager, ApplyMode mode,
                         const std::string& now);

}  // namespace rage::kubeobjects
