// One reconciler per kind: observe from the caches, plan, carry out.
#pragma once

#include "apis/workspace.h"
#include "base/mutex.h"
#include "operator/autoscaler.h"
#include "operator/caches.h"
#include "operator/model_facts.h"
#include "operator/plan.h"
#include "operator/reconcile.h"
#include "operator/settings.h"

namespace rage::op {

// All three: thread-safe; what they are given outlives them.

class WorkspaceReconciler final : public kube::Reconciler {
 public:
  WorkspaceReconciler(Hands& hands, Caches& caches, ModelFacts& models, const Settings& settings)
      : hands_(hands), caches_(caches), models_(models), settings_(settings) {}
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  Plan plan(const apis::Workspace& workspace);

  Hands& hands_;
  Caches& caches_;
  ModelFacts& models_;
  const Settings& settings_;
  Mutex placing_;  // Two Workspaces must not be given the same free GPU at the same time.
};

class InferenceSetReconciler final : public kube::Reconciler {
 public:
  InferenceSetReconciler(Hands& hands, const Caches& caches, const ScalingReports& scaling,
                         const Settings& settings)
      : hands_(hands), caches_(caches), scaling_(scaling), settings_(settings) {}
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  Hands& hands_;
  const Caches& caches_;
  const ScalingReports& scaling_;
  const Settings& settings_;
};

class RagEngineReconciler final : public kube::Reconciler {
 public:
  RagEngineReconciler(Hands& hands, const Caches& caches, const Settings& settings)
      : hands_(hands), caches_(caches), settings_(settings) {}
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  Hands& hands_;
  const Caches& caches_;
  const Settings& settings_;
};

}  // namespace rage::op
