// All series of this room.
#pragma once

#include <array>

#include "obs/metrics.h"

namespace rage::gateway {

// Thread-safe.
struct GatewayMetrics {
  explicit GatewayMetrics(obs::MetricRegistry& registry);

  // By the first digit of the status; those a client left are under "client_gone".
  obs::Counter& requests(int status);

  std::array<obs::Counter*, 6> requests_by_class;
  obs::Counter& client_gone;
  obs::Counter& aborted;  // Cut off in the middle of a reply.
  obs::Histogram& request_seconds;
  obs::Histogram& first_byte_seconds;
  obs::Gauge& requests_running;
  obs::Gauge& connections;
  obs::Counter& connections_refused;
  obs::Counter& retries;
  obs::Counter& upstream_failures;
  obs::Counter& picks;
  obs::Counter& picks_refused;
  obs::Counter& picks_failed_open;
  obs::Gauge& held_bytes;
  obs::Counter& reloads;
};

}  // namespace rage::gateway
