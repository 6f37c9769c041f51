#include "workloads/roll_out.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "base/strings.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::map_at;
using detail::number_at;
using detail::text_at;

enum class Rounding { kUp, kDown };

std::int64_t pods_of(const Json& value, std::int64_t replicas, Rounding rounding) {
  if (value.is_number_integer()) return std::max<std::int64_t>(0, value.get<std::int64_t>());
  if (!value.is_string()) return 0;
  std::string_view text = value.get_ref<const std::string&>();
  if (!text.ends_with('%')) return static_cast<std::int64_t>(parse_uint(text).value_or(0));
  text.remove_suffix(1);
  const auto percent =
      static_cast<double>(std::min<std::uint64_t>(parse_uint(text).value_or(0), 1000));
  const double exact = percent * static_cast<double>(replicas) / 100;
  return static_cast<std::int64_t>(rounding == Rounding::kUp ? std::ceil(exact)
                                                             : std::floor(exact));
}

ReplicaSetView view_of(const Json& document, const RollOutWish& wish) {
  ReplicaSetView view{.document = document, .meta = apis::parse_meta(document)};
  view.revision = static_cast<std::int64_t>(
      parse_uint(view.meta.annotation(wish.annotation_prefix + "revision")).value_or(0));
  view.wanted = number_at(document, {"spec", "replicas"}, 1);
  view.replicas = number_at(document, {"status", "replicas"});
  view.ready = number_at(document, {"status", "readyReplicas"});
  view.available = number_at(document, {"status", "availableReplicas"});
  view.observed = number_at(document, {"status", "observedGeneration"}) >= view.meta.generation;
  return view;
}

// One pass over the ReplicaSets of one owner.
class RollOutPass final {
 public:
  RollOutPass(const RollOutWish& wish, const std::vector<Json>& replica_sets,
              const std::vector<Json>& pods)
      : wish_(wish), pods_(pods) {
    roll_out_.hash = short_hash(wish.pod_template);
    for (const Json& document : replica_sets) {
      ReplicaSetView view = view_of(document, wish);
      if (!view.meta.deleting) sets_.push_back(std::move(view));
    }
    // Oldest first; a revision is given once.
    std::ranges::sort(sets_, [](const ReplicaSetView& a, const ReplicaSetView& b) {
      return std::tuple(a.revision, a.meta.creation_timestamp, a.meta.name) <
             std::tuple(b.revision, b.meta.creation_timestamp, b.meta.name);
    });
    const auto found = std::ranges::find_if(sets_, [&](const ReplicaSetView& set) {
      return set.meta.label(wish.hash_label) == roll_out_.hash;
    });
    if (found == sets_.end()) return;
    current_ = *found;
    sets_.erase(found);
    has_current_ = true;
  }

  RollOut run() {
    count();
    if (wish_.owner.deleting) return std::move(roll_out_);
    if (has_current_) keep_revision();
    if (is_scaling()) {
      scale_all();
    } else if (wish_.paused) {
      // What is there stays as it is.
    } else if (wish_.recreate) {
      recreate();
    } else {
      roll();
    }
    if (!wish_.paused && is_complete()) forget_history();
    return std::move(roll_out_);
  }

 private:
  Plan& plan() { return roll_out_.plan; }
  std::string annotation(const char* name) const { return wish_.annotation_prefix + name; }
  std::int64_t surge() const { return wish_.recreate ? 0 : wish_.max_surge; }
  std::int64_t old_wanted() const {
    return std::accumulate(sets_.begin(), sets_.end(), std::int64_t{0},
                           [](std::int64_t sum, const auto& set) { return sum + set.wanted; });
  }
  std::int64_t old_available() const {
    return std::accumulate(sets_.begin(), sets_.end(), std::int64_t{0},
                           [](std::int64_t sum, const auto& set) { return sum + set.available; });
  }

  void count() {
    const auto add = [&](const ReplicaSetView& set) {
      roll_out_.replicas += set.replicas;
      roll_out_.ready += set.ready;
      roll_out_.available += set.available;
      roll_out_.observed = roll_out_.observed && set.observed;
    };
    for (const ReplicaSetView& set : sets_) add(set);
    if (!has_current_) return;
    add(current_);
    roll_out_.updated = current_.replicas;
    roll_out_.current_name = current_.meta.name;
    roll_out_.revision = std::to_string(current_.revision);
  }

  bool is_complete() const {
    return has_current_ && current_.wanted == wish_.replicas && current_.observed &&
           current_.available == wish_.replicas && old_wanted() == 0;
  }

