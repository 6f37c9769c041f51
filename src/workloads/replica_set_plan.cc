#include "workloads/replica_set_plan.h"

#include <algorithm>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;
using detail::map_at;
using detail::number_at;

constexpr std::size_t kFailedKept = 5;
constexpr std::chrono::seconds kReplicaBackoffMin = 10s;

// What keeps a pod that fails at once from being made again and again.
std::chrono::milliseconds backoff_left(const std::vector<Pod>& failed, WallTime now) {
  if (failed.empty()) return 0ms;
  WallTime last{};
  for (const Pod& pod : failed) last = std::max(last, finished_at(pod));
  const auto wait = kReplicaBackoffMin * (1 << (failed.size() - 1));  // kFailedKept at most.
  return std::chrono::ceil<std::chrono::milliseconds>(last + wait - now);
}

void delete_oldest(Plan& plan, std::vector<Pod>& failed) {
  std::ranges::sort(failed, [](const Pod& a, const Pod& b) {
    return std::pair(finished_at(a), a.meta.name) > std::pair(finished_at(b), b.meta.name);
  });
  while (failed.size() > kFailedKept) {
    const ObjectMeta& meta = failed.back().meta;
    if (!meta.deleting) plan.changes.emplace_back(DeleteObject{kinds().pod, meta.key(), meta.uid});
    failed.pop_back();
  }
}

void scale(Plan& plan, const Json& replica_set, const ObjectMeta& meta, std::vector<Pod>& active,
           std::int64_t wanted) {
  const auto have = static_cast<std::int64_t>(active.size());
  if (have > wanted) {
    sort_for_deletion(active);
    const std::int64_t surplus = std::min<std::int64_t>(have - wanted, kChangesMax);
    for (std::int64_t i = 0; i < surplus; ++i) {
      const ObjectMeta& pod = active[static_cast<std::size_t>(i)].meta;
      plan.changes.emplace_back(DeleteObject{kinds().pod, pod.key(), pod.uid});
      plan.tell("SuccessfulDelete", "Deleted pod: " + pod.name);
    }
    return;
  }
  Json pod = pod_of_template(map_at(replica_set, {"spec", "template"}), kinds().replica_set, meta);
  pod["metadata"]["generateName"] = meta.name + "-";
  for (std::int64_t i = have; i < std::min(wanted, have + kChangesMax); ++i) {
    plan.changes.emplace_back(CreateObject{kinds().pod, pod});
  }
}

Json status_of(const Json& replica_set, const ObjectMeta& meta, const std::vector<Pod>& active,
               WallTime now) {
  const std::chrono::seconds min_ready(number_at(replica_set, {"spec", "minReadySeconds"}));
  const apis::StringMap wanted = apis::parse_meta(map_at(replica_set, {"spec", "template"})).labels;
  std::int64_t labeled = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  for (const Pod& pod : active) {
    labeled += std::ranges::all_of(
        wanted, [&](const auto& label) { return pod.meta.label(label.first) == label.second; });
    ready += pod.ready() ? 1 : 0;
    available += pod.available(min_ready, now) ? 1 : 0;
  }
  Json status = {{"replicas", active.size()}};
  if (labeled > 0) status["fullyLabeledReplicas"] = labeled;
  if (ready > 0) status["readyReplicas"] = ready;
  if (available > 0) status["availableReplicas"] = available;
  status["observedGeneration"] = meta.generation;
  const Json& conditions = detail::list_at(replica_set, {"status", "conditions"});
  if (!conditions.empty()) status["conditions"] = conditions;
  return status;
}

}  // namespace

Plan plan_replica_set(const ReplicaSetObservation& observed) {
  Plan plan;
  const Json& replica_set = observed.replica_set;
  const ObjectMeta meta = apis::parse_meta(replica_set);
  const std::vector<Pod> pods = parse_pods(observed.pods);
  std::vector<Pod> active;
  std::vector<Pod> failed;
  for (const Pod& pod : pods) {
    if (pod.active()) active.push_back(pod);
    if (pod.phase == "Failed") failed.push_back(pod);
  }
  plan.status = status_of(replica_set, meta, active, observed.now);
  if (meta.deleting) return plan;
  plan.changes = plan_adoption(map_at(replica_set, {"spec", "selector"}), kinds().replica_set, meta,
                               kinds().pod, observed.orphans);
  if (!plan.changes.empty()) return plan;  // They come back as pods of ours.
  const std::int64_t wanted = number_at(replica_set, {"spec", "replicas"}, 1);
  delete_oldest(plan, failed);
  const auto wait = backoff_left(failed, observed.now);
  if (wait > 0ms && static_cast<std::int64_t>(active.size()) < wanted) {
    plan.look_again(wait);
  } else {
    scale(plan, replica_set, meta, active, wanted);
  }
  const std::chrono::seconds min_ready(number_at(replica_set, {"spec", "minReadySeconds"}));
  if (const auto left = until_available(active, min_ready, observed.now)) plan.look_again(*left);
  return plan;
}

}  // namespace rage::workloads
