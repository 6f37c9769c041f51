// A controller: informers feed keys into a queue, workers reconcile them, one key at a time.
// Metrics carry controller-runtime's names, so that its dashboards work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/informer.h"
#include "kube/work_queue.h"
#include "obs/metrics.h"

namespace rage::kube {

struct Outcome {
  std::optional<std::chrono::milliseconds> requeue_after = std::nullopt;  // 0: with back-off.

  static Outcome done() { return {}; }
  static Outcome after(std::optional<std::chrono::milliseconds> delay) { return {delay}; }
};

// Interface. reconcile() runs on several threads at once, but never twice for one key.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // An error is logged, counted and retried with back-off (after its retry_after, if it has one).
  virtual Result<Outcome> reconcile(const Context& context, const ObjectKey& key) = 0;
};

struct ControllerOptions {
  std::string name;  // "workspace"
  int workers = 5;
  std::chrono::milliseconds reconcile_timeout{60'000};
  WorkQueueOptions queue = {};
};

using KeyMapper = std::function<std::vector<ObjectKey>(const Object&)>;

// Mapper for owned objects: the controlling owner, if it is of `owner`'s group and kind.
KeyMapper to_controller(const ResourceType& owner);

// Resource. Thread-safe. References outlive it.
class Controller final {
 public:
  Controller(Reconciler& reconciler, Clock& clock, obs::MetricRegistry& metrics,
             ControllerOptions options);
  ~Controller();  // Drains at once.
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Before start(). Objects themselves become keys, or what `mapper` makes of before and after.
  void watch(Informer& informer, KeyMapper mapper = {});
  void enqueue(const ObjectKey& key);
  // Waits for no informer: call it once they are synced.
  void start();
  // Lets running reconciles end for at most `limit`, then cancels them. Idempotent; joins.
  void drain(std::chrono::milliseconds limit);
  // Reconciles so far, for tests and `/metrics`.
  std::uint64_t reconciles() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::kube
