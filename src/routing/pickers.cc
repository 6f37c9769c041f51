// From scores to a list of endpoints, the best first.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

// Picks the `count` with the greatest keys, in their order.
template <class Key>
void pick_greatest(const std::vector<Key>& keys, std::span<const std::uint32_t> candidates,
                   std::span<const double> scores, std::size_t count, ProfileResult& result) {
  std::vector<std::uint32_t> order(candidates.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  count = std::min(count, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count),
                            std::ranges::greater{}, [&](std::uint32_t i) { return keys[i]; });
  for (const std::uint32_t i : std::span(order).first(count)) {
    result.endpoints.push_back(candidates[i]);
    result.scores.push_back(scores[i]);
  }
}

// The best, or any of those that are as good: one pass, without sorting.
void pick_best(Random& random, std::span<const std::uint32_t> candidates,
               std::span<const double> scores, ProfileResult& result) {
  std::size_t best = 0;
  std::size_t equals = 1;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (scores[i] > scores[best]) {
      best = i;
      equals = 1;
    } else if (scores[i] == scores[best] && random.below(++equals) == 0) {
      best = i;
    }
  }
  result.endpoints.push_back(candidates[best]);
  result.scores.push_back(scores[best]);
}

std::size_t read_count(ParameterReader& parameters) {
  const std::uint64_t count = parameters.whole("maxNumOfEndpoints", 1, 1024);
  if (count == 0) parameters.refuse("maxNumOfEndpoints", "must be at least 1");
  return count;
}

// `key_of` gives each candidate a key from its score and a random number in (0, 1).
template <class F>
Plugin keyed_picker(std::size_t count, F key_of) {
  return {.pick = [=](Cycle& cycle, std::span<const std::uint32_t> candidates,
                      std::span<const double> scores, ProfileResult& result) {
    const bool any = std::ranges::any_of(scores, [](double score) { return score > 0; });
    std::vector<double> keys;
    keys.reserve(candidates.size());
    for (const double score : scores) {
      keys.push_back(key_of(score, 1 - cycle.random.unit(), any));
    }
    pick_greatest(keys, candidates, scores, count, result);
  }};
}

}  // namespace

Plugin max_score_picker(ParameterReader& parameters) {
  const std::size_t count = read_count(parameters);
  return {.pick = [=](Cycle& cycle, std::span<const std::uint32_t> candidates,
                      std::span<const double> scores, ProfileResult& result) {
    if (count == 1) {
      pick_best(cycle.random, candidates, scores, result);
      return;
    }
    // Equals in any order, as after a shuffle.
    std::vector<std::pair<double, double>> keys;
    keys.reserve(candidates.size());
    for (const double score : scores) keys.emplace_back(score, cycle.random.unit());
    pick_greatest(keys, candidates, scores, count, result);
  }};
}

Plugin random_picker(ParameterReader& parameters) {
  return keyed_picker(read_count(parameters), [](double, double random, bool) { return random; });
}

// A-Res: sampling without replacement where weights are scores.
Plugin weighted_random_picker(ParameterReader& parameters) {
  const auto key_of = [](double score, double random, bool any) {
    if (!any) return random;
    return score > 0 ? std::log(random) / score : -std::numeric_limits<double>::infinity();
  };
  Plugin plugin = keyed_picker(read_count(parameters), key_of);
  plugin.pick = [pick = std::move(plugin.pick)](
                    Cycle& cycle, std::span<const std::uint32_t> candidates,
                    std::span<const double> scores, ProfileResult& result) {
    pick(cycle, candidates, scores, result);
    // Who has no score is no fallback either, unless nobody has one.
    while (result.scores.size() > 1 && result.scores.back() <= 0 && result.scores.front() > 0) {
      result.scores.pop_back();
      result.endpoints.pop_back();
    }
  };
  return plugin;
}

}  // namespace rage::routing::detail
