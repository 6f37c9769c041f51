// What the API server fills in for the built-in kinds beyond what their types say.
// Source: Kubernetes API reference v1.36 ("Defaults to ..."), and what kube-apiserver answers.
#pragma once

#include "kubeobjects/resource.h"

namespace rage::kubeobjects {

// Idempotent. Does nothing for kinds of CRDs.
void fill_in_defaults(const Resource& resource, Json& object);
// The status of a new object; null: it has none yet.
Json initial_status(const Resource& resource, const Json& object);

}  // namespace rage::kubeobjects
