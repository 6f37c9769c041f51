// Defaults of pods, wherever they stand.
#pragma once

#include <string>
#include <utility>

#include "codec/json.h"

namespace rage::kubeobjects::detail {

using codec::Json;

// Sets a field that is absent. By value: a new key moves its siblings, which `value` may be one of.
inline void fill(Json& object, const char* key, Json value) {
  if (object.is_object() && !object.contains(key)) object[key] = std::move(value);
}

// The object at `key`, made if absent.
inline Json& section(Json& object, const char* key) {
  Json& found = object[key];
  if (!found.is_object()) found = Json::object();
  return found;
}

// Of a pod; of a pod or a template of one.
void pod_defaults(Json& spec);
void pod_spec_defaults(Json& spec);
// "Guaranteed", "Burstable", "BestEffort".
std::string qos_class(const Json& pod);

}  // namespace rage::kubeobjects::detail
