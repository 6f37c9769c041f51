#include "routing/detail/approx_prefix_source.h"

#include <algorithm>
#include <vector>

#include "routing/endpoint_key.h"

namespace rage::routing::detail {
namespace {

// Smaller blocks cost memory and time and change no decision.
constexpr std::uint32_t kTunedBlockTokensMin = 64;
// An engine that reports nonsense does not get all our memory: 64 million tokens of cache.
constexpr std::size_t kServerBlocksMax = std::size_t{1} << 20;
constexpr std::uint32_t kBlockTokensMax = 1U << 16;

}  // namespace

ApproxPrefixOptions read_approx_prefix_options(ParameterReader& parameters) {
  ApproxPrefixOptions options;
  options.auto_tune = parameters.flag("autoTune", true);
  for (const std::string_view key : {"hashBlockSize", "blockSize"}) {  // In characters.
    const std::uint64_t characters = parameters.whole(key, 0, 4ULL * kBlockTokensMax);
    if (characters > 0) options.block_tokens = static_cast<std::uint32_t>((characters + 3) / 4);
  }
  const std::uint64_t tokens = parameters.whole("blockSizeTokens", 0, kBlockTokensMax);
  if (tokens > 0) options.block_tokens = static_cast<std::uint32_t>(tokens);
  // A limit in blocks that somebody set counts unless there is one in tokens as well.
  const bool only_blocks =
      parameters.has("maxPrefixBlocksToMatch") && !parameters.has("maxPrefixTokensToMatch");
  options.tokens_max =
      parameters.whole("maxPrefixTokensToMatch", only_blocks ? 0 : options.tokens_max);
  options.blocks_max = parameters.whole("maxPrefixBlocksToMatch", options.blocks_max);
  const std::uint64_t capacity = parameters.whole("lruCapacityPerServer", 0, kServerBlocksMax);
  if (capacity > 0) options.server_blocks = capacity;
  return options;
}

std::size_t prefix_capacity(const ApproxPrefixOptions& options, const EndpointMetrics& metrics,
                            std::uint32_t block_tokens) {
  std::uint64_t blocks = options.server_blocks;
  if (options.auto_tune && metrics.blocks > 0 && metrics.block_tokens > 0) {
    const double tokens =
        static_cast<double>(metrics.blocks) * static_cast<double>(metrics.block_tokens);
    blocks = static_cast<std::uint64_t>(
        std::clamp(tokens / block_tokens, 1.0, static_cast<double>(kServerBlocksMax)));
  }
  return std::min<std::size_t>(blocks, kServerBlocksMax);
}

std::uint32_t ApproxPrefixSource::block_tokens(std::span<const Endpoint> candidates) const {
  if (!options_.auto_tune) return options_.block_tokens;
  const auto known = std::ranges::find_if(
      candidates, [](const Endpoint& endpoint) { return endpoint.metrics.block_tokens > 0; });
  const std::uint32_t tokens =
      known == candidates.end() ? options_.block_tokens : known->metrics.block_tokens;
  return std::clamp(tokens, kTunedBlockTokensMin, kBlockTokensMax);
}

PrefixMatch ApproxPrefixSource::match(const SchedulingRequest& request,
                                      std::span<const Endpoint> candidates) const {
  PrefixMatch match;
  match.block_tokens = block_tokens(candidates);
  PrefixChainOptions chain{.block_tokens = match.block_tokens};
  if (options_.tokens_max > 0) {
    chain.blocks_max = std::max<std::uint64_t>(1, options_.tokens_max / match.block_tokens);
  } else {
    chain.blocks_max = options_.blocks_max > 0 ? options_.blocks_max : UINT64_MAX;
  }
  match.chains = hash_prompts(request, chain);
  match.blocks_total = match.chains.hashes.size();
  match.matched = index_.match(match.chains, candidates.size(),
                               [&](std::size_t i) { return endpoint_key(candidates[i]); });
  return match;
}

void ApproxPrefixSource::learn(const PrefixMatch& match, const Endpoint& endpoint) {
  if (match.block_tokens == 0) return;
  index_.learn(endpoint_key(endpoint), match.chains,
               prefix_capacity(options_, endpoint.metrics, match.block_tokens));
}

void ApproxPrefixSource::retain(std::span<const Endpoint> endpoints) {
  std::vector<std::uint64_t> keys;
  keys.reserve(endpoints.size());
  for (const Endpoint& endpoint : endpoints) keys.push_back(endpoint_key(endpoint));
  index_.retain(keys);
}

codec::Json ApproxPrefixSource::debug_state() const {
  const PrefixIndex::Size size = index_.size();
  return {{"endpoints", size.endpoints},
          {"blocks", size.blocks},
          {"entries", size.entries},
          {"bytes", size.bytes}};
}

}  // namespace rage::routing::detail
