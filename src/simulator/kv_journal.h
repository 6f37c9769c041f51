// What happens in a KV cache, told as vLLM tells it: BlockStored and BlockRemoved in MessagePack
// (vllm/distributed/kv_events.py). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "simulator/kv_cache.h"

namespace rage::simulator {

// Value. One thread.
class KvJournal final {
 public:
  // `blocks_max`: of the cache. What is known of blocks that never got there is forgotten.
  KvJournal(std::uint32_t block_tokens, std::uint64_t blocks_max)
      : block_tokens_(block_tokens), blocks_max_(blocks_max) {}

  // Before a prompt is computed: its chain of full blocks, and its tokens, four bytes each.
  void learn(std::span<const std::uint64_t> chain, std::string_view token_bytes,
             std::string_view adapter);
  // A batch; empty if there is nothing to tell.
  std::string batch(std::span<const CacheChange> changes);

 private:
  struct Block {
    std::optional<std::uint64_t> parent;
    std::string token_bytes;
    std::string adapter;
    bool stored = false;
  };
  std::string stored_event(std::uint64_t hash, const Block& block) const;

  const std::uint32_t block_tokens_;
  const std::uint64_t blocks_max_;
  std::unordered_map<std::uint64_t, Block> blocks_;
};

}  // namespace rage::simulator
