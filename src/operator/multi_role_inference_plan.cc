#include "operator/multi_role_inference_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/deployments.h"
#include "operator/detail/fact.h"
#include "operator/detail/finalizer.h"
#include "operator/detail/json_path.h"
#include "operator/detail/serving_pod.h"
#include "operator/inference_pool.h"

namespace rage::op {
namespace {

using apis::StringMap;
using detail::Fact;
using detail::kMultiRoleLabel;
using detail::kRoleLabel;
using kube::EventType;

// Of tools, about the document they are on; a copy would restart every replica at each edit.
constexpr std::array<std::string_view, 2> kOwnAnnotations = {
    "kubectl.kubernetes.io/last-applied-configuration", "rage.dev/applied"};

// What one pass finds out.
struct MultiRoleDraft {
  Plan plan;
  Fact prefill;
  Fact decode;
  Fact pool;
  std::string failure;  // Why the wanted state cannot be reached without a person.
};

Json json_of(const StringMap& map) {
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

StringMap child_labels(const apis::MultiRoleInference& inference, std::string_view role) {
  return {{std::string(kMultiRoleLabel), inference.meta.name},
          {std::string(kRoleLabel), std::string(role)}};
}

StringMap merged(StringMap base, const StringMap& over) {
  for (const auto& [key, value] : over) base[key] = value;
  return base;
}

StringMap template_annotations(const ObjectMeta& meta) {
  StringMap annotations = meta.annotations;
  for (const std::string_view key : kOwnAnnotations) annotations.erase(std::string(key));
  return annotations;
}

// Everything we want of it, so that what is cleared here is cleared there.
Json render_child(const apis::MultiRoleInference& inference, const apis::InferenceRole& role) {
  const ResourceType& type = apis::inference_set_type();
  const StringMap labels = child_labels(inference, role.type);
  Json set = object_of(type, {.ns = inference.meta.ns, .name = role_name(inference, role.type)});
  set["metadata"]["labels"] = json_of(labels);
  set_owner(set, apis::multi_role_inference_type(), inference.meta);
  Json& spec = set["spec"];
  if (role.replicas) spec["replicas"] = *role.replicas;
  apis::LabelSelector selector = inference.label_selector;
  // Nodes belong to a role: what is brought must be labelled so, what is ordered will be.
  selector.match_labels = merged(std::move(selector.match_labels), labels);
  spec["labelSelector"] = apis::render_label_selector(selector);
  Json& pods = spec["template"];
  pods["metadata"]["labels"] = json_of(merged(inference.label_selector.match_labels, labels));
  const StringMap annotations = template_annotations(inference.meta);
  if (!annotations.empty()) pods["metadata"]["annotations"] = json_of(annotations);
  if (!role.instance_type.empty()) pods["resource"]["instanceType"] = role.instance_type;
  Json& preset = pods["inference"]["preset"];
  preset["name"] = inference.model;
  if (!inference.model_access_secret.empty()) {
    preset["presetOptions"]["modelAccessSecret"] = inference.model_access_secret;
  }
  if (!role.runtime_config.empty()) pods["inference"]["config"] = role.runtime_config;
  return set;
}

bool is_controlled(const apis::MultiRoleInference& inference, const ObjectMeta& child) {
  const apis::OwnerReference* owner = child.controller();
  return owner != nullptr && owner->uid == inference.meta.uid;
}

const Json* find_child(const MultiRoleObservation& observed, std::string_view name) {
  const auto found = std::ranges::find_if(
      observed.children, [&](const Json& child) { return apis::parse_meta(child).name == name; });
  return found == observed.children.end() ? nullptr : &*found;
}

// "PrefillReady"
std::string condition_type(std::string_view role) {
  return role == "prefill" ? "PrefillReady" : "DecodeReady";
}

Fact judge_child(std::string_view role, const std::string& name, const Json* child) {
  const std::string stem = role == "prefill" ? "Prefill" : "Decode";
  if (child == nullptr) {
    return {false, stem + "NotFound", "InferenceSet " + name + " is being made"};
  }
  const Json* ready = detail::find_condition_json(*child, "InferenceSetReady");
  const std::int64_t generation = apis::parse_meta(*child).generation;
  if (ready == nullptr ||
      codec::number_or(*ready, "observedGeneration", 0) < static_cast<double>(generation)) {
    return {false, stem + "NotReady", "InferenceSet " + name + " has not been looked at yet"};
  }
  std::string message = codec::string_or(*ready, "message", "");
  if (codec::string_or(*ready, "status", "") == "True") {
    return {true, stem + "Ready", "InferenceSet " + name + " is ready"};
  }
  return {false, stem + "NotReady", fmt::format("InferenceSet {}: {}", name, message)};
}

void plan_child(const apis::MultiRoleInference& inference, const apis::InferenceRole& role,
                const MultiRoleObservation& observed, MultiRoleDraft& draft) {
  const std::string name = role_name(inference, role.type);
  const Json* child = find_child(observed, name);
  Fact& fact = role.type == "prefill" ? draft.prefill : draft.decode;
  fact = judge_child(role.type, name, child);
  if (child != nullptr) {
    const ObjectMeta meta = apis::parse_meta(*child);
    const apis::OwnerReference* owner = meta.controller();
    if (meta.deleting) {
      fact = {false, fact.reason, "InferenceSet " + name + " of before is being deleted"};
      return;
    }
    if (owner != nullptr && owner->uid != inference.meta.uid) {
      draft.failure = fmt::format(
          "InferenceSet {} belongs to {} {}: delete it, or give this "
          "MultiRoleInference another name",
          name, owner->kind, owner->name);
      return;
    }
  }
  const std::size_t before = draft.plan.changes.size();
  plan_apply(draft.plan.changes, apis::inference_set_type(), render_child(inference, role),
             child == nullptr ? Json() : *child);
  if (draft.plan.changes.size() == before) return;
  draft.plan.events.push_back({EventType::kNormal, "Reconciled", "applied InferenceSet " + name});
}

void delete_child(const ObjectMeta& child, Plan& plan) {
  if (child.deleting) return;
  plan.changes.emplace_back(
      DeleteObject{.type = apis::inference_set_type(), .key = child.key(), .uid = child.uid});
}

void delete_other_children(const apis::MultiRoleInference& inference,
                           const MultiRoleObservation& observed, Plan& plan) {
  for (const Json& document : observed.children) {
    const ObjectMeta child = apis::parse_meta(document);
    const bool wanted = std::ranges::any_of(inference.roles, [&](const auto& role) {
      return role_name(inference, role.type) == child.name;
    });
    if (wanted || child.deleting || !is_controlled(inference, child)) continue;
    delete_child(child, plan);
    plan.events.push_back({EventType::kNormal, "Reconciled", "deleted InferenceSet " + child.name});
  }
}

void plan_pool(const apis::MultiRoleInference& inference, const MultiRoleObservation& observed,
               const Settings& settings, MultiRoleDraft& draft) {
  if (!settings.inference_extension) {
    draft.pool = {true, "InferencePoolReady",
                  "no InferencePool is made: the gate gatewayAPIInferenceExtension is off"};
    return;
  }
  const std::string name = inference_pool_name(inference.meta);
  std::string plugins = default_epp_plugins();
  if (!inference.epp_plugins_config.empty()) {
    plugins = detail::text_at(observed.plugins_config, {"data", "config.yaml"});
    if (plugins.empty()) {
      draft.failure = fmt::format(
          "ConfigMap {}/{} with the key config.yaml does not exist: create it, or clear "
          "spec.eppPluginsConfig to use the default plugins",
          inference.meta.ns, inference.epp_plugins_config);
      draft.pool = {false, "InferencePoolNotReady", draft.failure};
      return;
    }
  }
  apply_inference_pool({.owner_type = apis::multi_role_inference_type(),
                        .owner = inference.meta,
                        .pod_labels = {{std::string(kMultiRoleLabel), inference.meta.name}},
                        .plugins = std::move(plugins)},
                       observed.pool_objects, settings, draft.plan.changes);
  const auto picker = std::ranges::find_if(observed.pool_objects, [](const Json& object) {
    return codec::string_or(object, "kind", "") == "Deployment";
  });
  const bool serving = picker != observed.pool_objects.end() && detail::is_serving(*picker);
  draft.pool = serving ? Fact{true, "InferencePoolReady", "InferencePool " + name + " is ready"}
                       : Fact{false, "InferencePoolNotReady",
                              "the endpoint picker of InferencePool " + name + " is starting"};
}

class StatusWriter final {
 public:
  StatusWriter(const apis::MultiRoleInference& inference, std::string_view now)
      : inference_(inference), now_(now), conditions_(apis::parse_conditions(inference.status)) {}

  void set(std::string_view type, const Fact& fact) {
    apis::set_condition(conditions_, detail::condition_of(type, fact, inference_.meta.generation),
                        now_);
  }
  Json render() const {
    return {{"conditions", apis::render_conditions(conditions_)},
            {"observedGeneration", inference_.meta.generation}};
  }

 private:
  const apis::MultiRoleInference& inference_;
  std::string_view now_;
  apis::Conditions conditions_;
};

Fact judge_whole(const MultiRoleDraft& draft) {
  if (!draft.failure.empty()) return {false, "ReconcileFailed", draft.failure};
  for (const Fact* part : {&draft.prefill, &draft.decode, &draft.pool}) {
    if (!part->ok) return {false, "NotReady", part->message};
  }
  return {true, "Ready", "both roles and the pool are ready"};
}

void report_failure(const apis::MultiRoleInference& inference, MultiRoleDraft& draft) {
  if (draft.failure.empty()) return;
  const apis::Conditions before = apis::parse_conditions(inference.status);
  const apis::Condition* ready = apis::find_condition(before, "Ready");
  if (ready != nullptr && ready->message == draft.failure) return;  // Said already.
  draft.plan.events.push_back({EventType::kWarning, "ReconcileFailed", draft.failure});
}

// Children first, and themselves only when their Workspaces are gone: nobody routes to what is
// left.
Plan plan_deletion(const apis::MultiRoleInference& inference, const MultiRoleObservation& observed,
                   std::string_view now) {
  Plan plan;
  std::size_t left = 0;
  for (const Json& document : observed.children) {
    const ObjectMeta child = apis::parse_meta(document);
    if (!is_controlled(inference, child)) continue;
    ++left;
    delete_child(child, plan);
  }
  plan.release = left == 0;
  if (plan.release) return plan;
  StatusWriter status(inference, now);
  status.set("Deleting", {true, "MultiRoleInferenceDeleted",
                          fmt::format("waiting for {} InferenceSets to go", left)});
  plan.status = status.render();
  return plan;
}

}  // namespace

std::string role_name(const apis::MultiRoleInference& inference, std::string_view role) {
  return detail::bounded_name(inference.meta.name, fmt::format("-{}", role));
}

Plan plan_multi_role_inference(const apis::MultiRoleInference& inference,
                               const MultiRoleObservation& observed, const Settings& settings,
                               std::string_view now) {
  if (inference.meta.deleting) return plan_deletion(inference, observed, now);
  MultiRoleDraft draft;
  detail::add_finalizer(apis::multi_role_inference_type(), inference.meta, kMultiRoleFinalizer,
                        draft.plan.changes);
  for (const apis::InferenceRole& role : inference.roles) {
    plan_child(inference, role, observed, draft);
  }
  delete_other_children(inference, observed, draft.plan);
  plan_pool(inference, observed, settings, draft);
  report_failure(inference, draft);
  StatusWriter status(inference, now);
  for (const apis::InferenceRole& role : inference.roles) {
    status.set(condition_type(role.type), role.type == "prefill" ? draft.prefill : draft.decode);
  }
  status.set("InferencePoolReady", draft.pool);
  status.set("Ready", judge_whole(draft));
  draft.plan.status = status.render();
  return std::move(draft.plan);
}

}  // namespace rage::op
