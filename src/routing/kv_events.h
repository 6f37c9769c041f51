// What engines say of their KV caches: batches of events as vLLM and SGLang publish them over
// ZeroMQ, in MessagePack (vllm/distributed/kv_events.py). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace rage::routing {

// Where a block lies.
enum class KvTier : std::uint8_t { kGpu, kCpu };

// Consecutive blocks of one prompt.
struct KvBlocksStored {
  std::vector<std::uint64_t> hashes;    // The engine's own, one a block.
  std::optional<std::uint64_t> parent;  // Of the block before the first; none: the prompt's head.
  std::vector<std::uint32_t> tokens;    // Of all the blocks.
  std::uint32_t block_tokens = 0;       // At least 1.
  KvTier tier = KvTier::kGpu;
  std::string adapter;     // LoRA; empty: the base model.
  std::string cache_salt;  // If it is all that the first block depends on besides tokens.
  // More than tokens: media, or another group of layers than full attention. Such blocks say
  // nothing about whether a prompt is cached.
  bool is_partial = false;
};
struct KvBlocksRemoved {
  std::vector<std::uint64_t> hashes;
  KvTier tier = KvTier::kGpu;
};
struct KvCleared {};  // Everything is gone.
using KvEvent = std::variant<KvBlocksStored, KvBlocksRemoved, KvCleared>;

struct KvEventBatch {
  std::vector<KvEvent> events;  // Those that are known.
  std::optional<std::uint32_t> rank;
};

inline constexpr std::size_t kKvBatchBytesMax = std::size_t{4} << 20;

// [timestamp, events, rank]; each event [tag, fields...] or {"type": tag, ...}. Unknown events and
// fields are passed over. kInvalidArgument: anything else, or numbers that cannot be.
Result<KvEventBatch> decode_kv_events(std::string_view bytes);

// "kv@POD@MODEL": the model; empty if there is none.
std::string_view model_of_kv_topic(std::string_view topic);

}  // namespace rage::routing
