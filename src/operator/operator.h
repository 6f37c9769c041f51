// The operator as a whole: caches, controllers, leadership, metrics and health.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kube/client.h"
#include "kube/leader_election.h"
#include "net/http_client.h"
#include "obs/metrics.h"
#include "operator/autoscaler.h"
#include "operator/model_facts.h"
#include "operator/settings.h"

namespace rage::op {

struct OperatorOptions {
  Settings settings;
  int workers = 5;  // Of each controller.
  bool leader_elect = false;
  std::string lease_namespace = "default";
  std::string identity = kube::unique_identity();  // Of this replica.
  std::chrono::milliseconds sync_timeout{120'000};
  AutoscalerOptions autoscaler = {};
  ModelFactsOptions models = {};
};

// Resource. Thread-safe. Client, transport, clock and registry outlive it.
class Operator final {
 public:
  // `transport`: for what is asked of others than the API server.
  Operator(kube::KubeClient& client, net::HttpTransport& transport, Clock& clock,
           obs::MetricRegistry& metrics, OperatorOptions options);
  ~Operator();  // Drains at once.

  // Lists everything, then reconciles, once it leads. An error if the API server does not answer
  // or a kind is missing (its CRD is not installed).
  Result<void> start(const Context& context);
  // Lets running reconciles end, gives the lease back.
  void drain(std::chrono::milliseconds limit);

  bool ready() const;  // Caches are synced.
  // Leadership was lost to somebody else: the process has to end, and starts anew as a follower.
  bool deposed() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::op
