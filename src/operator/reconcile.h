// The edge of every reconcile: carries out a plan against the API server. No decisions here.
#pragma once

#include <vector>

#include "apis/meta.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/event_recorder.h"
#include "kube/informer.h"
#include "operator/plan.h"

namespace rage::op {

// What acting needs; everything outlives the reconcilers that hold it.
struct Hands {
  kube::KubeClient& client;
  kube::EventRecorder& events;
  Clock& clock;
  std::vector<kube::Informer*> informers;  // Whose caches are told of what was written.
};

// One change; what the API server has now, or null if there is nothing to remember. The error says
// what was tried.
Result<Json> write_change(const Context& context, kube::KubeClient& client, const Change& change);

// Changes in order, then the status (if it differs from `document`'s), then the finalizer if
// `plan.release`; stops at the first error, but the status is written even then: it is what a
// person looks at. A message of the error is added to the conditions that are not True.
Result<kube::Outcome> carry_out(const Context& context, Hands& hands, const ResourceType& type,
                                const Json& document, std::string_view finalizer, Plan plan);

// The error of this pass, as upstream shows it: " (last reconcile error: ...)" after the message of
// each condition in `status` that is not True, unless it is there already.
void add_error(Json& status, const Error& error);

}  // namespace rage::op
