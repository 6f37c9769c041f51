// The embedded inference gateway: an HTTP proxy that routes by HTTPRoutes, picks model servers for
// InferencePools itself, and owns each body until the reply has begun.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/metrics.h"
#include "gateway/snapshot.h"
#include "obs/tracer.h"

namespace rage::gateway {

// Whether what clients say in the headers of pickers is believed.
enum class ClientHeaders { kStripped, kTrusted };

struct GatewayOptions {
  std::uint32_t workers = 0;                                    // Threads; 0: one a core.
  std::uint32_t connections_max = 65'536;                       // Past that: 503 and closed.
  std::size_t header_bytes_max = 64 << 10;                      // Past that: 431.
  std::uint64_t body_bytes_max = std::uint64_t{1} << 30;        // Past that: 413.
  std::uint64_t held_body_bytes_max = std::uint64_t{64} << 20;  // Likewise, for InferencePools.
  std::uint64_t held_bytes_max = std::uint64_t{1} << 30;        // All held bodies; past that: 503.
  std::chrono::milliseconds idle_timeout{75'000};               // Between requests.
  std::chrono::milliseconds head_timeout{30'000};               // For a head to arrive: 408.
  std::chrono::milliseconds body_timeout{30'000};               // For the next byte of a body: 408.
  std::chrono::milliseconds write_timeout{60'000};              // For the client to take a byte.
  // For a whole exchange where the route sets none; 0: none.
  std::chrono::milliseconds request_timeout{0};
  std::chrono::milliseconds pick_timeout{65'000};  // For a picker to answer; queueing is in it.
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds upstream_idle_timeout{60'000};
  std::uint32_t upstream_connections_max = 4096;  // To one endpoint, of one worker.
  ClientHeaders client_headers = ClientHeaders::kStripped;
  bool served_endpoint_header = true;  // x-gateway-destination-endpoint-served to clients.
  // One of so many requests is logged, failures always; 0: none at all.
  std::uint32_t access_log_sample = 100;
  const obs::Tracer* tracer = nullptr;  // Outlives the gateway. Null: none.

  Result<void> validate() const;
};

// Resource. Thread-safe. Serves from create() until destroyed.
class Gateway {
 public:
  // `metrics` outlives it. kFailedPrecondition if a port of the snapshot is taken.
  static Result<std::unique_ptr<Gateway>> create(const GatewayOptions& options,
                                                 GatewayMetrics& metrics,
                                                 std::shared_ptr<const Snapshot> snapshot);
  virtual ~Gateway() = default;  // Ends what still runs.

  // New requests see the new configuration, running ones keep theirs. Ports that both have stay
  // open. An error names the port that could not be opened; everything else is in use then.
  virtual Result<void> apply(std::shared_ptr<const Snapshot> snapshot) = 0;
  // Of each listener of the first snapshot; useful where it said 0.
  virtual std::vector<std::uint16_t> ports() const = 0;
  // Stops accepting, lets running requests end for at most `limit`, then cuts them off.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::gateway
