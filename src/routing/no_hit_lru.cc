// no-hit-lru-scorer: requests that nobody has a prefix of go round, to whoever has not had such a
// one for longest, so that caches fill evenly.
#include <algorithm>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "routing/detail/plugins.h"
#include "routing/endpoint_key.h"

namespace rage::routing::detail {
namespace {

constexpr double kWarmScore = 0.5;

// Resource. Thread-safe.
class NoHitLru final : public Learner {
 public:
  explicit NoHitLru(std::size_t size_max) : size_max_(size_max) {}

  // Touches, in order of time; 0: never.
  std::vector<std::uint64_t> last_uses(const Cycle& cycle,
                                       std::span<const std::uint32_t> candidates) const {
    std::vector<std::uint64_t> uses(candidates.size());
    return state_.with([&](const State& state) {
      if (state.uses.empty()) return std::move(uses);
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto at = state.uses.find(endpoint_key(cycle.endpoints[candidates[i]]));
        if (at != state.uses.end()) uses[i] = at->second;
      }
      return std::move(uses);
    });
  }

  void commit(const SchedulingRequest&, std::span<const Endpoint> candidates,
              const Schedule& schedule, SteadyTime) override {
    if (schedule.memo == nullptr || !schedule.memo->cold) return;
    state_.with([&](State& state) {
      for (const std::uint32_t i : schedule.memo->taught) touch(state, endpoint_key(candidates[i]));
    });
  }

  void retain(std::span<const Endpoint> endpoints) override {
    std::unordered_map<std::uint64_t, std::uint64_t> kept;
    state_.with([&](State& state) {
      for (const Endpoint& endpoint : endpoints) {
        const auto at = state.uses.find(endpoint_key(endpoint));
        if (at != state.uses.end()) kept.insert(*at);
      }
      state.by_use.clear();
      for (const auto& [key, use] : kept) state.by_use.emplace(use, key);
      state.uses.swap(kept);
    });
  }

  codec::Json debug_state() const override {
    return {{"endpoints", state_.with([](const State& state) { return state.uses.size(); })}};
  }

 private:
  struct State {
    std::uint64_t clock = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> uses;
    std::map<std::uint64_t, std::uint64_t> by_use;
  };

  void touch(State& state, std::uint64_t key) {
    const auto [at, is_new] = state.uses.try_emplace(key, 0);
    if (!is_new) state.by_use.erase(at->second);
    at->second = ++state.clock;
    state.by_use.emplace(state.clock, key);
    if (state.uses.size() <= size_max_) return;
    state.uses.erase(state.by_use.begin()->second);
    state.by_use.erase(state.by_use.begin());
  }

  const std::size_t size_max_;
  Guarded<State> state_;
};

void score_cold(const std::vector<std::uint64_t>& uses, std::span<double> scores) {
  if (scores.size() == 1) {
    scores[0] = 1;
    return;
  }
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(uses[i], i); });
  const auto last = static_cast<double>(scores.size() - 1);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    scores[order[rank]] = 1 - static_cast<double>(rank) / last;
  }
}

}  // namespace

Plugin no_hit_lru_scorer(ParameterReader& parameters) {
  parameters.text("prefixPluginType");
  parameters.text("prefixPluginName");
  parameters.text("prefixMatchInfoProducerName");
  const std::uint64_t size = parameters.whole("lruSize", 1024, 1U << 20);
  if (size == 0) parameters.refuse("lruSize", "must be at least 1");
  auto lru = std::make_shared<NoHitLru>(size);
  return {.score =
              [lru](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                    std::span<double> scores) {
                if (!cycle.cold()) {
                  std::ranges::fill(scores, kWarmScore);
                  return;
                }
                score_cold(lru->last_uses(cycle, candidates), scores);
              },
          .learner = lru};
}

}  // namespace rage::routing::detail
