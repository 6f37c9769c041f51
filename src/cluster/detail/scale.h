// The scale subresource: autoscaling/v1 Scale over another kind. Pure.
#pragma once

#include "base/error.h"
#include "kubeobjects/resource.h"

namespace rage::cluster::detail {

using codec::Json;

// 404 if the kind has none.
Result<Json> render_scale(const kubeobjects::Resource& resource, const Json& object);
// `live` with the replicas that `scale` asks for, and its resourceVersion if it has one.
Result<Json> with_scale(const kubeobjects::Resource& resource, const Json& live, const Json& scale);

}  // namespace rage::cluster::detail
