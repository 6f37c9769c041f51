// What the exchanges of one worker share.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "codec/json.h"
#include "gateway/detail/upstream_pool.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "gateway/snapshot.h"
#include "net/event_loop.h"

namespace rage::gateway::detail {

// The loop's thread only, but for `held_bytes` and `metrics`.
struct WorkerContext {
  net::EventLoop& loop;
  UpstreamPool& upstreams;
  const GatewayOptions& options;
  GatewayMetrics& metrics;
  std::atomic<std::uint64_t>& held_bytes;  // Of all workers.
  std::shared_ptr<const Snapshot> snapshot;
  std::minstd_rand random = std::minstd_rand(std::random_device{}());
  std::uint64_t requests = 0;
  struct KnownModels {
    std::vector<codec::Json> models;
    SteadyTime until;
  };
  std::map<gatewayapi::ObjectName, KnownModels> models = {};

  // By a listener's number, which outlives snapshots: its place in this one; -1: gone.
  std::vector<int> listener_places = {};

  const ListenerConfig* find_listener(std::uint32_t number) const {
    const int place = number < listener_places.size() ? listener_places[number] : -1;
    return place < 0 ? nullptr : &snapshot->listeners[static_cast<std::size_t>(place)];
  }
  double random_share() { return std::uniform_real_distribution<double>()(random); }
};

}  // namespace rage::gateway::detail
