// The reconciler of ModelMirrors, and what a Workspace sees of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/workspace.h"
#include "kube/controller.h"
#include "operator/caches.h"
#include "operator/model_mirror_plan.h"
#include "operator/model_streaming_plan.h"
#include "operator/reconcile.h"
#include "operator/settings.h"

namespace rage::op {

// Thread-safe; what it is given outlives it. The caches have ModelMirrors.
class ModelMirrorReconciler final : public kube::Reconciler {
 public:
  ModelMirrorReconciler(Hands& hands, const Caches& caches, const Settings& settings)
      : hands_(hands), caches_(caches), settings_(settings) {}
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  std::optional<DownloadProgress> ask_progress(const Context& context, const std::string& ns,
                                               const std::string& pod) const;

  Hands& hands_;
  const Caches& caches_;
  const Settings& settings_;
};

// Empty without the gate.
StreamingObservation observe_streaming(const Caches& caches, const apis::Workspace& workspace,
                                       const Settings& settings);

// Whom a claim, job or pod of a mirror concerns, and the Workspaces that a mirror concerns.
std::vector<ObjectKey> mirror_of_claim(const Caches& caches, const kube::Object& claim);
std::vector<ObjectKey> workspaces_of_mirror(const Caches& caches, const kube::Object& mirror);

}  // namespace rage::op
