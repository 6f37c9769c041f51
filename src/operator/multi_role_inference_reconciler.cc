#include "operator/multi_role_inference_reconciler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "apis/kinds.h"
#include "obs/log.h"
#include "operator/inference_pool.h"
#include "operator/multi_role_inference_plan.h"

namespace rage::op {
namespace {

MultiRoleObservation observe(const Caches& caches, const apis::MultiRoleInference& inference,
                             const Settings& settings) {
  const ObjectMeta& meta = inference.meta;
  MultiRoleObservation observed;
  observed.children = owned_documents(caches.inference_sets, meta.uid);
  for (const apis::InferenceRole& role : inference.roles) {
    Json child = document_of(caches.inference_sets,
                             {.ns = meta.ns, .name = role_name(inference, role.type)});
    const std::string uid = apis::parse_meta(child).uid;
    const bool known = std::ranges::any_of(
        observed.children, [&](const Json& other) { return apis::parse_meta(other).uid == uid; });
    if (child.is_object() && !known) observed.children.push_back(std::move(child));
  }
  if (!settings.inference_extension) return observed;
  for (const kube::Informer* kind : caches.pool_kinds()) {
    for (Json& part : owned_documents(*kind, meta.uid)) {
      observed.pool_objects.push_back(std::move(part));
    }
  }
  Json config =
      document_of(caches.config_maps, {.ns = meta.ns, .name = endpoint_picker_name(meta)});
  if (config.is_object()) observed.pool_objects.push_back(std::move(config));
  if (!inference.epp_plugins_config.empty()) {
    observed.plugins_config =
        document_of(caches.config_maps, {.ns = meta.ns, .name = inference.epp_plugins_config});
  }
  return observed;
}

}  // namespace

Result<kube::Outcome> MultiRoleInferenceReconciler::reconcile(const Context& context,
                                                              const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.multi_role_inferences->find(key);
  if (!object) return kube::Outcome::done();
  const Json document = object->document();
  const auto inference = apis::parse_multi_role_inference(document);
  if (!inference) {
    obs::log().error("object cannot be read", {{"kind", "MultiRoleInference"},
                                               {"key", key.str()},
                                               {"reason", inference.error().message}});
    return kube::Outcome::done();
  }
  Plan plan = plan_multi_role_inference(*inference, observe(caches_, *inference, settings_),
                                        settings_, render_time(hands_.clock.wall_now()));
  return carry_out(context, hands_, apis::multi_role_inference_type(), document,
                   kMultiRoleFinalizer, std::move(plan));
}

}  // namespace rage::op
