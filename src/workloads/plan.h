// What a controller decides, as values: changes to make, in order, then the status that is true.
// plan_*() functions make them, carry_out() (carry_out.h) acts on them; neither does the other's
// work. Source: Kubernetes API conventions; meta/v1 OwnerReference.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apis/meta.h"
#include "base/clock.h"
#include "kube/client.h"
#include "kube/event_recorder.h"

namespace rage::workloads {

using apis::Json;
using apis::ObjectKey;
using apis::ObjectMeta;
using apis::ResourceType;

// With a name or metadata.generateName; that the name exists already is success.
struct CreateObject {
  ResourceType type;
  Json object;
};
struct DeleteObject {
  ResourceType type;
  ObjectKey key;
  std::string uid = {};  // Only if it still is the one that was observed.
};
// JSON merge patch, of the object or of a subresource ("status").
struct PatchObject {
  ResourceType type;
  ObjectKey key;
  Json patch;
  std::string subresource = {};
};
// A folder of a volume that was given back; deleted only if it lies in the volumes' folder.
struct RemoveFolder {
  std::string path;
};
using Change = std::variant<CreateObject, DeleteObject, PatchObject, RemoveFolder>;

struct PlannedEvent {
  kube::EventType type = kube::EventType::kNormal;
  std::string reason;
  std::string message;
};

struct Plan {
  std::vector<Change> changes = {};
  std::vector<PlannedEvent> events = {};
  Json status = {};  // Of the object itself, as it should read; null leaves it alone.
  std::optional<std::chrono::milliseconds> requeue_after = std::nullopt;

  // The earliest of what was asked for counts; never less than a second.
  void look_again(std::chrono::milliseconds delay);
  void tell(std::string reason, std::string message);
  void warn(std::string reason, std::string message);
};

// So many objects are made or deleted by one pass; the next pass goes on.
inline constexpr int kChangesMax = 50;

// {"apiVersion", "kind", "name", "uid", "controller": true, "blockOwnerDeletion": true}
Json controller_reference(const ResourceType& type, const ObjectMeta& owner);
// {"apiVersion", "kind", "metadata": {name, namespace}}
Json object_of(const ResourceType& type, const ObjectKey& key);

// RFC 3339, seconds, UTC. parse_time() takes fractions and drops them.
std::string render_time(WallTime time);
std::optional<WallTime> parse_time(std::string_view text);

// The JSON merge patch (RFC 7396) that turns `from` into `to`; a member that is gone becomes null.
// An empty object: nothing to do. `to` must hold no null: a merge patch cannot write one.
Json merge_patch_of(const Json& from, const Json& to);

// Short, stable, of letters and digits that a name may hold and that spell no words.
std::string short_hash(const Json& value);

// A condition as apps/v1 and batch/v1 have it. set_condition() below keeps lastTransitionTime while
// the status stays; `extra` (lastUpdateTime and the like) is written as it is.
struct PlainCondition {
  std::string type;
  std::string status;  // "True", "False", "Unknown"
  std::string reason;
  std::string message;
  Json extra = Json::object();
};
void set_condition(Json& conditions, const PlainCondition& condition, WallTime now);
const Json* find_condition(const Json& conditions, std::string_view type);
bool is_condition_true(const Json& object, std::string_view type);  // Of status.conditions.

}  // namespace rage::workloads
