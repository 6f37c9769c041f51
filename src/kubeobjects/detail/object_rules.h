// Rules of objects that a schema does not say.
#pragma once

#include <vector>

#include "kubeobjects/resource.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects::detail {

// Name, labels, annotations, owners, finalizers.
std::vector<Cause> metadata_problems(const Resource& resource, const Json& object);
// Of built-in kinds: selectors, ports, what must be there.
std::vector<Cause> builtin_problems(const Resource& resource, const Json& object);
// What an update must not change.
std::vector<Cause> immutability_problems(const Resource& resource, const Json& live,
                                         const Json& next);

// "a.b.c" in an object; null if it is not there.
const Json* find_at(const Json& object, std::string_view path);

}  // namespace rage::kubeobjects::detail
