#include "gateway/metrics.h"

#include <algorithm>
#include <vector>

namespace rage::gateway {
namespace {

const std::vector<double>& buckets() {
  static const std::vector<double> kBuckets = {.001, .005, .01, .025, .05, .1, .25, .5,
                                               1,    2.5,  5,   10,   30,  60, 120, 300};
  return kBuckets;
}

std::array<obs::Counter*, 6> request_counters(obs::MetricRegistry& registry) {
  std::array<obs::Counter*, 6> counters{};
  static constexpr std::array<const char*, 6> kClasses = {"none", "1xx", "2xx",
                                                          "3xx",  "4xx", "5xx"};
  for (std::size_t i = 0; i < counters.size(); ++i) {
    counters[i] = &registry.counter("gateway_requests_total", "Requests answered, by status class.",
                                    {{"status", kClasses[i]}});
  }
  return counters;
}

}  // namespace

GatewayMetrics::GatewayMetrics(obs::MetricRegistry& registry)
    : requests_by_class(request_counters(registry)),
      client_gone(registry.counter("gateway_requests_client_gone_total",
                                   "Requests whose client left before the answer was complete.")),
      aborted(registry.counter("gateway_responses_aborted_total",
                               "Responses cut off because their backend failed.")),
      request_seconds(registry.histogram("gateway_request_duration_seconds",
                                         "From a request's head to its answer's end.", buckets())),
      first_byte_seconds(registry.histogram("gateway_response_head_seconds",
                                            "From a request's head to its answer's head.",
                                            buckets())),
      requests_running(registry.gauge("gateway_requests_running", "Requests being served.")),
      connections(registry.gauge("gateway_connections", "Connections of clients.")),
      connections_refused(registry.counter("gateway_connections_refused_total",
                                           "Connections closed because there were too many.")),
      retries(registry.counter("gateway_retries_total", "Requests sent again.")),
      upstream_failures(
          registry.counter("gateway_upstream_failures_total", "Attempts that got no whole reply.")),
      picks(registry.counter("gateway_picks_total", "Endpoints picked for InferencePools.")),
      picks_refused(registry.counter("gateway_picks_refused_total", "Requests a picker refused.")),
      picks_failed_open(registry.counter("gateway_picks_failed_open_total",
                                         "Requests sent anywhere because no picker answered.")),
      held_bytes(registry.gauge("gateway_held_body_bytes", "Request bodies held in memory.")),
      reloads(registry.counter("gateway_reloads_total", "Configurations taken into use.")) {}

obs::Counter& GatewayMetrics::requests(int status) {
  return *requests_by_class[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))];
}

}  // namespace rage::gateway
