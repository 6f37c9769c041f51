#include "operator/model_mirror_reconciler.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "apis/kinds.h"
#include "obs/log.h"
#include "operator/detail/json_path.h"

namespace rage::op {
namespace {

// A pod that does not answer costs a worker no more than this; the next poll asks again.
constexpr std::chrono::seconds kAnswerLimit{2};

std::vector<Json> labelled(const kube::Informer& informer, const std::string& mirror,
                           const std::string& ns) {
  std::vector<Json> documents;
  for (const kube::ObjectPtr& object : informer.by_index(kByMirror, mirror)) {
    if (object->meta().ns == ns) documents.push_back(object->document());
  }
  return documents;
}

ObservedMirror observe_mirror(const Caches& caches, const kube::Object& object) {
  ObservedMirror observed{
      .mirror = object.document(), .claim = {}, .volume = {}, .storage_class = {}};
  const Json& mirror = observed.mirror;
  const std::string ns = detail::text_at(mirror, {"spec", "jobNamespace"});
  const std::string name = detail::text_at(mirror, {"spec", "storage", "storageClassName"});
  observed.claim = document_of(caches.volume_claims, {.ns = ns, .name = object.meta().name});
  observed.storage_class = document_of(caches.storage_classes, {.ns = "", .name = name});
  const std::string volume = detail::text_at(observed.claim, {"spec", "volumeName"});
  if (caches.volumes && !volume.empty()) {
    observed.volume = document_of(*caches.volumes, {.ns = "", .name = volume});
  }
  return observed;
}

}  // namespace

std::optional<DownloadProgress> ModelMirrorReconciler::ask_progress(const Context& context,
                                                                    const std::string& ns,
                                                                    const std::string& pod) const {
  Context bounded = context;
  const SteadyTime limit = std::chrono::steady_clock::now() + kAnswerLimit;
  bounded.deadline = std::min(bounded.deadline.value_or(limit), limit);
  const auto answer = hands_.client.get_raw(
      bounded,
      fmt::format("/api/v1/namespaces/{}/pods/{}:{}/proxy/metrics", ns, pod, kMirrorProgressPort));
  if (answer) return parse_download_progress(*answer);
  // Progress is a convenience: the pod may just be starting, or the API server may not reach it.
  obs::log().debug("no progress of a download", {{"pod", pod}, {"error", answer.error().message}});
  return std::nullopt;
}

Result<kube::Outcome> ModelMirrorReconciler::reconcile(const Context& context,
                                                       const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.model_mirrors->find(key);
  if (!object) return kube::Outcome::done();
  const Json document = object->document();
  const auto mirror = apis::parse_model_mirror(document);
  if (!mirror) {
    obs::log().error(
        "object cannot be read",
        {{"kind", "ModelMirror"}, {"key", key.str()}, {"reason", mirror.error().message}});
    return kube::Outcome::done();
  }
  ModelMirrorObservation observed;
  if (mirror->mode == apis::MirrorMode::kManaged) {
    const std::string& ns = mirror->job_namespace;
    observed.claim = document_of(caches_.volume_claims, mirror_claim(*mirror));
    observed.jobs = labelled(caches_.jobs, key.name, ns);
    observed.pods = labelled(caches_.pods, key.name, ns);
    observed.storage_class_exists =
        caches_.storage_classes.find({.ns = "", .name = mirror->storage_class}) != nullptr;
    const std::string pod = downloading_pod(observed.pods);
    if (!pod.empty() && !mirror->meta.deleting) observed.progress = ask_progress(context, ns, pod);
  }
  Plan plan = plan_model_mirror(*mirror, observed, settings_, render_time(hands_.clock.wall_now()));
  return carry_out(context, hands_, apis::model_mirror_type(), document, kModelMirrorFinalizer,
                   std::move(plan));
}

StreamingObservation observe_streaming(const Caches& caches, const apis::Workspace& workspace,
                                       const Settings& settings) {
  StreamingObservation observed;
  if (!caches.model_mirrors || !wants_streaming(workspace, settings)) return observed;
  const std::string& preset = workspace.inference->preset->name;
  const std::string& ns = workspace.meta.ns;
  std::set<std::string> seen;
  const auto add = [&](const kube::ObjectPtr& mirror) {
    if (!mirror || !seen.insert(mirror->meta().name).second) return;
    observed.mirrors.push_back(observe_mirror(caches, *mirror));
  };
  for (const auto& mirror : caches.model_mirrors->by_index(kByModel, mirrored_model_key(preset))) {
    add(mirror);
  }
  // Whoever has the name that a new one would get.
  for (const std::string& name : {mirror_name(preset, ns), mirror_name(preset, "")}) {
    add(caches.model_mirrors->find({.ns = "", .name = name}));
  }
  const StreamingNames names = streaming_names(workspace.meta, settings);
  observed.storage_class =
      document_of(caches.storage_classes, {.ns = "", .name = names.storage_class});
  if (const kube::Informer* accounts = caches.service_accounts()) {
    observed.service_account = document_of(*accounts, {.ns = ns, .name = names.service_account});
  }
  return observed;
}

std::vector<ObjectKey> mirror_of_claim(const Caches& caches, const kube::Object& claim) {
  const ObjectKey key{.ns = "", .name = claim.meta().name};
  return caches.model_mirrors->find(key) ? std::vector<ObjectKey>{key} : std::vector<ObjectKey>{};
}

std::vector<ObjectKey> workspaces_of_mirror(const Caches& caches, const kube::Object& mirror) {
  std::vector<ObjectKey> keys;
  for (const std::string& value : model_of_mirror(mirror)) {
    for (const kube::ObjectPtr& workspace : caches.workspaces.by_index(kByModel, value)) {
      keys.push_back(workspace->meta().key());
    }
  }
  return keys;
}

}  // namespace rage::op
