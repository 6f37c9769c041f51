#include <algorithm>
#include <limits>

#include "operator/detail/replica_plan.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kOnDelete = "OnDelete";

struct Bounds {
  int unavailable = 1;
  int surge = 0;
};

Bounds bounds_of(const apis::UpdateStrategy& strategy) {
  Bounds bounds{.unavailable = std::max(strategy.max_unavailable, 0),
                .surge = std::max(strategy.max_surge, 0)};
  if (bounds.unavailable == 0 && bounds.surge == 0) bounds.unavailable = 1;  // Or none could move.
  return bounds;
}

// How many more replicas may get the template now. It proves itself on one before others get it.
int canaries_left(const Replicas& replicas) {
  const auto is_new = [](const Replica& replica) { return !replica.old(); };
  // One that has no place to run says nothing about the template.
  const auto added = std::ranges::count_if(replicas.live, [&](const Replica& replica) {
    return is_new(replica) && !replica.waiting_for_nodes;
  });
  const bool proven = std::ranges::any_of(
      replicas.live, [&](const Replica& replica) { return is_new(replica) && replica.ready; });
  if (proven) return std::numeric_limits<int>::max();
  // Whoever is missing will come with the new template.
  const int missing = std::max(replicas.desired - static_cast<int>(replicas.live.size()), 0);
  return std::max(1 - static_cast<int>(added) - missing, 0);
}

// Gives the template to old replicas, and says so in `plan` and in `replicas`, which then is as it
// will be. Replicas that do not serve get it at once: nothing is lost. One that serves waits until
// enough others do.
void roll_out(Replicas& replicas, const Bounds& bounds, ReplicaPlan& plan, int& canaries) {
  const int surplus = static_cast<int>(replicas.live.size()) - replicas.desired;
  int left = replicas.old();
  int spare = replicas.ready() - std::max(replicas.desired - bounds.unavailable, 0);
  const auto take = [&](std::size_t i) {
    const bool in_place = replicas.live[i].change == TemplateChange::kInPlace;
    (in_place ? plan.update : plan.remove).push_back(i);
    --left;
  };
  for (std::size_t i = 0; i < replicas.live.size(); ++i) {
    if (replicas.live[i].old() && !replicas.live[i].ready) take(i);
  }
  for (std::size_t i = 0; i < replicas.live.size(); ++i) {
    // As many old ones as are too many simply go, once they can: choose_scale_down().
    if (left <= surplus || spare <= 0 || canaries <= 0) break;
    if (!replicas.live[i].old() || !replicas.live[i].ready) continue;
    take(i);
    --spare;
    --canaries;
  }
  for (const std::size_t i : plan.update) {
    replicas.live[i].change = TemplateChange::kNone;
    replicas.live[i].ready = false;
    replicas.live[i].failure.clear();
  }
}

// Live replicas wanted at this moment, surge included.
int wanted_now(const Replicas& replicas, const Bounds& bounds, const ReplicaPlan& plan,
               int canaries) {
  const int live = static_cast<int>(replicas.live.size() - plan.remove.size());
  const int surplus = live - replicas.desired;
  const auto old = [&] {
    int count = replicas.old();
    for (const std::size_t i : plan.remove) count -= replicas.live[i].old() ? 1 : 0;
    return count;
  }();
  if (replicas.desired == 0) return 0;
  // The replica that failed stays as it is: a person wants to see it, and a new one would fail too.
  if (plan.stalled) {
    return std::clamp(live, replicas.desired, replicas.desired + bounds.surge);
  }
  // The last old ones are not patched: the extra ones take their places.
  if (old <= std::max(surplus, 0)) return replicas.desired;
  const int more = std::clamp(canaries, 0, bounds.surge);
  return replicas.desired + std::min(std::max(surplus, 0) + more, bounds.surge);
}

}  // namespace

int Replicas::ready() const {
  return static_cast<int>(std::ranges::count_if(live, &Replica::ready));
}

int Replicas::old() const {
  return static_cast<int>(std::ranges::count_if(live, &Replica::old));
}

const Replica* Replicas::failing() const {
  const auto found = std::ranges::find_if(
      live, [](const Replica& replica) { return !replica.old() && !replica.failure.empty(); });
  return found == live.end() ? nullptr : &*found;
}

ReplicaPlan plan_replicas(const Replicas& observed, const apis::InferenceSet& set,
                          bool surge_for_image) {
  ReplicaPlan plan;
  Replicas replicas = observed;
  const Bounds bounds = bounds_of(set.update_strategy);
  const bool rolling =
      observed.old() > 0 && observed.desired > 0 && set.update_strategy.type != kOnDelete;
  int wanted = observed.desired;
  if (rolling) {
    plan.stalled = observed.failing() != nullptr;
    int canaries = canaries_left(observed);
    if (!plan.stalled) roll_out(replicas, bounds, plan, canaries);
    wanted = wanted_now(replicas, bounds, plan, canaries);
  }
  // Deleted ones are out of the choice below; indexes stay those of `observed`.
  std::vector<Replica> staying;
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < replicas.live.size(); ++i) {
    if (std::ranges::find(plan.remove, i) != plan.remove.end()) continue;
    staying.push_back(replicas.live[i]);
    index.push_back(i);
  }
  const int live = static_cast<int>(staying.size());
  const bool image_surge = surge_for_image && !rolling;
  const int surge = rolling ? bounds.surge : image_surge ? 1 : 0;
  if (image_surge && live == wanted) ++wanted;
  for (const std::size_t i : choose_scale_down(staying, observed.desired, live - wanted, surge)) {
    plan.remove.push_back(index[i]);
    std::erase(plan.update, index[i]);
  }
  const std::size_t all = observed.live.size() + observed.terminating.size();
  plan.create = std::max(wanted - static_cast<int>(all), 0);
  return plan;
}

}  // namespace rage::op::detail
