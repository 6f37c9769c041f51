#include "operator/workspace_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"
#include "operator/detail/workspace_planning.h"
#include "operator/revision.h"

namespace rage::op {
namespace {

using detail::Pass;
using detail::WorkloadFacts;
using detail::WorkspaceDemand;

constexpr std::string_view kConfigHash = "rage.dev/config-hash";
// Pods of others that end free GPUs, and nothing tells a Workspace that waits for them.
constexpr std::chrono::seconds kFreeGpuRetry{30};
// An object of our name that another owner left behind is on its way out.
constexpr std::chrono::seconds kLeftoverRetry{5};
// A StorageClass or ServiceAccount that a mirror needs may be made at any time.
constexpr std::chrono::seconds kMirrorRetry{30};
// Nor does a ConfigMap of the operator's namespace.
constexpr std::chrono::seconds kTemplateRetry{30};

// What one plan_workspace() builds up.
struct WorkspaceDraft {
  Plan plan;
  apis::WorkspaceStatus status;
  WorkloadFacts facts;

  void wake_in(std::chrono::milliseconds wait) {
    plan.requeue_after = std::min(wait, plan.requeue_after.value_or(wait));
  }
  void add(std::vector<Change> changes) {
    std::ranges::move(changes, std::back_inserter(plan.changes));
  }
};

Plan plan_deletion(const Pass& pass) {
  Plan plan;
  apis::WorkspaceStatus status = pass.workspace.status;
  detail::forget_errors(status.conditions);
  detail::set_condition(pass, status, "WorkspaceDeleting", true, "workspaceDeleted",
                        "workspace is being deleted");
  plan.status = apis::render_workspace_status(status);
  if (!pass.workspace.meta.has_finalizer(kWorkspaceFinalizer)) return plan;
  plan.changes =
      plan_node_release(detail::node_demand(pass, {}), pass.observed.nodes, pass.settings);
  plan.release = true;
  return plan;
}

// A merge patch replaces the list: the resourceVersion keeps it from undoing somebody else's.
void add_finalizer(const Pass& pass, WorkspaceDraft& draft) {
  const ObjectMeta& meta = pass.workspace.meta;
  if (meta.has_finalizer(kWorkspaceFinalizer)) return;
  Json patch;
  Json& finalizers = patch["metadata"]["finalizers"] = Json::array();
  for (const std::string& finalizer : meta.finalizers) finalizers.push_back(finalizer);
  finalizers.push_back(kWorkspaceFinalizer);
  if (!meta.resource_version.empty()) {
    patch["metadata"]["resourceVersion"] = meta.resource_version;
  }
  draft.plan.changes.emplace_back(
      PatchObject{apis::workspace_type(), meta.key(), std::move(patch)});
}

// The three documents that are hashed are also what is kept.
Json revision_data(const std::string& input) {
  const auto lines = split(input, '\n');
  Json data = Json::object();
  const auto keep = [&](std::string_view key, std::size_t line) {
    if (line >= lines.size()) return;
    if (auto json = codec::parse_json(lines[line])) data[std::string(key)] = *std::move(json);
  };
  keep("inference", 1);
  keep("resource", 0);
  keep("tuning", 2);
  return data;
}

void track_revision(const Pass& pass, WorkspaceDraft& draft) {
  const std::string input = apis::revision_input(pass.workspace);
  Revision revision = plan_revision("workspace", apis::workspace_type(), pass.workspace.meta, input,
                                    revision_data(input), pass.observed.revision_documents);
  draft.add(std::move(revision.changes));
  draft.facts.revision = std::to_string(revision.number);
}

const Json& workload_of(const Pass& pass) {
  return pass.workspace.tuning ? pass.observed.tuning_job : pass.observed.stateful_set;
}

// It runs what the spec and its ConfigMap say now. The original noted no hash of the latter, and
// one that is gone for a moment is no new configuration.
bool is_up_to_date(const Pass& pass, const WorkloadFacts& facts) {
  const Json& workload = workload_of(pass);
  if (!workload.is_object() || detail::revision_of(workload) != facts.revision) return false;
  const std::string noted = detail::text_at(workload, {"metadata", "annotations", kConfigHash});
  const std::string& now = pass.observed.config_hash;
  return noted.empty() || now.empty() || noted == now;
}

// Nothing can be ordered before this is mended.
void report_obstacle(const Pass& pass, WorkspaceDraft& draft, const Error& error) {
  if (error.retry_after) draft.wake_in(*error.retry_after);
  const bool about_nodes = error.code == ErrorCode::kFailedPrecondition;
  const std::string message =
      about_nodes ? error.message : "no nodes are asked for: " + error.message;
  if (about_nodes) {
    detail::set_condition(pass, draft.status, "NodesReady", false, detail::kNodeNotReadyReason,
                          message);
    draft.facts.waiting_for = "no node count can be worked out";
  } else if (error.code == ErrorCode::kUnavailable) {
    draft.facts.waiting_for = error.message;
  } else {
    draft.facts.failure = error.message;
  }
  detail::set_condition(pass, draft.status, "ResourceReady", false,
                        "workspaceResourceStatusNotReady", message);
}

// Where the pods are; what was chosen for them tells nothing once nodes are short.
std::vector<std::string> pod_nodes(const Pass& pass) {
  std::vector<std::string> nodes;
  for (const Json& pod : pass.observed.pods) {
    std::string node = detail::text_at(pod, {"spec", "nodeName"});
    if (!node.empty()) nodes.push_back(std::move(node));
  }
  std::ranges::sort(nodes);
  const auto repeated = std::ranges::unique(nodes);
  nodes.erase(repeated.begin(), repeated.end());
  return nodes;
}

NodeVerdict secure_nodes(const Pass& pass, WorkspaceDraft& draft, const WorkspaceDemand& demand) {
  NodeVerdict verdict =
      plan_nodes(detail::node_demand(pass, demand), pass.observed.nodes, pass.settings, pass.now);
  draft.add(std::exchange(verdict.changes, {}));
  std::ranges::move(verdict.events, std::back_inserter(draft.plan.events));
  for (const std::string& type : verdict.remove_conditions) {
    apis::remove_condition(draft.status.conditions, type);
  }
  for (const apis::Condition& condition : verdict.conditions) {
    apis::set_condition(draft.status.conditions, condition, pass.now);
  }
  const bool own = brings_own_nodes(pass.workspace.resource, pass.settings);
  if (own && !verdict.ready) {
    verdict.worker_nodes = pod_nodes(pass);
    draft.wake_in(kFreeGpuRetry);
  }
  draft.status.worker_nodes = verdict.worker_nodes;
  return verdict;
}

// Another object of that name: of a Workspace that was deleted and created again, say. The garbage
// collector takes it; two controllers of one object the API server would refuse.
bool is_leftover(const Pass& pass, const Json& object) {
  const ObjectMeta meta = apis::parse_meta(object);
  const apis::OwnerReference* owner = meta.controller();
  return meta.deleting || (owner != nullptr && owner->uid != pass.workspace.meta.uid);
}

bool waits_for_leftover(const Pass& pass, WorkspaceDraft& draft, const Json& object) {
  if (!object.is_object() || !is_leftover(pass, object)) return false;
  draft.facts.waiting_for =
      fmt::format("{} {} of before is being deleted",
                  codec::string_or(object, "kind", "the object"), apis::parse_meta(object).name);
  draft.wake_in(kLeftoverRetry);
  return true;
}

std::string main_image(const Pass& pass) {
  for (const Json& container :
       detail::list_at(workload_of(pass), {"spec", "template", "spec", "containers"})) {
    if (codec::string_or(container, "name", "") == pass.workspace.meta.name) {
      return codec::string_or(container, "image", "");
    }
  }
  return {};
}

// A new release of the operator brings a new base image; what serves keeps the one it has until its
// spec changes or the label kaito.sh/upgrade-to-version asks for the new one.
Settings pinned_settings(const Pass& pass, WorkspaceDraft& draft) {
  Settings settings = pass.settings;
  const std::string image = main_image(pass);
  const std::string base = settings.preset_registry + "/kaito-base:";
  if (!image.starts_with(base) || image == settings.base_image()) return settings;
  const bool wanted =
      pass.workspace.meta.label("kaito.sh/upgrade-to-version") == settings.base_image_tag;
  if (wanted) {
    // Measured with the image of before.
    draft.status.performance.clear();
    apis::remove_condition(draft.status.conditions, "BenchmarkCompleted");
  } else if (is_up_to_date(pass, draft.facts)) {
    settings.base_image_tag = image.substr(base.size());
  }
  return settings;
}

// What a model outside the catalogue is loaded from stays the same, whatever its owner uploads:
// pods of different days must not differ. One that runs without is not restarted for it.
std::string pin_model(const Pass& pass, WorkspaceDraft& draft) {
  const ObjectMeta& meta = pass.workspace.meta;
  const std::string pinned = meta.annotation(kModelRevision);
  const std::string& found = pass.observed.hub_commit;
  if (!pinned.empty() || found.empty() || workload_of(pass).is_object()) return pinned;
  Json patch;
  patch["metadata"]["annotations"][std::string(kModelRevision)] = found;
  draft.plan.changes.emplace_back(
      PatchObject{apis::workspace_type(), meta.key(), std::move(patch)});
  return found;
}

// A gated model without a token fails in the pod, after half an hour of tries.
std::string advice_about_access(const Pass& pass, const catalog::Model* model) {
  const auto& inference = pass.workspace.inference;
  if (model == nullptr || !model->gated || !inference || !inference->preset) return {};
  if (!inference->preset->model_access_secret.empty()) return {};
  if (pass.workspace.meta.annotation("kaito.sh/use-local-weights") == "true") return {};
  return fmt::format(
      "model {} is gated: accept its licence and set presetOptions.modelAccessSecret to a Secret "
      "with the key HF_TOKEN",
      model->id);
}

const Json& observed_service(const Pass& pass, const Json& wanted) {
  const bool headless = apis::parse_meta(wanted).name != pass.workspace.meta.name;
  return headless ? pass.observed.headless_service : pass.observed.service;
}

void plan_serving(const Pass& pass, WorkspaceDraft& draft, const ServingRequest& request) {
  for (Json& service : render_services(request)) {
    const Json& observed = observed_service(pass, service);
    if (waits_for_leftover(pass, draft, observed)) continue;
    plan_apply(draft.plan.changes, apis::builtin_type("Service"), std::move(service), observed);
  }
  const Json& observed = pass.observed.stateful_set;
  if (waits_for_leftover(pass, draft, observed)) return;
  auto wanted = render_stateful_set(request, observed);
  if (!wanted) {
    draft.facts.failure = wanted.error().message;
    return;
  }
  const std::size_t before = draft.plan.changes.size();
  plan_apply(draft.plan.changes, apis::builtin_type("StatefulSet"), *std::move(wanted), observed);
  const bool is_as_wanted = draft.plan.changes.size() == before;
  if (is_as_wanted) draft.add(replace_stuck_pods(observed, pass.observed.pods));
}

// A pod mounts ConfigMaps of its own namespace alone. The template is copied once and belongs to
// nobody: others of the namespace use it as well, and what a person changes in it stays. False: a
// template is needed and not there.
bool plan_tuning_config(const Pass& pass, WorkspaceDraft& draft) {
  const apis::TuningSpec& tuning = *pass.workspace.tuning;
  if (!tuning.config.empty() || pass.observed.tuning_config.is_object()) return true;
  const std::string name = tuning_config_name(tuning);
  const Json* data = codec::find_key(pass.observed.tuning_template, "data");
  if (data == nullptr) {
    draft.facts.failure = fmt::format(
        "ConfigMap {}/{} with key training_config.yaml does not exist: create it, or name one of "
        "this namespace in tuning.config",
        pass.settings.release_namespace, name);
    draft.wake_in(kTemplateRetry);
    return false;
  }
  const ResourceType& type = apis::builtin_type("ConfigMap");
  Json copy = object_of(type, {.ns = pass.workspace.meta.ns, .name = name});
  copy["data"] = *data;
  draft.plan.changes.emplace_back(CreateObject{type, std::move(copy)});
  return true;
}

// A Job's pods cannot be changed: the old one goes, with its pods, before the new one comes.
void plan_tuning(const Pass& pass, WorkspaceDraft& draft, const ServingRequest& request) {
  const Json& observed = pass.observed.tuning_job;
  if (waits_for_leftover(pass, draft, observed)) return;
  if (observed.is_object()) {
    if (detail::revision_of(observed) == draft.facts.revision) return;
    const ObjectMeta meta = apis::parse_meta(observed);
    draft.facts.waiting_for = "the Job of the spec before is being deleted";
    draft.plan.changes.emplace_back(DeleteObject{.type = apis::builtin_type("Job"),
                                                 .key = meta.key(),
                                                 .uid = meta.uid,
                                                 .propagation = kube::Propagation::kForeground});
    return;
  }
  auto wanted = render_tuning_job(request);
  if (!wanted) {
    draft.facts.failure = wanted.error().message;
    return;
  }
  if (!plan_tuning_config(pass, draft)) return;
  draft.plan.changes.emplace_back(CreateObject{apis::builtin_type("Job"), *std::move(wanted)});
}

// Where the weights come from. GPUs that wait for a download are paid for nothing: what does not
// run yet gets its nodes when its mirror is ready.
StreamingVerdict secure_weights(const Pass& pass, WorkspaceDraft& draft,
                                const WorkspaceDemand& demand) {
  StreamingVerdict verdict;
  const bool running = is_up_to_date(pass, draft.facts);
  if (demand.model != nullptr && !pass.workspace.tuning) {
    verdict = plan_streaming(pass.workspace, *demand.model, demand.disk,
                             running ? pass.observed.stateful_set : Json(), pass.observed.streaming,
                             pass.settings);
  }
  draft.add(std::move(verdict.changes));
  apis::Conditions& conditions = draft.status.conditions;
  if (verdict.condition) {
    verdict.condition->observed_generation = pass.workspace.meta.generation;
    apis::set_condition(conditions, *verdict.condition, pass.now);
  } else {
    apis::remove_condition(conditions, "ModelMirrorReady");
  }
  if (!verdict.blocked()) return verdict;
  draft.facts.waiting_for = verdict.waiting_for;
  draft.facts.failure = verdict.failure;
  if (!verdict.failure.empty()) {
    draft.facts.failure_reason = verdict.failure_reason;
    draft.wake_in(kMirrorRetry);
  }
  if (!running) {
    detail::set_condition(pass, draft.status, "ResourceReady", false, "ModelMirrorNotReady",
                          verdict.failure.empty() ? verdict.waiting_for : verdict.failure);
  }
  return verdict;
}

void plan_workload(const Pass& pass, WorkspaceDraft& draft, const WorkspaceDemand& demand,
                   const NodeVerdict& nodes, const StreamingVerdict& weights) {
  const Settings settings = pinned_settings(pass, draft);
  const std::string model_revision = pin_model(pass, draft);
  apis::StringMap selector = sanitized_selector(pass.workspace.resource.label_selector);
  for (const auto& [key, value] : nodes.node_selector) selector[key] = value;
  const ServingRequest request{.workspace = pass.workspace,
                               .settings = settings,
                               .model = demand.model,
                               .gpu = demand.gpu,
                               .nodes = demand.nodes,
                               .node_selector = std::move(selector),
                               .revision = draft.facts.revision,
                               .nvme_class_exists = pass.observed.nvme_class_exists,
                               .config_hash = pass.observed.config_hash,
                               .model_revision = model_revision,
                               .tuning_output_dir = pass.observed.tuning_output_dir,
                               .weights = weights.weights ? &*weights.weights : nullptr};
  if (pass.workspace.tuning) {
    plan_tuning(pass, draft, request);
  } else {
    plan_serving(pass, draft, request);
  }
}

void plan_nodes_and_workload(const Pass& pass, WorkspaceDraft& draft) {
  const auto count =
      is_up_to_date(pass, draft.facts) ? detail::NodeCount::kKept : detail::NodeCount::kAnew;
  const Result<WorkspaceDemand> demand = detail::resolve_demand(pass, count);
  if (!demand) {
    // What runs keeps its nodes and goes on serving; only nothing new can be made of the spec.
    const bool running = is_up_to_date(pass, draft.facts);
    if (running) secure_nodes(pass, draft, detail::demand_of_running(pass));
    if (!running) report_obstacle(pass, draft, demand.error());
    if (demand.error().retry_after) draft.wake_in(*demand.error().retry_after);
    return;
  }
  draft.facts.nodes = demand->nodes;
  draft.facts.advice = advice_about_access(pass, demand->model);
  draft.status.target_node_count = demand->nodes;
  const StreamingVerdict weights = secure_weights(pass, draft, *demand);
  if (weights.blocked() && !is_up_to_date(pass, draft.facts)) return;
  const NodeVerdict nodes = secure_nodes(pass, draft, *demand);
  if (nodes.ready) {
    // What runs without its mirror has loaded its weights and is left alone.
    if (!weights.blocked()) plan_workload(pass, draft, *demand, nodes, weights);
  } else {
    draft.facts.waiting_for = "waiting for nodes";
  }
}

}  // namespace

Plan plan_workspace(const apis::Workspace& workspace, const WorkspaceObservation& observed,
                    const Settings& settings, std::string_view now) {
  const Pass pass{.workspace = workspace, .observed = observed, .settings = settings, .now = now};
  if (workspace.meta.deleting) return plan_deletion(pass);
  WorkspaceDraft draft{.plan = {}, .status = workspace.status, .facts = {}};
  detail::forget_errors(draft.status.conditions);
  add_finalizer(pass, draft);
  track_revision(pass, draft);
  plan_nodes_and_workload(pass, draft);
  detail::conclude_workload(pass, draft.status, draft.facts);
  draft.plan.status = apis::render_workspace_status(draft.status);
  return std::move(draft.plan);
}

}  // namespace rage::op
