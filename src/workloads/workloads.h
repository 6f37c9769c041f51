// What kube-controller-manager, kube-scheduler and the neighbours' controllers do, for a cluster
// that is one machine: runs the plan_*() functions of this room on informers, against any API
// server. Idempotent and level-triggered: kill -9 at any time, start again.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "obs/metrics.h"
#include "workloads/node_plan.h"

namespace rage::workloads {

struct WorkloadsOptions {
  // Absolute. PersistentVolumes are folders in it ("pvc-UID"); the node agent makes them, and they
  // are removed here when their claim is gone.
  std::string volumes_folder;
  LocalCapacity capacity;    // See this_machine().
  bool install_crds = true;  // Those of foreign_crds() that the API server lacks.
  std::string zones_folder = "/usr/share/zoneinfo";  // Of time zones (TZif).
  int workers = 2;  // Reconciles at once, of each kind; the scheduler has one.
  std::chrono::milliseconds sync_timeout{60'000};
};

// CPUs and memory of the machine we run on.
LocalCapacity this_machine();

// Resource. Thread-safe. Owns about 60 threads, nearly all of them asleep. Client, clock and
// metrics outlive it.
class Workloads final {
 public:
  Workloads(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
            WorkloadsOptions options);
  ~Workloads();  // Drains at once.
  Workloads(const Workloads&) = delete;
  Workloads& operator=(const Workloads&) = delete;

  // Once. Installs CRDs, fills the caches, starts the controllers. kInvalidArgument: the options;
  // kDeadlineExceeded, kUnavailable...: the API server, whose message it is.
  Result<void> start(const Context& context);
  // Lets running reconciles end for at most `limit`. Idempotent.
  void drain(std::chrono::milliseconds limit);
  // The caches are filled.
  bool ready() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::workloads
