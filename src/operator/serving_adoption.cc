#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "operator/detail/json_path.h"
#include "operator/detail/serving_adoption.h"
#include "operator/detail/serving_pod.h"
#include "operator/detail/serving_shell.h"

namespace rage::op::detail {
namespace {

// Null if there is none.
const Json* find_container(const Json& pod, std::string_view list, std::string_view name) {
  const Json& containers = list_at(pod, {list});
  const auto found = std::ranges::find_if(containers, [&](const Json& container) {
    return codec::string_or(container, "name", "") == name;
  });
  return found == containers.end() ? nullptr : &*found;
}

void keep_immutable_fields(const Json& observed, Json& wanted) {
  const Json* have = codec::find_key(observed, "spec");
  if (have == nullptr) return;
  Json& spec = wanted["spec"];
  for (const std::string_view key :
       {"selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"}) {
    spec.erase(std::string(key));
    if (const Json* value = codec::find_key(*have, key)) spec[std::string(key)] = *value;
  }
  // Without the labels it selects by, a StatefulSet is refused.
  const Json* labels = find_path(*have, {"selector", "matchLabels"});
  if (labels == nullptr || !labels->is_object()) return;
  for (const auto& [key, value] : labels->items())
    spec["template"]["metadata"]["labels"][key] = value;
}

void keep_same_command(const Json* observed, Json& wanted) {
  if (observed == nullptr) return;
  const Json* have = codec::find_key(*observed, "command");
  const Json* want = codec::find_key(wanted, "command");
  if (have != nullptr && want != nullptr && same_command(*have, *want)) wanted["command"] = *have;
}

void keep_same_probes(const Json& observed, Json& wanted) {
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    if (const Json* want = find_path(wanted, {probe, "exec"}); want != nullptr)
      keep_same_command(find_path(observed, {probe, "exec"}), wanted[probe]["exec"]);
  }
}

void keep_containers(const ServingRequest& request, bool same_revision, const Json& observed,
                     Json& wanted) {
  Json& main = wanted["containers"][0];
  const Json* have = find_container(observed, "containers", request.workspace.meta.name);
  if (have == nullptr) return;
  keep_same_command(have, main);
  keep_same_probes(*have, main);
  if (!same_revision || !wanted.contains("initContainers")) return;
  for (Json& init : wanted["initContainers"]) {
    const Json* had =
        find_container(observed, "initContainers", codec::string_or(init, "name", ""));
    if (had != nullptr &&
        codec::string_or(*had, "image", "") == codec::string_or(init, "image", ""))
      init = *had;
  }
}

const Json& node_terms(const Json& pod) {
  return list_at(pod, {"affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                       "nodeSelectorTerms"});
}

// Expressions whatever their order.
std::multimap<std::string, std::string> unordered(const Json& expressions) {
  std::multimap<std::string, std::string> all;
  for (const Json& expression : expressions) {
    const Json* values = codec::find_key(expression, "values");
    all.emplace(codec::string_or(expression, "key", "") + " " +
                    codec::string_or(expression, "operator", ""),
                values == nullptr ? std::string() : codec::render_json(*values));
  }
  return all;
}

void keep_same_affinity(const Json& observed, Json& wanted) {
  const Json& have = node_terms(observed);
  const Json& want = node_terms(wanted);
  if (have.size() != 1 || want.size() != 1) return;
  const Json& expressions = list_at(have.front(), {"matchExpressions"});
  if (expressions.empty()) return;
  if (unordered(expressions) != unordered(list_at(want.front(), {"matchExpressions"}))) return;
  wanted["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        ["nodeSelectorTerms"][0]["matchExpressions"] = Json(expressions);
}

void track_config(const ServingRequest& request, bool same_revision, const Json& observed,
                  Json& wanted) {
  const std::string key(kConfigHashAnnotation);
  const std::string in_pods =
      text_at(observed, {"spec", "template", "metadata", "annotations", kConfigHashAnnotation});
  std::string hash = request.config_hash;
  // A ConfigMap that is gone for a moment is no new configuration.
  if (hash.empty() && !inference_of(request).config.empty()) hash = in_pods;
  if (hash.empty()) return;
  const std::string noted = text_at(observed, {"metadata", "annotations", kConfigHashAnnotation});
  wanted["metadata"]["annotations"][key] = hash;
  const bool begins_tracking =
      observed.is_object() && same_revision && in_pods.empty() && (noted.empty() || noted == hash);
  if (!begins_tracking) wanted["spec"]["template"]["metadata"]["annotations"][key] = hash;
}

}  // namespace

void adopt(const ServingRequest& request, const Json& observed, Json& wanted) {
  const bool same_revision =
      text_at(observed, {"metadata", "annotations", kRevisionAnnotation}) == request.revision;
  track_config(request, same_revision, observed, wanted);
  keep_immutable_fields(observed, wanted);
  const Json* pod = find_path(observed, {"spec", "template", "spec"});
  if (pod == nullptr) return;
  Json& wanted_pod = wanted["spec"]["template"]["spec"];
  if (inference_of(request).preset) keep_containers(request, same_revision, *pod, wanted_pod);
  keep_same_affinity(*pod, wanted_pod);
}

bool has_weights_claim(const Json& observed) {
  return std::ranges::any_of(
      list_at(observed, {"spec", "volumeClaimTemplates"}),
      [](const Json& claim) { return text_at(claim, {"metadata", "name"}) == kWeightsVolume; });
}

}  // namespace rage::op::detail