  std::int64_t newest_revision() const { return sets_.empty() ? 0 : sets_.back().revision; }

  // A template that was wanted before and is again: its ReplicaSet becomes the newest.
  void keep_revision() {
    const std::int64_t newest = newest_revision();
    if (current_.revision > newest) return;
    current_.revision = newest + 1;
    roll_out_.revision = std::to_string(current_.revision);
    Json patch;
    patch["metadata"]["annotations"][annotation("revision")] = roll_out_.revision;
    plan().changes.emplace_back(PatchObject{kinds().replica_set, current_.meta.key(), patch});
  }

  void resize(ReplicaSetView& set, std::int64_t replicas) {
    if (set.wanted == replicas) return;
    const bool up = replicas > set.wanted;
    plan().tell("ScalingReplicaSet",
                fmt::format("Scaled {} replica set {} from {} to {}", up ? "up" : "down",
                            set.meta.name, set.wanted, replicas));
    set.wanted = replicas;
    Json patch;
    patch["metadata"]["annotations"] = size_annotations();
    patch["spec"]["replicas"] = replicas;
    plan().changes.emplace_back(PatchObject{kinds().replica_set, set.meta.key(), patch});
  }

  Json size_annotations() const {
    return {{annotation("desired-replicas"), std::to_string(wish_.replicas)},
            {annotation("max-replicas"), std::to_string(wish_.replicas + surge())}};
  }

  void create(std::int64_t replicas) {
    const std::string name = fmt::format("{}-{}", wish_.owner.name, roll_out_.hash);
    Json set = object_of(kinds().replica_set, {.ns = wish_.owner.ns, .name = name});
    Json pod_template = wish_.pod_template;
    pod_template["metadata"]["labels"][wish_.hash_label] = roll_out_.hash;
    Json& metadata = set["metadata"];
    metadata["labels"] = pod_template["metadata"]["labels"];
    roll_out_.revision = std::to_string(newest_revision() + 1);
    Json annotations = size_annotations();
    annotations[annotation("revision")] = roll_out_.revision;
    metadata["annotations"] = std::move(annotations);
    metadata["ownerReferences"] =
        Json::array({controller_reference(wish_.owner_type, wish_.owner)});
    Json selector = wish_.selector;
    selector["matchLabels"][wish_.hash_label] = roll_out_.hash;
    set["spec"]["replicas"] = replicas;
    if (wish_.min_ready_seconds > 0) set["spec"]["minReadySeconds"] = wish_.min_ready_seconds;
    set["spec"]["selector"] = std::move(selector);
    set["spec"]["template"] = std::move(pod_template);
    plan().changes.emplace_back(CreateObject{kinds().replica_set, std::move(set)});
    plan().tell("ScalingReplicaSet",
                fmt::format("Scaled up replica set {} from 0 to {}", name, replicas));
    roll_out_.current_name = name;
    roll_out_.created = true;
  }

  // Somebody wants another number than when the ReplicaSets were last resized.
  bool is_scaling() const {
    const auto asked = [&](const ReplicaSetView& set) {
      const auto desired = parse_uint(set.meta.annotation(annotation("desired-replicas")));
      return set.wanted > 0 && desired && *desired != static_cast<std::uint64_t>(wish_.replicas);
    };
    return (has_current_ && asked(current_)) || std::ranges::any_of(sets_, asked);
  }

  // In the middle of a roll-out, old and new keep their share.
  void scale_all() {
    std::vector<ReplicaSetView*> active;
    for (ReplicaSetView& set : sets_) {
      if (set.wanted > 0) active.push_back(&set);
    }
    if (has_current_ && current_.wanted > 0) active.push_back(&current_);
    if (active.size() == 1) return resize_and_mark(*active.front(), wish_.replicas);
    const std::int64_t most = wish_.replicas > 0 ? wish_.replicas + surge() : 0;
    std::int64_t sum = 0;
    for (const ReplicaSetView* set : active) sum += set->wanted;
    std::int64_t left = most;
    std::vector<std::int64_t> sizes;
    for (const ReplicaSetView* set : active) {
      sizes.push_back(most * set->wanted / std::max<std::int64_t>(sum, 1));
      left -= sizes.back();
    }
    sizes.back() += left;  // What rounding left goes to the newest.
    for (std::size_t i = 0; i < active.size(); ++i) resize_and_mark(*active[i], sizes[i]);
  }

