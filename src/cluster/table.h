// Objects as the table that `kubectl get` prints: meta/v1 Table. Pure.
// Source: Kubernetes API concepts, "Receiving resources as Tables"; kubectl's output.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "kubeobjects/resource.h"

namespace rage::cluster {

using codec::Json;

// `list_meta` becomes the table's metadata. Rows carry their object's metadata.
Json render_table(const kubeobjects::Resource& resource, const std::vector<Json>& objects,
                  Json list_meta, WallTime now);

// The object as meta/v1 PartialObjectMetadata.
Json metadata_only(const Json& object);

}  // namespace rage::cluster
