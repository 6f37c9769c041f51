#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "apis/kinds.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/replica.h"
#include "operator/json_compare.h"

namespace rage::op::detail {
namespace {

using apis::Condition;
using apis::ConditionStatus;
using apis::StringMap;

// Nodes are ordered with these and keep them.
constexpr std::array<std::string_view, 2> kNodeAnnotations = {"kaito.sh/node-class-name",
                                                              "kaito.sh/node-image-family"};
// InferenceReady=False for these reasons is waiting, not failing.
constexpr std::array<std::string_view, 3> kWaitingReasons = {"WorkspaceInferenceStatusPending",
                                                             "Unschedulable", ""};

// What of a preset reaches a pod; the other fields are deprecated and unused.
bool same_preset(const apis::Preset& a, const apis::Preset& b) {
  return equals_ignoring_case(a.name, b.name) && a.model_access_secret == b.model_access_secret;
}

bool same_preset(const std::optional<apis::Preset>& a, const std::optional<apis::Preset>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return same_preset(*a, *b);
}

std::vector<std::string> recorded_annotations(const ObjectMeta& meta) {
  const std::string record = meta.annotation(kTemplateAnnotations);
  std::vector<std::string> keys;
  for (const std::string_view key : split(record, ',')) {
    if (!key.empty()) keys.emplace_back(key);
  }
  return keys;
}

// Keys whose value the template changes, or which it had and has no more.
std::vector<std::string> changed_annotations(const ObjectMeta& child, const StringMap& wanted) {
  std::vector<std::string> changed;
  for (const auto& [key, value] : wanted) {
    const auto have = child.annotations.find(key);
    if (have == child.annotations.end() || have->second != value) changed.push_back(key);
  }
  for (const std::string& key : recorded_annotations(child)) {
    if (!wanted.contains(key) && child.annotations.contains(key)) changed.push_back(key);
  }
  return changed;
}

bool is_current(const Condition& condition, const ObjectMeta& meta) {
  return condition.observed_generation == 0 || condition.observed_generation >= meta.generation;
}

bool waits_for_nodes(const apis::Conditions& conditions) {
  const Condition* resource = apis::find_condition(conditions, "ResourceReady");
  if (resource != nullptr && resource->status != ConditionStatus::kTrue) return true;
  const Condition* inference = apis::find_condition(conditions, "InferenceReady");
  return inference != nullptr && inference->reason == "Unschedulable";
}

std::string failure_of(const apis::Workspace& child) {
  for (const std::string_view type : {"InferenceReady", "WorkspaceSucceeded"}) {
    const Condition* condition = apis::find_condition(child.status.conditions, type);
    if (condition == nullptr || condition->status != ConditionStatus::kFalse) continue;
    if (!is_current(*condition, child.meta)) continue;
    const bool fails =
        type == "InferenceReady"
            ? std::ranges::find(kWaitingReasons, condition->reason) == kWaitingReasons.end()
            : condition->reason == "workspaceFailed" || condition->reason == "BenchmarkFailed";
    if (fails) return condition->reason + ": " + condition->message;
  }
  return {};
}

WallTime start_of(const apis::Workspace& child, WallTime now) {
  const auto changed = parse_time(child.meta.annotation(kTemplateTime));
  if (changed) return *changed;
  return parse_time(child.meta.creation_timestamp).value_or(now);
}

Json render_map(const StringMap& map) {
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

std::string joined_keys(const StringMap& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return join(keys, ",");
}

}  // namespace

apis::Workspace wanted_child(const apis::InferenceSet& set, const Settings& settings) {
  apis::Workspace child;
  child.meta.ns = set.meta.ns;
  child.meta.labels = set.template_labels;
  for (const std::string_view key :
       {"kaito.sh/inference-role", "multiroleinference.kaito.sh/created-by"}) {
    if (const std::string value = set.meta.label(key); !value.empty()) {
      child.meta.labels[std::string(key)] = value;
    }
  }
  child.meta.labels[std::string(kCreatedBy)] = set.meta.name;
  child.meta.annotations = set.template_annotations;
  if (set.meta.annotation(kDisableBenchmark) == "true") {
    child.meta.annotations[std::string(kDisableBenchmark)] = "true";
  }
  child.has_resource = true;
  child.resource.label_selector = set.label_selector;
  child.resource.partition = set.partition;
  if (settings.provisioner != Provisioner::kByo) child.resource.instance_type = set.instance_type;
  child.inference = set.inference;
  return child;
}

std::string template_hash(const apis::Workspace& wanted) {
  apis::InferenceSpec inference = wanted.inference.value_or(apis::InferenceSpec{});
  if (inference.preset) {
    inference.preset = apis::Preset{.name = to_lower_ascii(inference.preset->name),
                                    .access_mode = {},
                                    .image = {},
                                    .image_pull_secrets = {},
                                    .model_access_secret = inference.preset->model_access_secret};
  }
  const Json content = {{"annotations", render_map(wanted.meta.annotations)},
                        {"resource", apis::render_resource_spec(wanted.resource)},
                        {"inference", apis::render_inference_spec(inference)}};
  return sha256_hex(codec::render_json(content)).substr(0, 10);
}

TemplateChange change_between(const apis::Workspace& child, const apis::Workspace& wanted,
                              const Settings& settings) {
  const apis::InferenceSpec none;
  const apis::InferenceSpec& have = child.inference ? *child.inference : none;
  const apis::InferenceSpec& want = wanted.inference ? *wanted.inference : none;
  // Nodes the user brings are chosen by labels alone; a type left over from before means nothing.
  const bool other_type = settings.provisioner != Provisioner::kByo &&
                          child.resource.instance_type != wanted.resource.instance_type;
  const auto annotations = changed_annotations(child.meta, wanted.meta.annotations);
  const bool other_nodes = std::ranges::any_of(annotations, [](const std::string& key) {
    return std::ranges::find(kNodeAnnotations, key) != kNodeAnnotations.end();
  });
  if (other_type || other_nodes || child.resource.partition != wanted.resource.partition ||
      child.resource.label_selector != wanted.resource.label_selector ||
      !same_preset(have.preset, want.preset) ||
      have.pod_template.is_null() != want.pod_template.is_null()) {
    return TemplateChange::kReplace;
  }
  const bool same = annotations.empty() && have.config == want.config &&
                    have.adapters == want.adapters &&
                    same_json(have.pod_template, want.pod_template);
  return same ? TemplateChange::kNone : TemplateChange::kInPlace;
}

Replica view_replica(const apis::Workspace& child, const Template& wanted,
                     const apis::UpdateStrategy& strategy, const Settings& settings, WallTime now) {
  Replica replica;
  replica.workspace = &child;
  // The recorded hash decides: an edit of the child by hand is not fought. A child without it, or
  // with another hash of the same content (an operator of another version), is adopted as it is.
  if (child.meta.annotation(kTemplateHash) != wanted.hash) {
    replica.change = change_between(child, wanted.wanted, settings);
    replica.unstamped = replica.change == TemplateChange::kNone;
  }
  const auto changed = parse_time(child.meta.annotation(kTemplateTime));
  if (changed && now < *changed + kSettleTime && now >= *changed) {
    replica.look_again = *changed + kSettleTime;
    return replica;
  }
  const Condition* done = apis::find_condition(child.status.conditions, "WorkspaceSucceeded");
  replica.ready = !child.meta.deleting && done != nullptr &&
                  done->status == ConditionStatus::kTrue && is_current(*done, child.meta);
  if (replica.ready) return replica;
  replica.waiting_for_nodes = waits_for_nodes(child.status.conditions);
  replica.failure = failure_of(child);
  const auto limit = strategy.progress_deadline;
  if (!replica.failure.empty() || limit <= std::chrono::seconds{0}) return replica;
  const WallTime deadline = start_of(child, now) + limit;
  if (now < deadline) {
    replica.look_again = deadline;
  } else {
    replica.failure = fmt::format("ProgressDeadlineExceeded: not ready after {} s", limit.count());
  }
  return replica;
}

std::string child_name(const apis::InferenceSet& set, int serial) {
  return bounded_name(set.meta.name, "-" + short_hash(fmt::format("{}/{}", set.meta.uid, serial)));
}

Json render_child(const apis::InferenceSet& set, const Template& wanted, int serial,
                  std::string_view now) {
  const ObjectKey key{.ns = set.meta.ns, .name = child_name(set, serial)};
  Json object = object_of(apis::workspace_type(), key);
  Json& metadata = object["metadata"];
  metadata["labels"] = render_map(wanted.wanted.meta.labels);
  Json& annotations = metadata["annotations"] = render_map(wanted.wanted.meta.annotations);
  annotations[std::string(kTemplateHash)] = wanted.hash;
  annotations[std::string(kTemplateTime)] = now;
  annotations[std::string(kTemplateAnnotations)] = joined_keys(wanted.wanted.meta.annotations);
  annotations[std::string(kSerial)] = std::to_string(serial);
  set_owner(object, apis::inference_set_type(), set.meta);
  object["resource"] = apis::render_resource_spec(wanted.wanted.resource);
  if (wanted.wanted.inference) {
    object["inference"] = apis::render_inference_spec(*wanted.wanted.inference);
  }
  return object;
}

Json render_child_patch(const Replica& replica, const Template& wanted, PatchScope scope,
                        std::string_view now) {
  const apis::Workspace& child = *replica.workspace;
  Json patch = Json::object();
  for (const auto& [key, value] : wanted.wanted.meta.labels) {
    if (child.meta.label(key) != value) patch["metadata"]["labels"][key] = value;
  }
  if (scope == PatchScope::kRecords && !replica.unstamped) return patch;
  Json& annotations = patch["metadata"]["annotations"] = Json::object();
  annotations[std::string(kTemplateHash)] = wanted.hash;
  annotations[std::string(kTemplateAnnotations)] = joined_keys(wanted.wanted.meta.annotations);
  if (scope == PatchScope::kRecords) return patch;
  annotations[std::string(kTemplateTime)] = now;
  for (const std::string& key : changed_annotations(child.meta, wanted.wanted.meta.annotations)) {
    const auto value = wanted.wanted.meta.annotations.find(key);
    annotations[key] = value == wanted.wanted.meta.annotations.end() ? Json() : Json(value->second);
  }
  const apis::InferenceSpec have = child.inference.value_or(apis::InferenceSpec{});
  apis::InferenceSpec want = wanted.wanted.inference.value_or(apis::InferenceSpec{});
  want.preset = have.preset;  // Immutable; what differs, if anything, reaches no pod.
  Json inference =
      merge_patch_of(apis::render_inference_spec(have), apis::render_inference_spec(want));
  if (!inference.empty()) patch["inference"] = std::move(inference);
  return patch;
}

}  // namespace rage::op::detail
