// One model server as a router sees it: where it is, what it reported, what we have in flight
// there.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace rage::routing {

// Value.
struct EndpointMetrics {
  double waiting = 0;              // Requests queued there.
  double running = 0;              // Requests being served there.
  double kv_usage = 0;             // 0..1
  std::uint32_t block_tokens = 0;  // KV block; 0: unknown.
  std::uint64_t blocks = 0;        // KV blocks on the accelerator; 0: unknown.
  std::uint32_t adapters_max = 0;  // LoRA slots; 0: unknown.
  std::vector<std::string> active_adapters = {};
  std::vector<std::string> waiting_adapters = {};
  std::map<std::string, double, std::less<>> custom = {};  // customMetrics by attribute key.
  std::optional<SteadyTime> updated_at;                    // None: never scraped.
  bool operator==(const EndpointMetrics&) const = default;
};

// What this process sent there and has not seen the end of.
struct InFlight {
  std::uint32_t requests = 0;
  std::uint64_t tokens = 0;
  bool operator==(const InFlight&) const = default;
};

// Value. `pod` and `rank` identify it; several ports of one pod are several endpoints.
struct Endpoint {
  std::string name_space;
  std::string pod;
  std::uint32_t rank = 0;
  std::string address;  // Literal IPv4 or IPv6, without brackets.
  std::uint16_t port = 0;
  std::map<std::string, std::string, std::less<>> labels = {};
  EndpointMetrics metrics = {};
  InFlight in_flight = {};

  std::string name() const;       // "pod-rank-0"
  std::string authority() const;  // "10.0.0.1:8000", "[::1]:8000"
};

}  // namespace rage::routing
