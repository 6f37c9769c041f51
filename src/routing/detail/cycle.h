// One decision while it is made: what plugins may know of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "routing/prefix_source.h"
#include "routing/scheduler.h"

namespace rage::routing {

struct ScheduleMemo {
  PrefixMatch prefix;
  std::vector<std::uint32_t> taught = {};  // Candidates that compute the prompt.
  bool cold = true;                        // None of the candidates had any of it.
};

namespace detail {

// Value. SplitMix64: small enough to have one for each decision.
class Random final {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  std::size_t below(std::size_t count) {                                   // count > 0
    return std::min(count - 1, static_cast<std::size_t>(unit() * static_cast<double>(count)));
  }

 private:
  std::uint64_t state_;
};

// One thread.
struct Cycle {
  const SchedulingRequest& request;
  std::span<const Endpoint> endpoints;  // All candidates; plugins see indexes into them.
  SteadyTime now;
  Random random;
  std::uint64_t prompt_tokens = 0;
  PrefixMatch prefix = {};
  std::optional<std::uint32_t> peer = {};  // What an earlier stage of this decision chose.

  std::string_view header(std::string_view name) const {
    return request.header ? request.header(name) : std::string_view{};
  }
  bool cold() const {
    return std::ranges::all_of(prefix.matched, [](std::uint32_t blocks) { return blocks == 0; });
  }
  std::uint64_t matched_blocks(std::uint32_t endpoint) const {
    return prefix.matched.empty() ? 0 : prefix.matched[endpoint];
  }
  // 0..1; 0 for an empty prompt.
  double matched_share(std::uint32_t endpoint) const {
    return prefix.blocks_total == 0 ? 0.0
                                    : static_cast<double>(matched_blocks(endpoint)) /
                                          static_cast<double>(prefix.blocks_total);
  }
  std::uint64_t uncached_tokens(std::uint32_t endpoint) const {
    return prompt_tokens - std::min(prompt_tokens, matched_blocks(endpoint) * prefix.block_tokens);
  }
};

}  // namespace detail
}  // namespace rage::routing
