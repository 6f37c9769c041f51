#include "routing/detail/precise_prefix_source.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "routing/detail/prefix_hash.h"
#include "routing/endpoint_key.h"

namespace rage::routing::detail {
namespace {

constexpr std::uint64_t kBlocksMax = 1U << 16;  // Of a prompt; what is beyond is not looked at.

// Where a chain begins: what shares blocks shares this.
std::uint64_t root_of(std::string_view model, const KvBlocksStored& stored) {
  return prefix_root(stored.adapter.empty() ? model : std::string_view(stored.adapter),
                     stored.cache_salt);
}

}  // namespace

void EngineBlocks::apply(std::string_view model, std::uint64_t sequence,
                         const KvEventBatch& batch) {
  if (sequence_ && sequence != *sequence_ + 1) clear();
  sequence_ = sequence;
  for (const KvEvent& event : batch.events) {
    if (const auto* stored = std::get_if<KvBlocksStored>(&event)) {
      store(model, *stored);
    } else if (const auto* removed = std::get_if<KvBlocksRemoved>(&event)) {
      for (const std::uint64_t hash : removed->hashes) remove(hash, removed->tier);
    } else {
      clear();
    }
  }
}

void EngineBlocks::clear() {
  on_gpu_.clear();
  on_cpu_.clear();
  held_.clear();
}

void EngineBlocks::store(std::string_view model, const KvBlocksStored& stored) {
  const std::optional<std::uint64_t> before =
      stored.parent ? find(*stored.parent) : root_of(model, stored);
  if (stored.is_partial || !before || stored.block_tokens != options_.block_tokens ||
      stored.hashes.size() > options_.server_blocks_max) {
    skipped_ += stored.hashes.size();
    return;
  }
  // An engine that never removes anything: what is forgotten is unknown, not wrong.
  if (on_gpu_.size() + on_cpu_.size() + stored.hashes.size() > options_.server_blocks_max) clear();
  std::uint64_t key = *before;
  const std::span<const std::uint32_t> tokens = stored.tokens;
  for (std::size_t i = 0; i < stored.hashes.size(); ++i) {
    key = chain_block(tokens.subspan(i * stored.block_tokens, stored.block_tokens), key);
    put(stored.hashes[i], key, stored.tier);
  }
}

std::optional<std::uint64_t> EngineBlocks::find(std::uint64_t engine_hash) const {
  for (const ByEngine* names : {&on_gpu_, &on_cpu_}) {
    if (const auto at = names->find(engine_hash); at != names->end()) return at->second;
  }
  return std::nullopt;
}

void EngineBlocks::put(std::uint64_t engine_hash, std::uint64_t key, KvTier tier) {
  remove(engine_hash, tier);
  names(tier)[engine_hash] = key;
  Held& held = held_[key];
  ++(tier == KvTier::kGpu ? held.on_gpu : held.on_cpu);
}

void EngineBlocks::remove(std::uint64_t engine_hash, KvTier tier) {
  ByEngine& known = names(tier);
  const auto at = known.find(engine_hash);
  if (at == known.end()) return;
  const auto held = held_.find(at->second);
  --(tier == KvTier::kGpu ? held->second.on_gpu : held->second.on_cpu);
  if (held->second.on_gpu + held->second.on_cpu == 0) held_.erase(held);
  known.erase(at);
}

double EngineBlocks::match(std::span<const std::uint64_t> chain) const {
  double blocks = 0;
  for (const std::uint64_t key : chain) {
    const auto at = held_.find(key);
    if (at == held_.end()) break;
    blocks += at->second.on_gpu > 0 ? options_.gpu_weight : options_.cpu_weight;
  }
  return blocks;
}

std::shared_ptr<PrecisePrefixSource::Engine> PrecisePrefixSource::find(std::uint64_t key) const {
  return engines_.with([&](const auto& engines) -> std::shared_ptr<Engine> {
    const auto at = engines.find(key);
    return at == engines.end() ? nullptr : at->second;
  });
}

PrefixMatch PrecisePrefixSource::match(const SchedulingRequest& request,
                                       std::span<const Endpoint> candidates) const {
  PrefixMatch match;
  match.block_tokens = options_.block_tokens;
  match.chains =
      hash_prompts(request, {.block_tokens = options_.block_tokens, .blocks_max = kBlocksMax});
  match.blocks_total = match.chains.hashes.size();
  match.matched.assign(candidates.size(), 0);
  const std::vector<std::size_t>& begins = match.chains.begins;
  const std::span<const std::uint64_t> all = match.chains.hashes;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::shared_ptr<Engine> engine = find(endpoint_key(candidates[i]));
    if (!engine) continue;
    double blocks = 0;
    engine->with([&](const EngineBlocks& held) {
      for (std::size_t p = 0; p < begins.size(); ++p) {
        const std::size_t end = p + 1 < begins.size() ? begins[p + 1] : all.size();
        blocks += held.match(all.subspan(begins[p], end - begins[p]));
      }
    });
    match.matched[i] = static_cast<std::uint32_t>(blocks);
  }
  return match;
}

void PrecisePrefixSource::retain(std::span<const Endpoint> endpoints) {
  std::set<std::uint64_t> kept;
  for (const Endpoint& endpoint : endpoints) kept.insert(endpoint_key(endpoint));
  engines_.with([&](auto& engines) {
    std::erase_if(engines, [&](const auto& entry) { return !kept.contains(entry.first); });
  });
}

void PrecisePrefixSource::on_kv_events(const Endpoint& endpoint, std::string_view model,
                                       std::uint64_t sequence, const KvEventBatch& batch) {
  const auto engine = engines_.with([&](auto& engines) {
    std::shared_ptr<Engine>& slot = engines[endpoint_key(endpoint)];
    if (!slot) slot = std::make_shared<Engine>(EngineBlocks(options_));
    return slot;
  });
  engine->with([&](EngineBlocks& held) { held.apply(model, sequence, batch); });
}

void PrecisePrefixSource::forget(const Endpoint& endpoint) {
  engines_.with([&](auto& engines) { engines.erase(endpoint_key(endpoint)); });
}

codec::Json PrecisePrefixSource::debug_state() const {
  const auto engines = engines_.with([](const auto& current) { return current; });
  std::size_t blocks = 0;
  std::uint64_t skipped = 0;
  for (const auto& [key, engine] : engines) {
    engine->with([&](const EngineBlocks& held) {
      blocks += held.size();
      skipped += held.skipped();
    });
  }
  return {{"endpoints", engines.size()}, {"blocks", blocks}, {"skipped", skipped}};
}

}  // namespace rage::routing::detail
