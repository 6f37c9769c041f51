#include "operator/autoscale_keda.h"

#include <algorithm>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/json_path.h"

namespace rage::op {
namespace {

using apis::ConditionStatus;

bool is_ours(const apis::InferenceSet& set, const Json& object) {
  const ObjectMeta meta = apis::parse_meta(object);
  const apis::OwnerReference* owner = meta.controller();
  return owner != nullptr && owner->uid == set.meta.uid;
}

Json window(std::chrono::seconds length) {
  return {{"stabilizationWindowSeconds", length.count()}};
}

}  // namespace

const ResourceType& scaled_object_type() {
  static const ResourceType type{
      .group = "keda.sh", .version = "v1alpha1", .kind = "ScaledObject", .plural = "scaledobjects"};
  return type;
}

Result<Autoscaler> discover_autoscaler(const Context& context, kube::KubeClient& client) {
  const auto kinds = client.get_raw(context, "/apis/" + scaled_object_type().api_version());
  if (!kinds && kinds.error().code == ErrorCode::kNotFound) return Autoscaler::kNative;
  if (!kinds) return fail(Error(kinds.error()).with_context("looking for KEDA"));
  const auto list = codec::parse_json(*kinds);
  if (!list) return Autoscaler::kNative;
  for (const Json& resource : detail::list_at(*list, {"resources"})) {
    if (detail::text_at(resource, {"name"}) == scaled_object_type().plural)
      return Autoscaler::kKeda;
  }
  return Autoscaler::kNative;
}

Json render_scaled_object(const apis::InferenceSet& set, const ScaleSettings& scale,
                          const Settings& settings) {
  Json object = object_of(scaled_object_type(), set.meta.key());
  set_owner(object, apis::inference_set_type(), set.meta);
  Json& spec = object["spec"];
  spec["scaleTargetRef"] = {{"apiVersion", apis::inference_set_type().api_version()},
                            {"kind", apis::inference_set_type().kind},
                            {"name", set.meta.name}};
  // The metric comes from the replicas: without one, nothing would ever bring it back.
  const int least = std::max(scale.replicas_min, 1);
  spec["minReplicaCount"] = least;
  spec["maxReplicaCount"] = std::max(scale.replicas_max, least);
  spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] = {
      {"scaleUp", window(scale.up_window)}, {"scaleDown", window(scale.down_window)}};
  Json trigger = {{"type", "external"}, {"name", "keda-kaito-scaler"}};
  // The scaler tells the sum over all replicas.
  trigger["metricType"] = "AverageValue";
  trigger["authenticationRef"] = {{"kind", "ClusterTriggerAuthentication"},
                                  {"name", "keda-kaito-scaler-creds"}};
  trigger["metadata"] = {{"scalerAddress", settings.keda_scaler_address},
                         {"inferenceSetName", set.meta.name},
                         {"inferenceSetNamespace", set.meta.ns},
                         {"metricName", scale.metric},
                         {"threshold", fmt::format("{:g}", scale.threshold)}};
  spec["triggers"] = Json::array({std::move(trigger)});
  return object;
}

ScalingReport plan_scaled_object(const apis::InferenceSet& set,
                                 const std::optional<ScaleSettings>& scale, const Json& observed,
                                 const Settings& settings, std::vector<Change>& changes) {
  const bool there = observed.is_object();
  if (there && !is_ours(set, observed)) {
    return {ConditionStatus::kUnknown, "ForeignScaledObject",
            fmt::format("ScaledObject {} is not this operator's and is left as it is: delete it, "
                        "or take the annotation {} off",
                        set.meta.name, kAutoProvision)};
  }
  if (!scale) {
    if (there) {
      changes.emplace_back(DeleteObject{.type = scaled_object_type(),
                                        .key = set.meta.key(),
                                        .uid = apis::parse_meta(observed).uid});
    }
    return {};
  }
  plan_apply(changes, scaled_object_type(), render_scaled_object(set, *scale, settings), observed);
  const Json* ready = detail::find_condition_json(observed, "Ready");
  if (ready != nullptr && detail::text_at(*ready, {"status"}) == "False") {
    return {ConditionStatus::kFalse, "ScaledObjectNotReady",
            "KEDA says: " + detail::text_at(*ready, {"message"})};
  }
  std::string message = fmt::format(
      "KEDA scales it by ScaledObject {}: between {} and {} replicas for {:g} of {} "
      "each",
      set.meta.name, std::max(scale->replicas_min, 1), scale->replicas_max, scale->threshold,
      scale->metric);
  if (scale->replicas_min == 0) {
    message +=
        "; not to zero, because KEDA learns the load from the replicas themselves "
        "(--autoscaler=native can)";
  }
  return {ConditionStatus::kTrue, "ScaledObjectManaged", std::move(message)};
}

}  // namespace rage::op
