// Which object wakes which controller, and what each observes. Between the informers and the
// plan_*() functions; no decisions.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kube/controller.h"
#include "workloads/caches.h"
#include "workloads/carry_out.h"
#include "workloads/workloads.h"

namespace rage::workloads {

// What every controller works with; outlives it.
struct Shop {
  const Hands& hands;
  const Caches& caches;
  Clock& clock;
  obs::MetricRegistry& metrics;
  const WorkloadsOptions& options;
};

// Resource. Thread-safe. One kind's controller: reads the object, plans, carries out.
class PlanController final {
 public:
  using Planner = std::function<Plan(const Json& document)>;
  // `informer` has the objects themselves.
  PlanController(const Shop& shop, std::string name, kube::Informer& informer, int workers,
                 Planner planner);

  // `informer`'s objects, too, wake those that `mapper` names.
  void also(kube::Informer& informer, kube::KeyMapper mapper) {
    controller_.watch(informer, std::move(mapper));
  }
  kube::Controller& controller() { return controller_; }

 private:
  class Reconciler final : public kube::Reconciler {
   public:
    Reconciler(const Shop& shop, const kube::Informer& informer, Planner planner)
        : shop_(shop), informer_(informer), planner_(std::move(planner)) {}
    Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

   private:
    const Shop& shop_;
    const kube::Informer& informer_;
    const Planner planner_;
  };

  Reconciler reconciler_;
  kube::Controller controller_;
};

using Controllers = std::vector<std::unique_ptr<PlanController>>;

// ReplicaSet, Deployment, StatefulSet, Rollout.
void add_replicated(const Shop& shop, Controllers& controllers);
// Nodes, the scheduler, claims and volumes, EndpointSlices.
void add_placement(const Shop& shop, Controllers& controllers);
// Job, CronJob, Workflow, CronWorkflow; Certificate and ExternalSecret.
void add_tasks(const Shop& shop, Controllers& controllers);

}  // namespace rage::workloads
