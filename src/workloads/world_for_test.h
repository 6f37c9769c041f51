// A cluster in memory: carries out plans at once, and plays the node. No API server's rules but
// generations and the grace of pods that run.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/plan.h"

namespace rage::workloads {

inline Json parse(std::string_view text) {
  auto parsed = codec::parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Json();
}

inline WallTime at(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(1'767'225'600 + seconds));  // From 2026-01-01T00:00:00Z.
}

// Value. One thread.
class World final {
 public:
  WallTime now = at(0);

  Json& put(const ResourceType& type, Json object) {
    Json& metadata = object["metadata"];
    if (!metadata.contains("namespace") && type.namespaced) metadata["namespace"] = "default";
    if (!metadata.contains("name")) {
      metadata["name"] = fmt::format("{}{:05}", metadata.value("generateName", ""), ++names_);
    }
    metadata["uid"] = fmt::format("uid-{}", ++uids_);
    metadata["generation"] = 1;
    metadata["creationTimestamp"] = render_time(now);
    const ObjectKey key = apis::parse_meta(object).key();
    return objects_[type.kind][key] = std::move(object);
  }
  bool has(const ResourceType& type, const std::string& name) const {
    const auto kind = objects_.find(type.kind);
    return kind != objects_.end() && kind->second.contains(key_of(type, name));
  }
  Json& get(const ResourceType& type, const std::string& name) {
    return objects_[type.kind].at(key_of(type, name));
  }
  std::vector<Json> all(const ResourceType& type) {
    std::vector<Json> found;
    for (const auto& [key, object] : objects_[type.kind]) found.push_back(object);
    return found;
  }
  std::vector<Json> owned(const ResourceType& type, const Json& owner) {
    std::vector<Json> found;
    for (const auto& [key, object] : objects_[type.kind]) {
      const auto meta = apis::parse_meta(object);
      if (meta.controller() != nullptr && meta.controller()->uid == apis::parse_meta(owner).uid) {
        found.push_back(object);
      }
    }
    return found;
  }
  void erase(const ResourceType& type, const std::string& name) {
    objects_[type.kind].erase(key_of(type, name));
  }

  // Changes, then the status of the object that was planned for.
  void carry_out(const ResourceType& type, const std::string& name, const Plan& plan) {
    for (const Change& change : plan.changes) apply(change);
    if (plan.status.is_object() && has(type, name)) get(type, name)["status"] = plan.status;
  }
  void apply(const Change& change) {
    if (const auto* made = std::get_if<CreateObject>(&change)) {
      const ObjectMeta meta = apis::parse_meta(made->object);
      if (meta.name.empty() || !has(made->type, meta.name)) put(made->type, made->object);
    } else if (const auto* gone = std::get_if<DeleteObject>(&change)) {
      remove(gone->type, gone->key.name);
    } else if (const auto* patch = std::get_if<PatchObject>(&change)) {
      if (!has(patch->type, patch->key.name)) return;
      Json& object = get(patch->type, patch->key.name);
      const Json before = object.value("spec", Json());
      object.merge_patch(patch->patch);
      if (!detail::same_json(before, object.value("spec", Json()))) {
        object["metadata"]["generation"] = object["metadata"]["generation"].get<int>() + 1;
      }
    }
  }
  // Pods that run are marked; end_pods() ends them.
  void remove(const ResourceType& type, const std::string& name) {
    if (!has(type, name)) return;
    Json& object = get(type, name);
    if (type == kinds().pod && detail::text_at(object, {"status", "phase"}) == "Running") {
      object["metadata"]["deletionTimestamp"] = render_time(now);
      return;
    }
    erase(type, name);
  }

  // What a node does.
  void run(const std::string& pod, bool ready = true) {
    Json conditions = Json::array();
    set_condition(conditions, {.type = "Ready", .status = ready ? "True" : "False"}, now);
    Json& object = get(kinds().pod, pod);
    object["status"] = {{"phase", "Running"}, {"podIP", "127.97.0.1"}};
    object["status"]["conditions"] = std::move(conditions);
  }
  void run_all() {
    for (const Json& pod : all(kinds().pod)) {
      const ObjectMeta meta = apis::parse_meta(pod);
      if (!pod.contains("status") && !meta.deleting) run(meta.name);
    }
  }
  void end_pods() {
    for (const Json& pod : all(kinds().pod)) {
      const ObjectMeta meta = apis::parse_meta(pod);
      if (meta.deleting) erase(kinds().pod, meta.name);
    }
  }
  void finish(const std::string& pod, const char* phase) {
    get(kinds().pod, pod)["status"] = {{"phase", phase}};
  }

 private:
  static ObjectKey key_of(const ResourceType& type, const std::string& name) {
    return {.ns = type.namespaced ? "default" : "", .name = name};
  }

  std::map<std::string, std::map<ObjectKey, Json>> objects_;
  int uids_ = 0;
  int names_ = 0;
};

template <class T>
int count_of(const Plan& plan) {
  int count = 0;
  for (const Change& change : plan.changes) count += std::holds_alternative<T>(change) ? 1 : 0;
  return count;
}

inline std::string reason_of(const Json& object, std::string_view type) {
  const Json* found = find_condition(detail::list_at(object, {"status", "conditions"}), type);
  return found != nullptr ? found->value("reason", "") : "absent";
}

}  // namespace rage::workloads
