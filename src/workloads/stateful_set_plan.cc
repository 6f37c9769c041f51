#include "workloads/stateful_set_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/strings.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr const char* kRevisionLabel = "controller-revision-hash";
constexpr const char* kNameLabel = "statefulset.kubernetes.io/pod-name";
constexpr const char* kIndexLabel = "apps.kubernetes.io/pod-index";
constexpr const char* kHashLabel = "controller.kubernetes.io/hash";

// "web-3" of "web" -> 3.
std::optional<std::int64_t> ordinal_of(const std::string& pod, const std::string& set) {
  if (!pod.starts_with(set + "-")) return std::nullopt;
  const auto number = parse_uint(std::string_view(pod).substr(set.size() + 1));
  if (!number || *number > 1'000'000'000) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

// One pass over one set.
class StatefulSetPass final {
 public:
  explicit StatefulSetPass(const StatefulSetObservation& observed)
      : observed_(observed), set_(observed.stateful_set), meta_(apis::parse_meta(set_)) {
    replicas_ = number_at(set_, {"spec", "replicas"}, 1);
    start_ = number_at(set_, {"spec", "ordinals", "start"});
    parallel_ = text_at(set_, {"spec", "podManagementPolicy"}) == "Parallel";
    min_ready_ = std::chrono::seconds(number_at(set_, {"spec", "minReadySeconds"}));
    rolling_ = text_at(set_, {"spec", "updateStrategy", "type"}, "RollingUpdate") != "OnDelete";
    partition_ = number_at(set_, {"spec", "updateStrategy", "rollingUpdate", "partition"});
    for (Pod& pod : parse_pods(observed.pods)) {
      const auto ordinal = ordinal_of(pod.meta.name, meta_.name);
      if (ordinal) pods_.emplace(*ordinal, std::move(pod));
    }
    for (const Json& claim : observed.claims) {
      ObjectMeta claim_meta = apis::parse_meta(claim);
      claims_.emplace(claim_meta.name, std::move(claim_meta));
    }
  }

  Plan run() {
    choose_revisions();
    if (!meta_.deleting) {
      plan_.changes = plan_adoption(map_at(set_, {"spec", "selector"}), kinds().stateful_set, meta_,
                                    kinds().pod, observed_.orphans);
      if (plan_.changes.empty()) converge();
    }
    write_status();
    if (const auto left = until_available(values(), min_ready_, observed_.now)) {
      plan_.look_again(*left);
    }
    return std::move(plan_);
  }

 private:
  std::vector<Pod> values() const {
    std::vector<Pod> all;
    for (const auto& [ordinal, pod] : pods_) all.push_back(pod);
    return all;
  }
  bool is_ours(std::int64_t ordinal) const {
    return ordinal >= start_ && ordinal < start_ + replicas_;
  }
  bool is_healthy(const Pod& pod) const {
    return pod.active() && pod.phase == "Running" && pod.available(min_ready_, observed_.now);
  }
  bool is_outdated(const Pod& pod) const {
    return pod.meta.label(kRevisionLabel) != update_revision_;
  }
  bool is_held(std::int64_t ordinal) const { return rolling_ && ordinal < start_ + partition_; }

  // --- Revisions

  void choose_revisions() {
    const Json& pod_template = map_at(set_, {"spec", "template"});
    update_revision_ = fmt::format("{}-{}", meta_.name, short_hash(pod_template));
    current_revision_ = text_at(set_, {"status", "currentRevision"}, update_revision_);
    if (meta_.deleting) return;
    std::int64_t newest = 0;
    const Json* found = nullptr;
    for (const Json& revision : observed_.revisions) {
      const std::string name = apis::parse_meta(revision).name;
      if (name == update_revision_) found = &revision;
      if (name == current_revision_)
        current_template_ = map_at(revision, {"data", "spec", "template"});
      newest = std::max(newest, number_at(revision, {"revision"}));
    }
    if (found == nullptr) {
      revision_changes_.emplace_back(CreateObject{kinds().revision, new_revision(newest + 1)});
    } else if (number_at(*found, {"revision"}) < newest) {
      revision_changes_.emplace_back(PatchObject{kinds().revision,
                                                 {.ns = meta_.ns, .name = update_revision_},
                                                 {{"revision", newest + 1}}});
    }
    if (current_template_.empty()) current_revision_ = update_revision_;  // Its record is lost.
  }

  Json new_revision(std::int64_t number) const {
    Json revision = object_of(kinds().revision, {.ns = meta_.ns, .name = update_revision_});
    Json labels = map_at(set_, {"spec", "template", "metadata", "labels"});
    labels[kHashLabel] = update_revision_.substr(meta_.name.size() + 1);
    revision["metadata"]["labels"] = std::move(labels);
    revision["metadata"]["ownerReferences"] =
        Json::array({controller_reference(kinds().stateful_set, meta_)});
    Json pod_template = map_at(set_, {"spec", "template"});
    pod_template["$patch"] = "replace";
    revision["data"]["spec"]["template"] = std::move(pod_template);
    revision["revision"] = number;
    return revision;
  }

  void forget_revisions() {
    std::set<std::string> live = {update_revision_, current_revision_};
    for (const auto& [ordinal, pod] : pods_) live.insert(pod.meta.label(kRevisionLabel));
    std::vector<std::pair<std::int64_t, ObjectMeta>> dead;
    for (const Json& revision : observed_.revisions) {
      ObjectMeta meta = apis::parse_meta(revision);
      if (live.contains(meta.name) || meta.deleting) continue;
      dead.emplace_back(number_at(revision, {"revision"}), std::move(meta));
    }
    std::ranges::sort(dead, {}, [](const auto& each) { return each.first; });
    const auto kept = static_cast<std::size_t>(
        std::max<std::int64_t>(0, number_at(set_, {"spec", "revisionHistoryLimit"}, 10)));
    for (std::size_t i = 0; i + kept < dead.size(); ++i) {
      plan_.changes.emplace_back(
          DeleteObject{kinds().revision, dead[i].second.key(), dead[i].second.uid});
    }
  }

  // --- Pods

  void converge() {
    plan_.changes = std::move(revision_changes_);
    const bool go_on = fill_in();
    if (go_on && shrink() && rolling_) update();
    keep_claims();
    forget_revisions();
  }

  // Ascending; false: something has to happen first.
  bool fill_in() {
    int made = 0;
    for (std::int64_t ordinal = start_; ordinal < start_ + replicas_; ++ordinal) {
      const auto found = pods_.find(ordinal);
      if (found == pods_.end()) {
        create(ordinal);
        if (!parallel_ || ++made >= kChangesMax) return false;
        continue;
      }
      const Pod& pod = found->second;
      if (pod.finished() && !pod.meta.deleting) {
        remove(pod, "it ended");
        if (!parallel_) return false;
      }
      if (parallel_ || is_healthy(pod)) continue;
      const bool broken = rolling_ && !is_held(ordinal) && is_outdated(pod) && !pod.meta.deleting;
      if (broken && !pod.finished()) remove(pod, "its template is outdated and it is not ready");
      return false;
    }
    return true;
  }

  // Those beyond the last ordinal, highest first; false: one of them is still there.
  bool shrink() {
    bool empty = true;
    for (auto it = pods_.rbegin(); it != pods_.rend(); ++it) {
      const auto& [ordinal, pod] = *it;
      if (is_ours(ordinal)) continue;
      empty = false;
      if (!pod.meta.deleting) remove(pod, "the set was scaled down");
      if (!parallel_) return false;
    }
    return empty || parallel_;
  }

  void update() {
    for (auto it = pods_.rbegin(); it != pods_.rend(); ++it) {
      const auto& [ordinal, pod] = *it;
      if (!is_ours(ordinal) || is_held(ordinal)) continue;
      if (is_outdated(pod)) {
        if (!pod.meta.deleting) remove(pod, "its template is outdated");
        return;
      }
      if (!is_healthy(pod)) return;
    }
  }

  void remove(const Pod& pod, const char* why) {
    plan_.changes.emplace_back(DeleteObject{kinds().pod, pod.meta.key(), pod.meta.uid});
    plan_.tell("SuccessfulDelete", fmt::format("delete Pod {} in StatefulSet {} successful: {}",
                                               pod.meta.name, meta_.name, why));
  }

  std::string claim_name(const Json& claim, std::int64_t ordinal) const {
    return fmt::format("{}-{}-{}", text_at(claim, {"metadata", "name"}), meta_.name, ordinal);
  }

  void create(std::int64_t ordinal) {
    const bool old = is_held(ordinal) && !current_template_.empty();
    Json pod_template = old ? current_template_ : map_at(set_, {"spec", "template"});
    pod_template.erase("$patch");
    Json pod = pod_of_template(pod_template, kinds().stateful_set, meta_);
    const std::string name = fmt::format("{}-{}", meta_.name, ordinal);
    pod["metadata"]["name"] = name;
    Json& labels = pod["metadata"]["labels"];
    labels[kRevisionLabel] = old ? current_revision_ : update_revision_;
    labels[kNameLabel] = name;
    labels[kIndexLabel] = std::to_string(ordinal);
    pod["spec"]["hostname"] = name;
    const std::string service = text_at(set_, {"spec", "serviceName"});
    if (!service.empty()) pod["spec"]["subdomain"] = service;
    give_claims(pod, ordinal);
    plan_.changes.emplace_back(CreateObject{kinds().pod, std::move(pod)});
    plan_.tell("SuccessfulCreate",
               fmt::format("create Pod {} in StatefulSet {} successful", name, meta_.name));
  }

  void give_claims(Json& pod, std::int64_t ordinal) {
    const Json& templates = list_at(set_, {"spec", "volumeClaimTemplates"});
    if (templates.empty()) return;
    Json volumes = Json::array();
    std::set<std::string> own;
    for (const Json& claim : templates) {
      const std::string volume = text_at(claim, {"metadata", "name"});
      const std::string name = claim_name(claim, ordinal);
      own.insert(volume);
      volumes.push_back({{"name", volume}, {"persistentVolumeClaim", {{"claimName", name}}}});
      if (!claims_.contains(name)) create_claim(claim, name);
    }
    for (const Json& volume : list_at(pod, {"spec", "volumes"})) {
      if (!own.contains(text_at(volume, {"name"}))) volumes.push_back(volume);
    }
    pod["spec"]["volumes"] = std::move(volumes);
  }

  void create_claim(const Json& stated, const std::string& name) {
    Json claim = object_of(kinds().claim, {.ns = meta_.ns, .name = name});
    Json labels = map_at(stated, {"metadata", "labels"});
    for (const auto& [key, value] : map_at(set_, {"spec", "selector", "matchLabels"}).items()) {
      labels[key] = value;
    }
    claim["metadata"]["labels"] = std::move(labels);
    const Json& annotations = map_at(stated, {"metadata", "annotations"});
    if (!annotations.empty()) claim["metadata"]["annotations"] = annotations;
    if (goes_with_set()) claim["metadata"]["ownerReferences"] = Json::array({claim_owner()});
    claim["spec"] = map_at(stated, {"spec"});
    plan_.changes.emplace_back(CreateObject{kinds().claim, std::move(claim)});
  }

  // --- Claims: whenDeleted is an owner, whenScaled is done here once the pod is gone.

  bool goes_with_set() const {
    return text_at(set_, {"spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"}) ==
           "Delete";
  }
  Json claim_owner() const {
    Json owner = controller_reference(kinds().stateful_set, meta_);
    owner.erase("controller");
    owner.erase("blockOwnerDeletion");
    return owner;
  }

  void keep_claims() {
    const bool scaled =
        text_at(set_, {"spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"}) == "Delete";
    for (const Json& stated : list_at(set_, {"spec", "volumeClaimTemplates"})) {
      const std::string prefix = text_at(stated, {"metadata", "name"}) + "-" + meta_.name;
      for (const auto& [name, claim] : claims_) {
        const auto ordinal = ordinal_of(name, prefix);
        if (!ordinal || claim.deleting) continue;
        if (scaled && !is_ours(*ordinal) && !pods_.contains(*ordinal)) {
          plan_.changes.emplace_back(DeleteObject{kinds().claim, claim.key(), claim.uid});
        } else {
          keep_owner(claim);
        }
      }
    }
  }

  void keep_owner(const ObjectMeta& claim) {
    const bool owned = std::ranges::count(claim.owners, meta_.uid, &apis::OwnerReference::uid) > 0;
    if (owned == goes_with_set()) return;
    Json owners = Json::array();
    for (const apis::OwnerReference& owner : claim.owners) {
      if (owner.uid == meta_.uid) continue;
      owners.push_back({{"apiVersion", owner.api_version},
                        {"kind", owner.kind},
                        {"name", owner.name},
                        {"uid", owner.uid}});
      if (owner.controller) owners.back()["controller"] = true;
    }
    if (!owned) owners.push_back(claim_owner());
    Json patch;
    patch["metadata"]["ownerReferences"] = owners.empty() ? Json() : std::move(owners);
    plan_.changes.emplace_back(PatchObject{kinds().claim, claim.key(), std::move(patch)});
  }

  // --- Status

  void write_status() {
    std::int64_t replicas = 0;
    std::int64_t ready = 0;
    std::int64_t available = 0;
    std::int64_t current = 0;
    std::int64_t updated = 0;
    for (const auto& [ordinal, pod] : pods_) {
      if (pod.finished()) continue;
      ++replicas;
      ready += pod.ready() && pod.active() ? 1 : 0;
      available += pod.active() && pod.available(min_ready_, observed_.now) ? 1 : 0;
      if (pod.meta.deleting) continue;
      updated += is_outdated(pod) ? 0 : 1;
      current += pod.meta.label(kRevisionLabel) == current_revision_ ? 1 : 0;
    }
    if (updated == replicas_ && replicas == replicas_ && ready == replicas_) {
      current_revision_ = update_revision_;
      current = updated;
    }
    Json status = {{"replicas", replicas}, {"availableReplicas", available}};
    if (ready > 0) status["readyReplicas"] = ready;
    if (current > 0) status["currentReplicas"] = current;
    if (updated > 0) status["updatedReplicas"] = updated;
    status["observedGeneration"] = meta_.generation;
    status["currentRevision"] = current_revision_;
    status["updateRevision"] = update_revision_;
    status["collisionCount"] = 0;
    const Json& conditions = list_at(set_, {"status", "conditions"});
    if (!conditions.empty()) status["conditions"] = conditions;
    plan_.status = std::move(status);
  }

  const StatefulSetObservation& observed_;
  const Json& set_;
  const ObjectMeta meta_;
  std::int64_t replicas_ = 1;
  std::int64_t start_ = 0;
  std::int64_t partition_ = 0;
  bool parallel_ = false;
  bool rolling_ = true;
  std::chrono::seconds min_ready_{0};
  std::map<std::int64_t, Pod> pods_;
  std::map<std::string, ObjectMeta> claims_;
  std::string update_revision_;
  std::string current_revision_;
  Json current_template_ = Json::object();
  std::vector<Change> revision_changes_;
  Plan plan_;
};

}  // namespace

Plan plan_stateful_set(const StatefulSetObservation& observed) {
  return StatefulSetPass(observed).run();
}

}  // namespace rage::workloads
