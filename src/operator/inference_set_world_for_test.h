// An InferenceSet in a cluster of the mind: changes are applied, Workspaces load, serve or fail
// after a while, deleted ones linger. Time passes in steps.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "apis/kinds.h"
#include "operator/inference_set_plan.h"
#include "operator/json_compare.h"

namespace rage::op {

inline apis::InferenceSet a_set(int replicas) {
  apis::InferenceSet set;
  set.meta.name = "phi";
  set.meta.ns = "default";
  set.meta.uid = "5a1f";
  set.meta.resource_version = "1";
  set.meta.generation = 1;
  set.meta.finalizers = {std::string(kInferenceSetFinalizer)};
  set.replicas = replicas;
  set.label_selector.match_labels = {{"apps", "phi"}};
  set.instance_type = "Standard_NC24ads_A100_v4";
  set.inference.preset = apis::Preset{.name = "phi-4",
                                      .access_mode = {},
                                      .image = {},
                                      .image_pull_secrets = {},
                                      .model_access_secret = {}};
  set.spec = {{"replicas", replicas}};
  return set;
}

struct SimulatedWorkspace {
  Json document;
  apis::WorkspaceStatus status;
  std::string running;      // What its pod was started with.
  int steps_to_answer = 0;  // Until it serves, or fails.
  int steps_to_vanish = 0;  // Once it is deleted.
};

class World final {
 public:
  explicit World(apis::InferenceSet initial) : set(std::move(initial)) {}

  // A config that starts with "bad", or a preset that ends with "-bad", never serves.
  apis::InferenceSet set;
  Settings settings;
  std::map<std::string, SimulatedWorkspace> children;
  std::vector<Json> revisions;
  Plan last;
  int created = 0;
  int deleted = 0;
  int patched = 0;
  int load_steps = 2;
  int vanish_steps = 1;

