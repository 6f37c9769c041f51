// Where it is known from how much of a prompt each endpoint has cached: learned from our own
// decisions (approximate), or told by the engines (precise).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codec/json.h"
#include "routing/prefix_chain.h"
#include "routing/scheduler.h"

namespace rage::routing {

// Value.
struct PrefixMatch {
  std::uint32_t block_tokens = 0;      // 0: nothing is known.
  std::uint64_t blocks_total = 0;      // Of all prompts.
  std::vector<std::uint32_t> matched;  // Blocks, by candidate; empty: none of them has any.
  PrefixChains chains;                 // For learn().
};

// Interface. Thread-safe.
class PrefixSource {
 public:
  virtual ~PrefixSource() = default;
  virtual PrefixMatch match(const SchedulingRequest& request,
                            std::span<const Endpoint> candidates) const = 0;
  // The endpoint got the request that `match` was made for.
  virtual void learn(const PrefixMatch& match, const Endpoint& endpoint) = 0;
  // Forgets endpoints that are not among these.
  virtual void retain(std::span<const Endpoint> endpoints) = 0;
  virtual codec::Json debug_state() const = 0;
};

}  // namespace rage::routing
