#include "net/self_signed.h"
#include "workloads/controllers.h"
#include "workloads/cron_job_plan.h"
#include "workloads/detail/json_at.h"
#include "workloads/job_plan.h"
#include "workloads/kinds.h"
#include "workloads/stand_ins.h"
#include "workloads/workflow_plan.h"

namespace rage::workloads {
namespace {

using detail::text_at;

PlanController& add(const Shop& shop, Controllers& controllers, const char* name,
                    kube::Informer& informer, PlanController::Planner planner) {
  controllers.push_back(std::make_unique<PlanController>(shop, name, informer, shop.options.workers,
                                                         std::move(planner)));
  return *controllers.back();
}

void add_jobs(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  add(shop, controllers, "job", *caches.jobs, [&shop, &caches](const Json& job) {
    return plan_job({.job = job,
                     .pods = caches.owned(*caches.pods, apis::parse_meta(job).uid),
                     .now = shop.clock.wall_now()});
  }).also(*caches.pods, kube::to_controller(kinds().job));
  add(shop, controllers, "cronjob", *caches.cron_jobs, [&shop, &caches](const Json& object) {
    return plan_cron_job(
        {.cron_job = object,
         .jobs = caches.owned(*caches.jobs, apis::parse_meta(object).uid),
         .zone = TimeZone::load(shop.options.zones_folder, text_at(object, {"spec", "timeZone"})),
         .now = shop.clock.wall_now()});
  }).also(*caches.jobs, kube::to_controller(kinds().cron_job));
}

void add_workflows(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  auto& workflows =
      add(shop, controllers, "workflow", *caches.workflows, [&shop, &caches](const Json& object) {
        const ObjectMeta meta = apis::parse_meta(object);
        const std::string named = text_at(object, {"spec", "workflowTemplateRef", "name"});
        return plan_workflow(
            {.workflow = object,
             .workflow_template = named.empty() ? Json()
                                                : caches.document(*caches.workflow_templates,
                                                                  {.ns = meta.ns, .name = named}),
             .pods = caches.owned(*caches.pods, meta.uid),
             .claims = caches.owned(*caches.claims, meta.uid),
             .now = shop.clock.wall_now()});
      });
  workflows.also(*caches.pods, kube::to_controller(kinds().workflow));
  workflows.also(*caches.claims, kube::to_controller(kinds().workflow));
  add(shop, controllers, "cronworkflow", *caches.cron_workflows,
      [&shop, &caches](const Json& object) {
        return plan_cron_workflow(
            {.cron_workflow = object,
             .workflows = caches.owned(*caches.workflows, apis::parse_meta(object).uid),
             .zone =
                 TimeZone::load(shop.options.zones_folder, text_at(object, {"spec", "timezone"})),
             .now = shop.clock.wall_now()});
      })
      .also(*caches.workflows, kube::to_controller(kinds().cron_workflow));
}

// Those of `informer` whose Secret, by `name_of`, an object is.
kube::KeyMapper by_secret(const kube::Informer& informer,
                          std::function<std::string(const Json&)> name_of) {
  return [&informer, name_of = std::move(name_of)](const kube::Object& secret) {
    std::vector<ObjectKey> keys;
    for (const kube::ObjectPtr& object : informer.list(secret.meta().ns)) {
      if (name_of(object->document()) == secret.meta().name) keys.push_back(object->meta().key());
    }
    return keys;
  };
}

std::string certificate_secret(const Json& certificate) {
  return text_at(certificate, {"spec", "secretName"});
}
std::string external_secret_target(const Json& external) {
  return text_at(external, {"spec", "target", "name"}, text_at(external, {"metadata", "name"}));
}

void add_stand_ins(const Shop& shop, Controllers& controllers) {
  const Caches& caches = shop.caches;
  add(shop, controllers, "certificate", *caches.certificates, [&shop, &caches](const Json& object) {
    const std::string ns = text_at(object, {"metadata", "namespace"});
    const WallTime now = shop.clock.wall_now();
    return plan_certificate(
        {.certificate = object,
         .secret = caches.document(*caches.secrets, {.ns = ns, .name = certificate_secret(object)}),
         .make =
             [now](const std::vector<std::string>& names) {
               return net::make_self_signed(now, names);
             },
         .now = now});
  }).also(*caches.secrets, by_secret(*caches.certificates, certificate_secret));
  add(shop, controllers, "externalsecret", *caches.external_secrets,
      [&shop, &caches](const Json& object) {
        const std::string ns = text_at(object, {"metadata", "namespace"});
        return plan_external_secret(
            {.external_secret = object,
             .secret = caches.document(*caches.secrets,
                                       {.ns = ns, .name = external_secret_target(object)}),
             .now = shop.clock.wall_now()});
      })
      .also(*caches.secrets, by_secret(*caches.external_secrets, external_secret_target));
}

}  // namespace

void add_tasks(const Shop& shop, Controllers& controllers) {
  add_jobs(shop, controllers);
  add_workflows(shop, controllers);
  add_stand_ins(shop, controllers);
}

}  // namespace rage::workloads
