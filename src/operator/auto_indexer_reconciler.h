// AutoIndexers: observe from the caches, plan, carry out.
#pragma once

#include "kube/controller.h"
#include "operator/caches.h"
#include "operator/reconcile.h"
#include "operator/settings.h"

namespace rage::op {

// Thread-safe; what it is given outlives it.
class AutoIndexerReconciler final : public kube::Reconciler {
 public:
  AutoIndexerReconciler(Hands& hands, const Caches& caches, const Settings& settings)
      : hands_(hands), caches_(caches), settings_(settings) {}
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  Hands& hands_;
  const Caches& caches_;
  const Settings& settings_;
};

// Everything that concerns AutoIndexers wakes `controller`.
void watch_auto_indexers(Caches& caches, kube::Controller& controller);

}  // namespace rage::op
