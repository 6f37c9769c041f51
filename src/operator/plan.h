// What a reconcile decides, as values: changes to make, in order, then the status that is true.
// plan_*() functions make them, carry_out() (reconcile.h) acts on them; neither does the other's
// work.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apis/meta.h"
#include "kube/client.h"
#include "kube/event_recorder.h"

namespace rage::op {

using apis::Json;
using apis::ObjectKey;
using apis::ObjectMeta;
using apis::ResourceType;

// Server-side apply of `object` (apiVersion, kind, name, namespace inside).
struct ApplyObject {
  ResourceType type;
  Json object;
};
// Create with metadata.generateName or a name; AlreadyExists is success for a fixed name.
struct CreateObject {
  ResourceType type;
  Json object;
};
struct DeleteObject {
  ResourceType type;
  ObjectKey key;
  std::string uid = {};  // Only if it still is the one that was observed.
  kube::Propagation propagation = kube::Propagation::kBackground;
};
// JSON merge patch; for annotations, labels and finalizers of objects that are not ours to apply.
struct PatchObject {
  ResourceType type;
  ObjectKey key;
  Json patch;
};
using Change = std::variant<ApplyObject, CreateObject, DeleteObject, PatchObject>;

struct PlannedEvent {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;
};

struct Plan {
  std::vector<Change> changes;
  std::vector<PlannedEvent> events;
  Json status;  // Of the object itself, as it should read; null leaves it alone.
  std::optional<std::chrono::milliseconds> requeue_after;
  bool release = false;  // Drop our finalizer after `changes`: the object may go.
};

// True if `wanted` says something that `observed` does not: every field of `wanted` must be in
// `observed` with an equal value (lists of named items by name, others by position; quantities by
// amount; empty and absent are equal). What others added is ignored.
bool needs_apply(const Json& wanted, const Json& observed);
// Adds the annotation rage.dev/applied, a short hash of everything in `object`. With it,
// needs_apply() also notices a field that was wanted last time and is no more.
void stamp_applied(Json& object);
// Stamps `wanted` and adds its server-side apply if `observed` (null: absent) needs it.
void plan_apply(std::vector<Change>& changes, const ResourceType& type, Json wanted,
                const Json& observed);

// {"apiVersion", "kind", "name", "uid", "controller": true, "blockOwnerDeletion": true}
Json controller_reference(const ResourceType& type, const ObjectMeta& owner);
// {"apiVersion","kind","metadata":{name, namespace, ownerReferences}}
Json object_of(const ResourceType& type, const ObjectKey& key);
void set_owner(Json& object, const ResourceType& owner_type, const ObjectMeta& owner);

// RFC 3339, seconds, UTC: what conditions carry.
std::string render_time(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text);

}  // namespace rage::op
