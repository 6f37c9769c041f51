// The edge of scaling: asks the replicas of annotated InferenceSets how busy they are, and writes
// what plan_scale() decides through the scale subresource.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "net/http_client.h"
#include "operator/autoscale.h"
#include "operator/autoscale_metrics.h"
#include "operator/caches.h"
#include "operator/reconcile.h"

namespace rage::op {

struct AutoscalerOptions {
  std::string metrics_url = "http://{ip}:{port}/metrics";  // metrics_url()
  std::chrono::milliseconds interval{15'000};              // Between two samples of a set.
  std::chrono::milliseconds scrape_timeout{2'000};
};

// What the scaler last found out about each set; its InferenceSet controller tells it in the
// status. Thread-safe.
class ScalingReports final {
 public:
  std::optional<ScalingReport> find(const ObjectKey& set) const;
  // True if that is news.
  bool put(const ObjectKey& set, ScalingReport report);
  void forget(const ObjectKey& set);

 private:
  Guarded<std::map<ObjectKey, ScalingReport>> reports_;
};

// Of a set: measure, decide, act; again after the interval. It waits for the replicas' answers, so
// it has a controller, and workers, of its own. Thread-safe; what it is given outlives it.
class AutoscaleReconciler final : public kube::Reconciler {
 public:
  // `on_news` hears of sets whose report has changed.
  AutoscaleReconciler(Hands& hands, Caches& caches, net::HttpTransport& transport,
                      ScalingReports& reports, AutoscalerOptions options,
                      std::function<void(const ObjectKey&)> on_news);
  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override;

 private:
  struct Replica;
  std::vector<Replica> replicas_of(const apis::InferenceSet& set,
                                   const std::vector<apis::Workspace>& children) const;
  std::vector<ReplicaLoad> ask(const Context& context, const std::vector<Replica>& replicas,
                               const std::string& metric) const;
  ReplicaLoad ask_one(const Context& context, const MetricsTarget& target,
                      const std::string& metric) const;
  // The annotations of waking, if there is anything to do about them; true if there was.
  Result<bool> wake(const Context& context, const apis::InferenceSet& set,
                    const ScaleSettings& settings, const std::vector<Replica>& replicas);
  std::optional<std::chrono::milliseconds> too_early(const ObjectKey& key) const;
  Result<void> scale(const Context& context, const apis::InferenceSet& set,
                     const ScaleDecision& decision);
  void forget(const ObjectKey& key);

  Hands& hands_;
  Caches& caches_;
  net::HttpTransport& transport_;
  ScalingReports& reports_;
  const AutoscalerOptions options_;
  const std::function<void(const ObjectKey&)> on_news_;
  Guarded<std::map<ObjectKey, ScaleHistory>> histories_;
};

// The sets that ask for it: a mapper that reads no others.
std::vector<ObjectKey> autoscaled_set(const kube::Object& set);

}  // namespace rage::op