  std::string now() const {
    return render_time(WallTime{std::chrono::seconds{1'800'000'000 + 20 * step_}});
  }

  // Plans and applies once; true if that changed something.
  bool reconcile() {
    InferenceSetObservation observed;
    for (const auto& [name, child] : children) observed.children.push_back(view(child));
    observed.revision_documents = revisions;
    last = plan_inference_set(set, observed, settings, now());
    for (const Change& change : last.changes) {
      std::visit([&](const auto& concrete) { apply(concrete); }, change);
    }
    if (last.status.is_object()) set.status = last.status;
    return !last.changes.empty();
  }

  // Time passes: pods start, answer, fail, vanish.
  void step() {
    ++step_;
    for (auto& [name, child] : children) advance(child);
    std::erase_if(children, [](const auto& entry) { return entry.second.steps_to_vanish == 1; });
  }

  // Until nothing has changed for a while. False if that does not happen.
  bool settle(const std::function<void()>& check = [] {}) {
    int quiet = 0;
    for (int i = 0; i < 200 && quiet < 8; ++i) {
      quiet = reconcile() ? 0 : quiet + 1;
      check();
      step();
    }
    return quiet >= 8;
  }

  int serving() const {
    return static_cast<int>(
        std::ranges::count_if(children, [&](const auto& entry) { return serves(entry.second); }));
  }
  int live() const {
    return static_cast<int>(std::ranges::count_if(
        children, [](const auto& entry) { return entry.second.steps_to_vanish == 0; }));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : children) names.push_back(entry.first);
    return names;
  }
  const apis::Condition condition(std::string_view type) const {
    const auto conditions = apis::parse_conditions(set.status);
    const auto* found = apis::find_condition(conditions, type);
    return found == nullptr ? apis::Condition{} : *found;
  }
  int running(std::string_view config) const {
    return static_cast<int>(std::ranges::count_if(children, [&](const auto& entry) {
      return entry.second.running.find(config) != std::string::npos;
    }));
  }
  void set_config(const std::string& config) {
    set.inference.config = config;
    set.spec["config"] = config;
    ++set.meta.generation;
  }
  void set_preset(const std::string& name) {
    set.inference.preset->name = name;
    set.spec["preset"] = name;
    ++set.meta.generation;
  }
  void scale(int replicas) {
    set.replicas = replicas;
    set.spec["replicas"] = replicas;
    ++set.meta.generation;
  }
  void remove(const std::string& name) { remove_child(name); }

 private:
  static std::string content(const SimulatedWorkspace& child) {
    return codec::render_json(child.document["inference"]);
  }
  bool serves(const SimulatedWorkspace& child) const {
    return child.steps_to_vanish == 0 && child.running == content(child) &&
           apis::is_true(child.status.conditions, "WorkspaceSucceeded");
  }
  apis::Workspace view(const SimulatedWorkspace& child) const {
    auto workspace = apis::parse_workspace(child.document);
    workspace->status = child.status;
    workspace->meta.deleting = child.steps_to_vanish > 0;
    return *workspace;
  }
  void say(SimulatedWorkspace& child, const char* type, bool good, const char* reason) {
    apis::set_condition(
        child.status.conditions,
        {.type = type,
         .status = good ? apis::ConditionStatus::kTrue : apis::ConditionStatus::kFalse,
         .reason = reason,
         .message = "simulated",
         .observed_generation = apis::parse_meta(child.document).generation,
         .last_transition_time = {}},
        now());
  }
  void advance(SimulatedWorkspace& child) {
    if (child.steps_to_vanish > 1) --child.steps_to_vanish;
    const std::string wanted = content(child);
    if (child.running != wanted) {
      child.running = wanted;
      child.steps_to_answer = load_steps;
      say(child, "InferenceReady", false, "WorkspaceInferenceStatusPending");
      say(child, "WorkspaceSucceeded", false, "workspacePending");
      return;
    }
    if (child.steps_to_answer > 0) --child.steps_to_answer;
    const bool bad = wanted.find("bad") != std::string::npos;
    if (child.steps_to_answer > 0) return;
    say(child, "InferenceReady", !bad,
        bad ? "ContainerCrashLoopBackOff" : "WorkspaceInferenceStatusSuccess");
    say(child, "WorkspaceSucceeded", !bad, bad ? "workspacePending" : "workspaceSucceeded");
  }

  void apply(const CreateObject& create) {
    const auto meta = apis::parse_meta(create.object);
    if (create.type.kind != "Workspace") {
      revisions.push_back(create.object);
      return;
    }
    if (children.contains(meta.name)) return;
    SimulatedWorkspace child{.document = create.object, .status = {}, .running = {}};
    child.document["metadata"]["uid"] = "uid-" + meta.name;
    child.document["metadata"]["generation"] = 1;
    child.document["metadata"]["creationTimestamp"] = now();
    children.emplace(meta.name, std::move(child));
    ++created;
  }
  void apply(const PatchObject& patch) {
    ++patched;
    if (patch.type.kind == "InferenceSet") {
      Json document = {{"metadata", {{"annotations", Json::object()}}}};
      for (const auto& [key, value] : set.meta.annotations) {
        document["metadata"]["annotations"][key] = value;
      }
      document.merge_patch(patch.patch);
      set.meta.annotations = apis::parse_meta(document).annotations;
      return;
    }
    const auto found = children.find(patch.key.name);
    if (found == children.end()) return;
    Json& document = found->second.document;
    const Json before = document["inference"];
    document.merge_patch(patch.patch);
    if (!same_json(before, document["inference"])) {
      document["metadata"]["generation"] = apis::parse_meta(document).generation + 1;
    }
  }
  void apply(const DeleteObject& remove) {
    if (remove.type.kind == "Workspace") remove_child(remove.key.name);
  }
  void apply(const ApplyObject&) {}
  void remove_child(const std::string& name) {
    const auto found = children.find(name);
    if (found == children.end() || found->second.steps_to_vanish > 0) return;
    found->second.steps_to_vanish = vanish_steps + 1;
    ++deleted;
  }

  int step_ = 0;
};

}  // namespace rage::op
