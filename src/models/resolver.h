// From a reference to files on this machine, downloading what is missing.
#pragma once

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "models/cache.h"
#include "models/hub_client.h"
#include "models/reference.h"

namespace rage::models {

// Thread-safe. Cache, hub and clock outlive it. Without a network, ModelCache::find() does the
// rest.
class ModelResolver final {
 public:
  ModelResolver(const ModelCache& cache, HubClient& hub, Clock& clock)
      : cache_(cache), hub_(hub), clock_(clock) {}

  // Packaged models, files and complete downloads of a full commit need no network. A branch or tag
  // is looked up; if the hub cannot be reached, the copy that it meant last serves. Of several
  // callers, here and in other processes, one downloads and the others wait for it.
  Result<ModelFiles> resolve(const Context& context, const ModelReference& reference,
                             const ProgressCallback& progress = {});

 private:
  Result<ModelFiles> pull(const Context& context, const ModelReference& reference,
                          const HubListing& listing, const ProgressCallback& progress);

  const ModelCache& cache_;
  HubClient& hub_;
  Clock& clock_;
};

}  // namespace rage::models
