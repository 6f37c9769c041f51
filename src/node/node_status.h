// What the API says of a Node whose pods run here. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "codec/json.h"

namespace rage::node {

using codec::Json;

struct Machine {
  unsigned cpus = 1;
  std::uint64_t memory_bytes = 0;
  std::string hostname;
  std::string kernel;
  std::string architecture = "amd64";  // As Kubernetes writes it.
};
Machine this_machine();

Json render_node(const std::string& name, const Machine& machine);

// The status that the Node should have; equal to what it has if nothing is to be done. What others
// say of it (a GPU that a NodeClaim asked for) stays.
Json plan_node_status(const Json& node, const Machine& machine, std::size_t pods_max,
                      const std::string& version, WallTime now);

Json render_lease(const Json& node, WallTime now, std::chrono::seconds duration);

// 127.97.0.2 to 127.97.255.254, the first that is free from `cursor` on; empty: none is.
template <class InUse>
std::string free_pod_ip(std::uint32_t& cursor, const InUse& in_use) {
  constexpr std::uint32_t kCount = 0xFFFD;
  for (std::uint32_t tried = 0; tried < kCount; ++tried) {
    const std::uint32_t host = 2 + (cursor++ % kCount);
    std::string ip = "127.97." + std::to_string(host >> 8) + "." + std::to_string(host & 0xFF);
    if (!in_use(ip)) return ip;
  }
  return {};
}

}  // namespace rage::node
