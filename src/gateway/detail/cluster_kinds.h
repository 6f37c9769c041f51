// The kinds that a gateway watches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apis/meta.h"
#include "base/context.h"
#include "codec/json.h"
#include "kube/client.h"

namespace rage::gateway::detail {

struct ClusterKind {
  apis::ResourceType type;
  bool required = false;
  std::string field_selector = {};
  std::function<void(codec::Json& document)> trim = {};  // What nobody reads.
};

const std::vector<ClusterKind>& cluster_kinds();

// Plurals of the type's group and version; none if it is not served, or cannot be asked.
std::vector<std::string> served_plurals(kube::KubeClient& client, const Context& context,
                                        const apis::ResourceType& type);

}  // namespace rage::gateway::detail
