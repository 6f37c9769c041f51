// approx-prefix-cache-producer: block size and capacity as the engines report them, matches as our
// own decisions have made them.
#pragma once

#include <cstdint>
#include <span>

#include "routing/detail/parameter_reader.h"
#include "routing/prefix_index.h"
#include "routing/prefix_source.h"

namespace rage::routing::detail {

struct ApproxPrefixOptions {
  bool auto_tune = true;
  std::uint32_t block_tokens = 16;
  std::uint64_t tokens_max = 131072;  // Of a prompt; wins over blocks_max; 0: that one counts.
  std::uint64_t blocks_max = 2048;    // 0: no limit.
  std::uint64_t server_blocks = 31250;
};

ApproxPrefixOptions read_approx_prefix_options(ParameterReader& parameters);

// An endpoint's routing blocks: its engine's tokens over ours, or the configured number.
std::size_t prefix_capacity(const ApproxPrefixOptions& options, const EndpointMetrics& metrics,
                            std::uint32_t block_tokens);

// Resource. Thread-safe.
class ApproxPrefixSource final : public PrefixSource {
 public:
  explicit ApproxPrefixSource(const ApproxPrefixOptions& options) : options_(options) {}
  PrefixMatch match(const SchedulingRequest& request,
                    std::span<const Endpoint> candidates) const override;
  void learn(const PrefixMatch& match, const Endpoint& endpoint) override;
  void retain(std::span<const Endpoint> endpoints) override;
  codec::Json debug_state() const override;

 private:
  std::uint32_t block_tokens(std::span<const Endpoint> candidates) const;

  const ApproxPrefixOptions options_;
  PrefixIndex index_;
};

}  // namespace rage::routing::detail
