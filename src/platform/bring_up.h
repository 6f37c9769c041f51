// From manifests to something that serves: what is read, what is waited for, and what it says
// meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"
#include "platform/apply.h"

namespace rage::platform {

// Objects of manifests (`-f`) and of kustomizations (`-k`), in the order given.
Result<std::vector<Json>> gather_manifests(const std::vector<std::string>& files,
                                           const std::vector<std::string>& kustomizations);

// Value. How far an object is.
struct Readiness {
  enum class State { kReady, kPending, kNothingToWaitFor, kHopeless };
  State state = State::kNothingToWaitFor;  // kHopeless: pending, and no wait will change it.
  std::string why = {};  // Of what is pending: "1/2 ready", "ContainerCrashLoopBackOff: ...".
};

// Pure. By the kind: a condition of ours, counts of a workload, Programmed of a Gateway.
Readiness readiness_of(const Json& object);

// Pure. `readiness` of a pending workload with what its pods say: the reason why a container waits,
// and kHopeless where that is an image that this machine cannot run.
Readiness explained_by_pods(Readiness readiness, const std::vector<Json>& pods);

// A pending object says something else than before, or became ready.
using OnProgress = std::function<void(const AppliedObject& object, const Readiness& readiness)>;

// Until all are ready, or what is not never will be. kDeadlineExceeded and kFailedPrecondition name
// those that are not, and why.
Result<void> wait_ready(const Context& context, kube::KubeClient& client, Clock& clock,
                        const std::vector<AppliedObject>& objects, const OnProgress& on_progress);

}  // namespace rage::platform
