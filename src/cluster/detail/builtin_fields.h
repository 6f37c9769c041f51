// What the server itself does to objects of built-in kinds. Pure.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kubeobjects/writes.h"

namespace rage::cluster::detail {

using codec::Json;

// A Service keeps its address; a new one gets a free one unless it says otherwise.
void keep_service_address(const Json& live, Json& service,
                          const std::function<std::string()>& free_address);
// Its service account and priority.
void complete_pod(Json& pod);
// A CustomResourceDefinition's status: its names are accepted and it is served.
void establish(const Json& live, Json& crd, const std::string& now);
// A pod that a node runs is marked; the node ends it and deletes it for good with no grace.
void wait_for_node(const kubeobjects::Resource& resource,
                   const kubeobjects::DeletionRequest& request, WallTime now,
                   kubeobjects::Written& written);
// Kinds whose deletion is answered with the object itself.
bool returns_deleted(const kubeobjects::Resource& resource);

inline constexpr const char* kInstancesFinalizer = "customresourcecleanup.apiextensions.k8s.io";

Error version_too_large(std::uint64_t wanted, std::int64_t current);
Error namespace_terminating(const kubeobjects::Resource& resource, std::string_view name,
                            std::string_view ns);

}  // namespace rage::cluster::detail
