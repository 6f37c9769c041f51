// A model server's timing without a model: continuous batching, prefill, decode, paged KV cache
// with prefix reuse, LoRA slots, failures. Virtual time: the same engine serves `rage sim-model` in
// real time and studies with hundreds of GPUs in milliseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "simulator/kv_cache.h"

namespace rage::simulator {

using VirtualTime = std::chrono::nanoseconds;  // Since the engine began.

struct EngineOptions {
  double prefill_tokens_per_second = 16'000;  // Of the whole engine.
  // One step takes base + per_sequence * sequences in it + per_kv_token * tokens that its decoding
  // sequences attend to + the time to prefill what is prefilled in it.
  VirtualTime decode_base{std::chrono::milliseconds(12)};
  VirtualTime decode_per_sequence{std::chrono::microseconds(100)};
  double decode_nanoseconds_per_kv_token = 0;
  std::uint32_t sequences_max = 256;      // Running at once (max_num_seqs).
  std::uint32_t batch_tokens_max = 8192;  // Tokens of one step (chunked prefill).
  std::uint32_t block_tokens = 16;
  std::uint64_t blocks = 27'000;
  bool prefix_caching = true;
  std::uint32_t adapters_max = 0;  // LoRA slots; 0: adapters cost nothing.
  VirtualTime adapter_load{std::chrono::milliseconds(300)};  // Holds up the step that needs it.

  // kInvalidArgument, naming the field.
  Result<void> validate() const;
};

struct EngineRequest {
  std::uint64_t id = 0;                      // The caller's; unique among those in the engine.
  std::vector<std::uint64_t> prompt_blocks;  // Hash chain, one a full block.
  std::uint64_t prompt_tokens = 0;           // 0 counts as 1.
  std::uint64_t output_tokens = 0;           // 0: prefill alone, as for embeddings.
  std::string adapter;                       // Empty: the base model.
  // The prompt's KV comes from another server: only its last token is computed here.
  bool prefilled_elsewhere = false;
};

struct EngineEvent {
  // kToken: one more token. kFinished: the last one, or the end of a request without output.
  // kPreempted: its KV blocks went to others; it waits, and goes on later. kRefused: it needs more
  // blocks than there are.
  enum class Kind { kToken, kFinished, kPreempted, kRefused };
  Kind kind = Kind::kToken;
  std::uint64_t id = 0;
  VirtualTime at{0};
  std::uint64_t tokens = 0;         // Output tokens so far.
  std::uint64_t cached_tokens = 0;  // Of the prompt, found in the cache.
};

struct EngineState {
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  double kv_usage = 0;
  std::uint64_t prefix_hits = 0;     // Tokens.
  std::uint64_t prefix_queries = 0;  // Tokens.
  std::vector<std::string> active_adapters;
  std::vector<std::string> waiting_adapters;
  std::uint64_t blocks_free = 0;       // Cached but unused ones too.
  std::uint64_t prompt_tokens = 0;     // Of requests whose prefill is done; cached ones too.
  std::uint64_t generated_tokens = 0;  // Since the beginning, as all that follow.
  std::uint64_t finished = 0;
  std::uint64_t preemptions = 0;
};

// Resource. One thread. Deterministic. Time never goes back: an earlier `now` counts as the latest.
class Engine {
 public:
  // `options` must be valid.
  static std::unique_ptr<Engine> create(const EngineOptions& options);
  virtual ~Engine() = default;
  virtual void submit(EngineRequest request, VirtualTime now) = 0;
  // Gone at once, with no further event. Unknown ids are ignored.
  virtual void abort(std::uint64_t id, VirtualTime now) = 0;
  // When the current step ends; none: idle.
  virtual std::optional<VirtualTime> next_step() const = 0;
  // Everything that happened up to `now` and was not returned yet, in order of time.
  virtual std::vector<EngineEvent> advance(VirtualTime now) = 0;
  virtual EngineState state() const = 0;
  // What happened to the KV cache since the last call; nothing before record_cache_changes().
  virtual void record_cache_changes() = 0;
  virtual std::vector<CacheChange> take_cache_changes() = 0;
  // Whether blocks, queues and counters agree; for tests and fuzzers.
  virtual bool is_consistent() const = 0;
};

}  // namespace rage::simulator
