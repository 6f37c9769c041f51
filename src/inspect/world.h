// What was seen of a cluster at one moment, and who belongs to whom in it. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/documents.h"

namespace rage::inspect {

// "Secret", "ConfigMap" or "Service" that something names.
struct Reference {
  std::string kind;
  ObjectKey key;
  std::string field = {};  // Where it is named: ".inference.config".
  std::string entry = {};  // The key of its data that is needed; empty: any.

  auto operator<=>(const Reference&) const = default;
};

// Value. Thread-compatible; what is found in it lives as long as it does.
struct World {
  std::map<std::string, std::vector<Json>, std::less<>> documents;  // By kind.
  std::set<std::string, std::less<>> unknown_kinds;                 // The server has none such.
  std::map<std::string, std::string, std::less<>> unseen;           // Plural: why not.
  // Named objects: the keys of their data, never the values; none: it is not there.
  std::map<Reference, std::optional<std::set<std::string>>> named;
  std::map<std::string, std::string, std::less<>> logs;  // "ns/pod/container": its last lines.

  const std::vector<Json>& of(std::string_view kind) const;
  const Json* find(std::string_view kind, const ObjectKey& key) const;
  // True: there; false: not there; none: nobody looked, or was allowed to.
  std::optional<bool> exists(std::string_view kind, const ObjectKey& key) const;

  // By owner reference, or by the labels that stand for one where the original sets none. Sorted by
  // kind and name.
  std::vector<const Json*> children_of(const Json& object) const;
  // It, its children, theirs..., each once, parents first.
  std::vector<const Json*> family_of(const Json& object) const;
  std::vector<const Json*> pods_of(const Json& object) const;
  // Oldest first.
  std::vector<const Json*> events_of(const Json& object) const;
};

// When it happened last; "" if it does not say.
std::string time_of_event(const Json& event);
int count_of_event(const Json& event);
void sort_events(std::vector<const Json*>& events);  // Oldest first.

// Secrets, ConfigMaps and Services that it cannot work without.
std::vector<Reference> references_of(const Json& object);

// Labels of `object` have all of `wanted`; nothing wanted matches nothing.
bool has_labels(const Json& object, const apis::StringMap& wanted);

}  // namespace rage::inspect
