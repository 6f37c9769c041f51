// Pods from the user's own template: what is ours is added, what is theirs stays.
#include <algorithm>
#include <utility>

#include "operator/detail/serving_pod.h"

namespace rage::op::detail {
namespace {

// As an object member to write to; anything but an object there is replaced.
Json& object_at(Json& parent, const std::string& key) {
  Json& member = parent[key];
  if (!member.is_object()) member = Json::object();
  return member;
}

// Terms are alternatives, so each one must also say ours. A term without any condition matches no
// node; it stays that way.
void require_nodes(const Json& expressions, Json& pod) {
  if (expressions.empty()) return;
  Json& affinity = object_at(object_at(pod, "affinity"), "nodeAffinity");
  Json& required = object_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
  Json& terms = required["nodeSelectorTerms"];
  if (!terms.is_array() || terms.empty()) terms = Json::array({{{"matchExpressions", nullptr}}});
  for (Json& term : terms) {
    if (!term.is_object() || term.empty()) continue;
    Json& own = term["matchExpressions"];
    if (!own.is_array()) own = Json::array();
    for (const Json& expression : expressions) {
      if (std::ranges::find(own, expression) == own.end()) own.push_back(expression);
    }
  }
}

void tolerate(const Json& wanted, Json& pod) {
  Json& own = pod["tolerations"];
  if (!own.is_array()) own = Json::array();
  for (const Json& toleration : wanted) {
    if (std::ranges::find(own, toleration) == own.end()) own.push_back(toleration);
  }
}

}  // namespace

Result<Json> merged_template(const ServingRequest& request) {
  const Json& user = inference_of(request).pod_template;
  const Json* spec = codec::find_key(user, "spec");
  if (spec == nullptr || !spec->is_object()) {
    return fail(ErrorCode::kInvalidArgument, "inference.template.spec is missing");
  }
  const Json* containers = codec::find_key(*spec, "containers");
  if (containers == nullptr || !containers->is_array() || containers->empty()) {
    return fail(ErrorCode::kInvalidArgument, "inference.template.spec.containers is missing");
  }
  Json merged = {{"metadata", Json::object()}, {"spec", *spec}};
  // Only what a pod template can carry: Go clients write "creationTimestamp": null here.
  for (const std::string_view key : {"labels", "annotations"}) {
    const Json* metadata = codec::find_key(user, "metadata");
    const Json* entries = metadata == nullptr ? nullptr : codec::find_key(*metadata, key);
    if (entries != nullptr && entries->is_object()) merged["metadata"][std::string(key)] = *entries;
  }
  Json& labels = object_at(merged["metadata"], "labels");
  const Json ours = selector_labels(request.workspace);
  for (const auto& [key, value] : ours.items()) labels[key] = value;
  require_nodes(node_expressions(request), merged["spec"]);
  tolerate(tolerations(request), merged["spec"]);
  return merged;
}

}  // namespace rage::op::detail
