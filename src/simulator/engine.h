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

namespace rage::simulator {

using VirtualTime = std::chrono::nanoseconds;  // Since the engine began.

struct EngineOptions {
  double prefill_tokens_per_second = 16'000;  // Of the whole engine.
  // One decode step takes base + per_sequence * running (+ per_kv_token * KV tokens in use).
  VirtualTime decode_base{std::chrono::milliseconds(12)};
  VirtualTime decode_per_sequence{std::chrono::microseconds(100)};
  std::uint32_t sequences_max = 256;      // Running at once (max_num_seqs).
  std::uint32_t batch_tokens_max = 8192;  // Prefill tokens of one step (chunked prefill).
  std::uint32_t block_tokens = 16;
  std::uint64_t blocks = 27'000;
  bool prefix_caching = true;
  std::uint32_t adapters_max = 0;
  VirtualTime adapter_load{std::chrono::milliseconds(300)};
};

struct EngineRequest {
  std::uint64_t id = 0;
  std::vector<std::uint64_t> prompt_blocks;  // Hash chain, one a full block.
  std::uint64_t prompt_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::string adapter;  // Empty: the base model.
};

struct EngineEvent {
  enum class Kind { kToken, kFinished, kPreempted };
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
  std::uint64_t prefix_hits = 0;
  std::uint64_t prefix_queries = 0;
  std::vector<std::string> active_adapters;
  std::vector<std::string> waiting_adapters;
};

// Value-like. One thread.
class Engine {
 public:
  static std::unique_ptr<Engine> create(const EngineOptions& options);
  virtual ~Engine() = default;
  virtual void submit(EngineRequest request, VirtualTime now) = 0;
  virtual void abort(std::uint64_t id, VirtualTime now) = 0;
  // When the current step ends; none: idle.
  virtual std::optional<VirtualTime> next_step() const = 0;
  // Everything that happens up to `now`.
  virtual std::vector<EngineEvent> advance(VirtualTime now) = 0;
  virtual EngineState state() const = 0;
};

}  // namespace rage::simulator
