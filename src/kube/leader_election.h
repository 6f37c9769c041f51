// One active replica, by a coordination.k8s.io/v1 Lease; as client-go's leader election: whoever
// sees the record unchanged for lease_duration may take it, by optimistic locking.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "kube/client.h"

namespace rage::kube {

// The host's name (in a pod: the pod's) and a random part: a container that starts anew in its pod
// is another candidate.
std::string unique_identity();

struct LeaderElectionOptions {
  ObjectKey lease;
  std::string identity = unique_identity();
  std::chrono::milliseconds lease_duration{15'000};
  std::chrono::milliseconds renew_deadline{10'000};  // Not renewed for this long: no leader.
  std::chrono::milliseconds retry_period{2'000};
};

// Resource. Thread-safe. Owns one thread from start() on. Callbacks run on it.
class LeaderElection final {
 public:
  LeaderElection(KubeClient& client, Clock& clock, LeaderElectionOptions options);
  ~LeaderElection();
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;

  // `on_started` once we lead; `on_stopped` once we no longer do (the process then exits; it is not
  // tried again). Neither may block for long: nobody renews meanwhile. stop() waits for both.
  void start(std::function<void()> on_started, std::function<void()> on_stopped);
  // Gives the lease up, after `on_stopped`, so that the next one need not wait; idempotent.
  void stop();
  // False from renew_deadline after the last renewal on, even if the thread hangs.
  bool leading() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::kube
