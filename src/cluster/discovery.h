// What the API server says about itself: versions, groups, kinds, and as much OpenAPI as clients
// need to validate and explain. Pure. Source: Kubernetes API concepts, "The Kubernetes API";
// apidiscovery.k8s.io/v2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kubeobjects/resource.h"

namespace rage::cluster {

using codec::Json;
using kubeobjects::Registry;

Json version_document();
Json core_versions_document();                   // /api
Json groups_document(const Registry& registry);  // /apis
std::optional<Json> group_document(const Registry& registry, std::string_view group);
// /api/v1, /apis/GROUP/VERSION; none if there is no such version.
std::optional<Json> resources_document(const Registry& registry, std::string_view group,
                                       std::string_view version);
// /api and /apis, aggregated.
Json aggregated_document(const Registry& registry, bool core);

// GET /openapi/v2, in protobuf as kubectl asks for it: a document without definitions. kubectl
// checks Lists against it, finds no type, and leaves the check to the server.
std::string openapi_v2();

// /openapi/v3, and one group's version.
Json openapi_index(const Registry& registry);
std::optional<Json> openapi_document(const Registry& registry, std::string_view group,
                                     std::string_view version);

}  // namespace rage::cluster
