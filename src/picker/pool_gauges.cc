#include <algorithm>
#include <cmath>
#include <span>

#include "picker/detail/core.h"

namespace rage::picker::detail {
namespace {

struct Spread {
  double mean = 0;
  double deviation = 0;
};

template <class Value>
Spread spread(std::span<const routing::Endpoint> endpoints, Value value) {
  if (endpoints.empty()) return {};
  double sum = 0;
  double squares = 0;
  for (const routing::Endpoint& endpoint : endpoints) {
    sum += value(endpoint);
    squares += value(endpoint) * value(endpoint);
  }
  const auto count = static_cast<double>(endpoints.size());
  const double mean = sum / count;
  return {.mean = mean, .deviation = std::sqrt(std::max(0.0, squares / count - mean * mean))};
}

}  // namespace

void refresh_gauges(Core& core) {
  const EndpointTable::View view = core.table.view();
  const auto endpoints = view.endpoints();
  PickerMetrics& metrics = core.metrics;
  const Spread kv = spread(endpoints, [](const auto& e) { return e.metrics.kv_usage; });
  const Spread queue = spread(endpoints, [](const auto& e) { return e.metrics.waiting; });
  const Spread running = spread(endpoints, [](const auto& e) { return e.metrics.running; });
  metrics.ready_endpoints.set(static_cast<double>(endpoints.size()));
  metrics.average_kv_usage.set(kv.mean);
  metrics.average_queue.set(queue.mean);
  metrics.average_running.set(running.mean);
  metrics.std_dev_kv_usage.set(kv.deviation);
  metrics.std_dev_queue.set(queue.deviation);
  metrics.std_dev_running.set(running.deviation);
  metrics.saturation.set(core.saturation(endpoints));
  const auto* utilization = std::get_if<routing::UtilizationOptions>(&core.options.saturation);
  if (utilization != nullptr) {
    const SteadyTime now = core.clock.now();
    const auto stale = std::ranges::count_if(endpoints, [&](const auto& endpoint) {
      return routing::is_stale(endpoint.metrics, utilization->stale_after, now);
    });
    metrics.set_stale_endpoints(static_cast<double>(stale));
  }
  for (const routing::Endpoint& endpoint : endpoints) metrics.set_endpoint(endpoint);
  if (!core.admission) return;
  core.admission->visit([&](routing::FlowController& flow) {
    const routing::FlowControlOptions& limits = *core.options.flow_control;
    metrics.global_requests_share.set(share_of(flow.waiting_requests(), limits.requests_max));
    metrics.global_bytes_share.set(share_of(flow.waiting_bytes(), limits.bytes_max));
    for (const routing::BandStatus& band : flow.bands()) metrics.set_band(band);
  });
}

}  // namespace rage::picker::detail
