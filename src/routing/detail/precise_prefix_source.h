// precise-prefix-cache-producer: what each engine says it has cached.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "routing/kv_event_sink.h"
#include "routing/prefix_source.h"

namespace rage::routing::detail {

struct PrecisePrefixOptions {
  std::uint32_t block_tokens = 16;  // As the engines' own.
  double gpu_weight = 1.0;          // Of a block there, in a match.
  double cpu_weight = 0.8;
  std::size_t server_blocks_max = std::size_t{1} << 20;  // Past that an endpoint is forgotten.
};

// The blocks of one engine. One thread at a time. Engines name blocks by hashes of their own; the
// tokens they send along say which blocks of ours these are.
class EngineBlocks final {
 public:
  explicit EngineBlocks(const PrecisePrefixOptions& options) : options_(options) {}

  void apply(std::string_view model, std::uint64_t sequence, const KvEventBatch& batch);
  void clear();
  // Blocks of the chain from its head that are here without a gap, weighed by where they lie.
  double match(std::span<const std::uint64_t> chain) const;
  std::size_t size() const { return held_.size(); }
  std::uint64_t skipped() const { return skipped_; }

 private:
  struct Held {
    std::uint32_t on_gpu = 0;  // Engine blocks with this content.
    std::uint32_t on_cpu = 0;
  };
  using ByEngine = std::unordered_map<std::uint64_t, std::uint64_t>;

  void store(std::string_view model, const KvBlocksStored& stored);
  void put(std::uint64_t engine_hash, std::uint64_t key, KvTier tier);
  void remove(std::uint64_t engine_hash, KvTier tier);
  ByEngine& names(KvTier tier) { return tier == KvTier::kGpu ? on_gpu_ : on_cpu_; }
  std::optional<std::uint64_t> find(std::uint64_t engine_hash) const;

  const PrecisePrefixOptions& options_;
  ByEngine on_gpu_;  // From an engine's hash to ours.
  ByEngine on_cpu_;
  std::unordered_map<std::uint64_t, Held> held_;  // By our hash.
  std::optional<std::uint64_t> sequence_;
  std::uint64_t skipped_ = 0;  // Blocks whose place in a prompt is not known.
};

// Resource. Thread-safe.
class PrecisePrefixSource final : public PrefixSource, public KvEventSink {
 public:
  explicit PrecisePrefixSource(const PrecisePrefixOptions& options) : options_(options) {}
  PrefixMatch match(const SchedulingRequest& request,
                    std::span<const Endpoint> candidates) const override;
  // Engines tell what they have cached; nothing is guessed.
  void learn(const PrefixMatch&, const Endpoint&) override {}
  void retain(std::span<const Endpoint> endpoints) override;
  codec::Json debug_state() const override;

  void on_kv_events(const Endpoint& endpoint, std::string_view model, std::uint64_t sequence,
                    const KvEventBatch& batch) override;
  void forget(const Endpoint& endpoint) override;

 private:
  using Engine = Guarded<EngineBlocks>;
  std::shared_ptr<Engine> find(std::uint64_t key) const;

  const PrecisePrefixOptions options_;
  Guarded<std::map<std::uint64_t, std::shared_ptr<Engine>>> engines_;  // By endpoint_key().
};

}  // namespace rage::routing::detail