  // Even one that keeps its size is told what it is a part of, or the scaling would never end.
  void resize_and_mark(ReplicaSetView& set, std::int64_t replicas) {
    if (set.wanted != replicas) return resize(set, replicas);
    Json patch;
    patch["metadata"]["annotations"] = size_annotations();
    plan().changes.emplace_back(PatchObject{kinds().replica_set, set.meta.key(), patch});
  }

  void recreate() {
    bool waiting = false;
    for (ReplicaSetView& set : sets_) {
      waiting = waiting || set.wanted > 0;
      resize(set, 0);
    }
    for (const Json& document : pods_) {
      const Pod pod = parse_pod(document);
      const bool old = pod.meta.label(wish_.hash_label) != roll_out_.hash;
      waiting = waiting || (old && !pod.finished());
    }
    if (waiting) return;
    if (!has_current_) return create(wish_.replicas);
    resize(current_, wish_.replicas);
  }

  void roll() {
    const std::int64_t most = wish_.replicas + wish_.max_surge;
    const std::int64_t have = old_wanted() + (has_current_ ? current_.wanted : 0);
    const std::int64_t room = std::max<std::int64_t>(0, most - have);
    if (!has_current_) return create(std::min(room, wish_.replicas));
    if (current_.wanted > wish_.replicas) return resize(current_, wish_.replicas);
    if (current_.wanted < wish_.replicas && room > 0) {
      return resize(current_, current_.wanted + std::min(room, wish_.replicas - current_.wanted));
    }
    if (old_wanted() > 0 && roll_out_.observed) shrink_old(have);
  }

  void shrink_old(std::int64_t have) {
    const std::int64_t least = wish_.replicas - wish_.max_unavailable;
    const std::int64_t current_unavailable = current_.wanted - current_.available;
    std::int64_t spare = have - least - current_unavailable;
    if (spare <= 0) return;
    // First those that serve nobody anyway.
    for (ReplicaSetView& set : sets_) {
      const std::int64_t unhealthy = std::min(spare, set.wanted - set.available);
      if (unhealthy <= 0) continue;
      spare -= unhealthy;
      resize(set, set.wanted - unhealthy);
    }
    std::int64_t surplus = old_available() + current_.available - least;
    for (ReplicaSetView& set : sets_) {
      const std::int64_t fewer = std::min({surplus, spare, set.wanted});
      if (fewer <= 0) continue;
      surplus -= fewer;
      spare -= fewer;
      resize(set, set.wanted - fewer);
    }
  }

  void forget_history() {
    std::vector<const ReplicaSetView*> idle;
    for (const ReplicaSetView& set : sets_) {
      if (set.wanted == 0 && set.replicas == 0 && set.observed) idle.push_back(&set);
    }
    const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(0, wish_.history_max));
    for (std::size_t i = 0; i + kept < idle.size(); ++i) {
      plan().changes.emplace_back(
          DeleteObject{kinds().replica_set, idle[i]->meta.key(), idle[i]->meta.uid});
    }
  }

  const RollOutWish& wish_;
  const std::vector<Json>& pods_;
  std::vector<ReplicaSetView> sets_;  // The old ones, oldest first.
  ReplicaSetView current_;
  bool has_current_ = false;
  RollOut roll_out_;
};

}  // namespace

void resolve_fence(const Json& max_surge, const Json& max_unavailable, RollOutWish& wish) {
  wish.max_surge = pods_of(max_surge, wish.replicas, Rounding::kUp);
  wish.max_unavailable =
      std::min(wish.replicas, pods_of(max_unavailable, wish.replicas, Rounding::kDown));
  if (wish.max_surge == 0 && wish.max_unavailable == 0) wish.max_unavailable = 1;
}

RollOut plan_roll_out(const RollOutWish& wish, const std::vector<Json>& replica_sets,
                      const std::vector<Json>& orphans, const std::vector<Json>& pods) {
  std::vector<Change> adoption =
      plan_adoption(wish.selector, wish.owner_type, wish.owner, kinds().replica_set, orphans);
  if (adoption.empty()) return RollOutPass(wish, replica_sets, pods).run();
  // They come back as ours; until then, nothing that would compete with them.
  RollOutWish waiting = wish;
  waiting.owner.deleting = true;
  RollOut roll_out = RollOutPass(waiting, replica_sets, pods).run();
  roll_out.plan.changes = std::move(adoption);
  return roll_out;
}

}  // namespace rage::workloads
