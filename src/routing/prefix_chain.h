// The prompt as prefix caches see it: a chain of hashes over blocks of tokens, each of them
// standing for all that came before (llm-d router, approx-prefix-cache-producer).
#pragma once

#include <cstdint>
#include <vector>

#include "routing/scheduler.h"

namespace rage::routing {

struct PrefixChainOptions {
  std::uint32_t block_tokens = 64;            // At least 1.
  std::uint64_t blocks_max = 2048;            // Of one prompt; what is beyond is not looked at.
  std::uint64_t blocks_total_max = 1U << 20;  // Of all prompts of a batch.
};

// Value. `hashes[begins[i]]` is the first block of prompt i; a partial last block counts as one.
struct PrefixChains {
  std::vector<std::uint64_t> hashes;
  std::vector<std::size_t> begins;
};

// h(-1) = xxh64(model, salt); h(i) = xxh64(LE64(xxh64(LE32 tokens of block i)), LE64(h(i-1))).
// Text has a token for 4 bytes, little-endian, the last one filled up with zeros.
PrefixChains hash_prompts(const SchedulingRequest& request, const PrefixChainOptions& options);

// Estimated from bytes, or counted.
std::uint64_t prompt_tokens(const SchedulingRequest& request);

}  // namespace rage::routing
