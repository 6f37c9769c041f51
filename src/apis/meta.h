// What every Kubernetes object has, whoever defined its kind: identity, metadata, conditions.
// Source: Kubernetes API conventions; meta/v1 ObjectMeta, OwnerReference, Condition, LabelSelector.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::apis {

using codec::Json;
using StringMap = std::map<std::string, std::string>;

// Value. Cluster-scoped objects have an empty namespace. "namespace/name", or "name" alone.
struct ObjectKey {
  std::string ns;
  std::string name;

  std::string str() const { return ns.empty() ? name : ns + "/" + name; }
  auto operator<=>(const ObjectKey&) const = default;
};

// Value. One kind in one version, and where the API server serves it.
struct ResourceType {
  std::string group;    // "" is the core group.
  std::string version;  // "v1beta1"
  std::string kind;     // "Workspace"
  std::string plural;   // "workspaces"
  bool namespaced = true;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  auto operator<=>(const ResourceType&) const = default;
};

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;

  bool operator==(const OwnerReference&) const = default;
};

struct ObjectMeta {
  std::string name;
  std::string ns;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::string creation_timestamp;  // RFC 3339.
  bool deleting = false;           // metadata.deletionTimestamp is set.
  StringMap labels;
  StringMap annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owners;

  ObjectKey key() const { return {.ns = ns, .name = name}; }
  // Null if no owner has controller: true.
  const OwnerReference* controller() const;
  bool has_finalizer(std::string_view finalizer) const;
  // Empty if absent.
  std::string label(std::string_view key) const;
  std::string annotation(std::string_view key) const;
  bool operator==(const ObjectMeta&) const = default;
};

// Lenient: what is absent or of another type stays empty. Reads `object.metadata`.
ObjectMeta parse_meta(const Json& object);

enum class ConditionStatus { kTrue, kFalse, kUnknown };
std::string_view name_of(ConditionStatus status);  // "True", "False", "Unknown"

// meta/v1 Condition. Types and reasons are upstream's: dashboards read them.
struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;   // Never empty on the wire.
  std::string message;  // For people: what is wrong and what to do.
  std::int64_t observed_generation = 0;
  std::string last_transition_time;  // RFC 3339; set_condition() keeps it while status is the same.

  bool operator==(const Condition&) const = default;
};

using Conditions = std::vector<Condition>;
Conditions parse_conditions(const Json& status);  // Of `status.conditions`.
Json render_conditions(const Conditions& conditions);
// Replaces the one of that type, or appends; `now` (RFC 3339) becomes the transition time if the
// status differs from before.
void set_condition(Conditions& conditions, Condition condition, std::string_view now);
void remove_condition(Conditions& conditions, std::string_view type);
const Condition* find_condition(const Conditions& conditions, std::string_view type);
bool is_true(const Conditions& conditions, std::string_view type);

struct SelectorRequirement {
  std::string key;
  std::string op;  // In, NotIn, Exists, DoesNotExist.
  std::vector<std::string> values;

  bool operator==(const SelectorRequirement&) const = default;
};

struct LabelSelector {
  StringMap match_labels;
  std::vector<SelectorRequirement> match_expressions;

  bool matches(const StringMap& labels) const;
  // As the query parameter labelSelector takes it: "a=b,c in (d,e),!f".
  std::string str() const;
  // Scheduling uses a map: matchLabels, and `In` with one value. kInvalidArgument otherwise.
  Result<StringMap> as_map() const;
  bool operator==(const LabelSelector&) const = default;
};

LabelSelector parse_label_selector(const Json& selector);
Json render_label_selector(const LabelSelector& selector);

}  // namespace rage::apis
