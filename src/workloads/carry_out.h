// The edge of every reconcile: carries out a plan against the API server. No decisions here.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "kube/controller.h"
#include "kube/event_recorder.h"
#include "kube/informer.h"
#include "workloads/plan.h"

namespace rage::workloads {

// Resource. Thread-safe. UIDs of what we deleted and the watch may not have shown yet, the newest
// few thousand: a cache would offer them as if nothing had happened.
class Deleted final {
 public:
  void add(const std::string& uid);
  bool contains(const std::string& uid) const;

 private:
  struct Seen {
    std::set<std::string> uids;
    std::deque<std::string> order;
  };
  Guarded<Seen> seen_;
};

// What acting needs; everything outlives whoever holds it.
struct Hands {
  kube::KubeClient& client;
  kube::EventRecorder& events;
  Deleted& deleted;
  std::string volumes_folder;                   // Where folders may be removed; empty: nowhere.
  std::vector<kube::Informer*> informers = {};  // Whose caches are told of what was written.
};

// Changes in order, then events, then the status if it differs from `document`'s; stops at the
// first error, but the status is written even then. kNotFound of something that is gone meanwhile
// is success: whoever watches it comes back.
Result<kube::Outcome> carry_out(const Context& context, const Hands& hands,
                                const ResourceType& type, const Json& document, const Plan& plan);

}  // namespace rage::workloads
