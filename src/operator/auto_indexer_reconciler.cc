#include "operator/auto_indexer_reconciler.h"

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "obs/log.h"
#include "operator/auto_indexer_plan.h"
#include "operator/detail/auto_indexer_objects.h"

namespace rage::op {
namespace {

std::vector<ObjectKey> by_label(const kube::Object& object) {
  const std::string name = object.meta().label(detail::kAutoIndexerLabel);
  if (name.empty()) return {};
  return {{.ns = object.meta().ns, .name = name}};
}

AutoIndexerObservation observe(const Caches& caches, const apis::AutoIndexer& indexer) {
  const ObjectMeta& meta = indexer.meta;
  AutoIndexerObservation observed;
  observed.engine = document_of(caches.rag_engines, {.ns = meta.ns, .name = indexer.rag_engine});
  observed.cron_job =
      document_of(caches.cron_jobs, {.ns = meta.ns, .name = detail::cron_job_name(indexer)});
  observed.jobs = owned_documents(caches.jobs, meta.uid);
  if (observed.cron_job.is_object()) {
    auto scheduled = owned_documents(caches.jobs, apis::parse_meta(observed.cron_job).uid);
    std::ranges::move(scheduled, std::back_inserter(observed.jobs));
  }
  for (const auto& pod : caches.pods.by_index(kByAutoIndexer, meta.key().str())) {
    observed.pods.push_back(pod->document());
  }
  return observed;
}

}  // namespace

Result<kube::Outcome> AutoIndexerReconciler::reconcile(const Context& context,
                                                       const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.auto_indexers.find(key);
  if (!object) return kube::Outcome::done();  // Deleted: owner references collect the children.
  const Json document = object->document();
  const auto indexer = apis::parse_auto_indexer(document);
  if (!indexer) {
    obs::log().error("object cannot be read", {{"kind", apis::auto_indexer_type().kind},
                                               {"key", key.str()},
                                               {"reason", indexer.error().message}});
    return kube::Outcome::done();
  }
  Plan plan = plan_auto_indexer(*indexer, observe(caches_, *indexer), settings_,
                                render_time(hands_.clock.wall_now()));
  return carry_out(context, hands_, apis::auto_indexer_type(), document, kAutoIndexerFinalizer,
                   std::move(plan));
}

void watch_auto_indexers(Caches& caches, kube::Controller& controller) {
  controller.watch(caches.auto_indexers);
  controller.watch(caches.cron_jobs, kube::to_controller(apis::auto_indexer_type()));
  // Jobs and pods of a CronJob are not ours directly, but they carry our label.
  controller.watch(caches.jobs, by_label);
  controller.watch(caches.pods, by_label);
  controller.watch(caches.rag_engines, [&caches](const kube::Object& engine) {
    std::vector<ObjectKey> keys;
    const std::string name = engine.meta().key().str();
    for (const auto& user : caches.auto_indexers.by_index(kByRagEngine, name)) {
      keys.push_back(user->meta().key());
    }
    return keys;
  });
}

}  // namespace rage::op
