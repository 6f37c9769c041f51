#include "operator/rag_engine_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/deployments.h"
#include "operator/detail/rag_engine_objects.h"
#include "operator/revision.h"
#include "operator/serving.h"
#include "operator/workspace_plan.h"

namespace rage::op {
namespace {

using apis::Conditions;
using apis::ConditionStatus;
using kube::EventType;

constexpr std::string_view kResourceReady = "ResourceReady";
constexpr std::string_view kServiceReady = "ServiceReady";
constexpr std::string_view kSucceeded = "RAGEngineSucceeded";
constexpr std::string_view kApplied = "rage.dev/applied";
// On the RAGEngine: "Delete" lets a claim that the operator made go with it. Otherwise data stays.
constexpr std::string_view kRetention = "rage.dev/claim-retention";
constexpr const char* kDisk = "200Gi";

// What is known of the way to a running service; `problem` says what stands in it.
struct Progress {
  bool resources = true;
  bool service = false;
  bool failed = false;  // It will not come right by waiting.
  std::string resource_message = "ragengine resource is ready";
  std::string problem;
  std::vector<std::string> worker_nodes;
};

struct Nodes {
  std::optional<NodeVerdict> verdict;  // None: no nodes are asked for.
  apis::StringMap selector;
};

bool asks_for_nodes(const apis::RagEngine& engine, const Settings& settings) {
  return engine.compute && !brings_own_nodes(*engine.compute, settings);
}

NodeDemand demand_of(const apis::RagEngine& engine) {
  return {.owner_type = apis::rag_engine_type(),
          .owner = engine.meta,
          .resource = *engine.compute,
          .count = 1,
          .gpus_per_node = detail::rag_engine_gpus(engine),
          .disk = kDisk};
}

std::vector<std::string> nodes_of(const std::vector<Json>& pods) {
  std::vector<std::string> nodes;
  for (const Json& pod : pods) {
    const Json* spec = codec::find_key(pod, "spec");
    const std::string node = spec != nullptr ? codec::string_or(*spec, "nodeName", "") : "";
    if (!node.empty()) nodes.push_back(node);
  }
  std::ranges::sort(nodes);
  const auto repeated = std::ranges::unique(nodes);
  nodes.erase(repeated.begin(), repeated.end());
  return nodes;
}

Nodes plan_compute(const apis::RagEngine& engine, const RagEngineObservation& observed,
                   const Settings& settings, std::string_view now, Plan& plan) {
  Nodes nodes;
  if (!asks_for_nodes(engine, settings)) {
    if (engine.compute) nodes.selector = sanitized_selector(engine.compute->label_selector);
    return nodes;
  }
  NodeDemand demand = demand_of(engine);
  demand.held = nodes_of(observed.pods);  // Where it runs, it stays.
  nodes.verdict = plan_nodes(demand, observed.nodes, settings, now);
  const NodeVerdict& verdict = *nodes.verdict;
  nodes.selector = verdict.node_selector;
  plan.changes.insert(plan.changes.end(), verdict.changes.begin(), verdict.changes.end());
  plan.events.insert(plan.events.end(), verdict.events.begin(), verdict.events.end());
  return nodes;
}

bool is_ours(const Json& claim, const apis::RagEngine& engine) {
  return apis::parse_meta(claim).label(detail::kRagEngineLabel) == engine.meta.name;
}

// Made once: a claim's spec is immutable. What may change is who it goes with.
void plan_claim(const apis::RagEngine& engine, const Json& observed, Plan& plan) {
  if (!detail::makes_claim(engine)) return;
  const ResourceType& type = apis::builtin_type("PersistentVolumeClaim");
  const bool goes_along = engine.meta.annotation(kRetention) == "Delete";
  if (!observed.is_object()) {
    Json claim = detail::render_rag_claim(engine);
    if (goes_along) set_owner(claim, apis::rag_engine_type(), engine.meta);
    plan.changes.emplace_back(CreateObject{type, std::move(claim)});
    return;
  }
  if (!is_ours(observed, engine)) return;
  const auto meta = apis::parse_meta(observed);
  const bool owned = std::ranges::any_of(
      meta.owners, [&](const auto& owner) { return owner.uid == engine.meta.uid; });
  if (owned == goes_along) return;
  Json patch = Json::object();
  set_owner(patch, apis::rag_engine_type(), engine.meta);
  if (!goes_along) patch["metadata"]["ownerReferences"] = Json::array();
  plan.changes.emplace_back(PatchObject{type, meta.key(), std::move(patch)});
}

// False: there is no policy, and a service without one would let everything pass.
bool plan_guardrails(const apis::RagEngine& engine, const RagEngineObservation& observed,
                     const Settings& settings, Plan& plan, Progress& progress) {
  if (!engine.guardrails_enabled) return true;
  const bool named = !engine.guardrails_config_map.empty();
  const Json* data = codec::find_key(observed.guardrails_policy, "data");
  const bool usable = data != nullptr && codec::find_key(*data, detail::kGuardrailsKey) != nullptr;
  if (usable && !named) {
    plan_apply(plan.changes, apis::builtin_type("ConfigMap"),
               detail::render_guardrails_copy(engine, observed.guardrails_policy),
               observed.guardrails_copy);
  }
  if (usable) return true;
  progress.failed = true;
  progress.problem = fmt::format(
      "guardrails are on, but ConfigMap {}/{} with key {} does not exist: create it, or turn "
      "spec.guardrails.enabled off",
      named ? engine.meta.ns : settings.release_namespace,
      named ? engine.guardrails_config_map : std::string(detail::kGuardrailsTemplate),
      detail::kGuardrailsKey);
  return false;
}

enum class DeploymentState { kCurrent, kChanged };

// A Deployment of another operator is replaced: its command and hooks belong to another image, and
// would survive in what we do not state.
DeploymentState plan_deployment(const apis::RagEngine& engine, const Json& observed,
                                const Nodes& nodes, const Settings& settings, Plan& plan) {
  const ResourceType& type = apis::builtin_type("Deployment");
  const auto meta = apis::parse_meta(observed);
  if (meta.deleting) return DeploymentState::kChanged;
  if (observed.is_object() && meta.annotation(kApplied).empty()) {
    plan.changes.emplace_back(DeleteObject{.type = type,
                                           .key = meta.key(),
                                           .uid = meta.uid,
                                           .propagation = kube::Propagation::kForeground});
    plan.events.push_back({EventType::kWarning, "WorkloadMigration",
                           "replacing Deployment " + meta.name + " of another operator"});
    return DeploymentState::kChanged;
  }
  const std::size_t before = plan.changes.size();
  plan_apply(plan.changes, type, detail::render_rag_deployment(engine, nodes.selector, settings),
             observed);
  return plan.changes.size() == before ? DeploymentState::kCurrent : DeploymentState::kChanged;
}

void judge_service(const apis::RagEngine& engine, const RagEngineObservation& observed,
                   DeploymentState state, Progress& progress) {
  if (state == DeploymentState::kCurrent && detail::is_serving(observed.deployment)) {
    progress.service = true;
    return;
  }
  const std::string claim = claim_name(engine);
  if (!claim.empty() && !detail::makes_claim(engine) && !observed.claim.is_object()) {
    progress.failed = true;
    progress.problem = fmt::format(
        "PersistentVolumeClaim {} does not exist: create it, or leave "
        "storage.persistentVolume.persistentVolumeClaim out to have one made",
        claim);
  } else if (const auto problem = diagnose_pods(observed.pods)) {
    progress.failed = true;
    progress.problem = problem->reason + ": " + problem->message;
  } else if (progress.problem.empty()) {
    progress.problem = "the service is starting";
  }
}

// A reason of ours for waiting, so that "Failed" means that a person must act.
void put_conditions(const apis::RagEngine& engine, const Progress& progress,
                    const std::optional<NodeVerdict>& verdict, std::string_view now,
                    Conditions& conditions) {
  const auto set = [&](std::string_view type, bool good, const char* reason,
                       const std::string& message) {
    apis::set_condition(conditions,
                        {.type = std::string(type),
                         .status = good ? ConditionStatus::kTrue : ConditionStatus::kFalse,
                         .reason = reason,
                         .message = message,
                         .observed_generation = engine.meta.generation,
                         .last_transition_time = {}},
                        now);
  };
  const auto* claims =
      verdict ? apis::find_condition(verdict->conditions, "NodeClaimReady") : nullptr;
  if (claims != nullptr) {
    apis::set_condition(conditions, *claims, now);
  } else {
    apis::remove_condition(conditions, "NodeClaimReady");
  }
  set(kResourceReady, progress.resources,
      progress.resources ? "ragengineResourceStatusSuccess" : "ragengineResourceStatusFailed",
      progress.resource_message);
  const char* waiting =
      progress.failed ? "RAGEngineServiceStatusFailed" : "RAGEngineServiceStatusPending";
  set(kServiceReady, progress.service, progress.service ? "RAGEngineServiceSuccess" : waiting,
      progress.service ? "RAG Engine service is ready" : progress.problem);
  apis::remove_condition(conditions, "RAGEngineServiceReady");  // Upstream's slip of the pen.
  const bool done = progress.resources && progress.service;
  set(kSucceeded, done,
      done              ? "ragengineSucceeded"
      : progress.failed ? "ragengineFailed"
                        : "ragenginePending",
      done ? "ragengine succeeds" : progress.problem);
}

Json render_status(const apis::RagEngine& engine, const Progress& progress,
                   const std::optional<NodeVerdict>& verdict, std::string_view now) {
  Json status = engine.status.is_object() ? engine.status : Json::object();
  Conditions conditions = apis::parse_conditions(status);
  put_conditions(engine, progress, verdict, now, conditions);
  status["conditions"] = apis::render_conditions(conditions);
  status.erase("workerNodes");
  if (!progress.worker_nodes.empty()) status["workerNodes"] = progress.worker_nodes;
  return status;
}

Plan plan_deletion(const apis::RagEngine& engine, const RagEngineObservation& observed,
                   const Settings& settings) {
  Plan plan;
  if (asks_for_nodes(engine, settings)) {
    plan.changes = plan_node_release(demand_of(engine), observed.nodes, settings);
  }
  plan.release = true;
  return plan;
}

void add_finalizer(const apis::RagEngine& engine, std::vector<Change>& changes) {
  if (engine.meta.has_finalizer(kRagEngineFinalizer)) return;
  std::vector<std::string> finalizers = engine.meta.finalizers;
  finalizers.emplace_back(kRagEngineFinalizer);
  Json patch;
  patch["metadata"]["finalizers"] = finalizers;
  // A merge patch replaces the list: only if nobody has changed it meanwhile.
  patch["metadata"]["resourceVersion"] = engine.meta.resource_version;
  changes.emplace_back(PatchObject{apis::rag_engine_type(), engine.meta.key(), std::move(patch)});
}

void judge_nodes(const std::optional<NodeVerdict>& verdict, Progress& progress) {
  if (!verdict || verdict->ready) return;
  progress.resources = false;
  const auto* resource = apis::find_condition(verdict->conditions, kResourceReady);
  progress.resource_message =
      resource != nullptr ? resource->message : "waiting for a node of the instance type";
  progress.problem = "waiting for a node: " + progress.resource_message;
}

}  // namespace

Plan plan_rag_engine(const apis::RagEngine& engine, const RagEngineObservation& observed,
                     const Settings& settings, std::string_view now) {
  if (engine.meta.deleting) return plan_deletion(engine, observed, settings);
  Plan plan;
  add_finalizer(engine, plan.changes);
  const Revision revision =
      plan_revision("ragengine", apis::rag_engine_type(), engine.meta, apis::revision_input(engine),
                    {{"Spec", engine.spec}}, observed.revision_documents);
  plan.changes.insert(plan.changes.end(), revision.changes.begin(), revision.changes.end());

  Progress progress;
  const Nodes nodes = plan_compute(engine, observed, settings, now, plan);
  judge_nodes(nodes.verdict, progress);
  progress.worker_nodes = nodes.verdict ? nodes.verdict->worker_nodes : nodes_of(observed.pods);
  plan_apply(plan.changes, apis::builtin_type("Service"), detail::render_rag_service(engine),
             observed.service);
  plan_claim(engine, observed.claim, plan);
  const bool guarded = plan_guardrails(engine, observed, settings, plan, progress);
  // What runs is kept up to date whatever its nodes do; a first pod waits for its node.
  if (guarded && (progress.resources || observed.deployment.is_object())) {
    const auto state = plan_deployment(engine, observed.deployment, nodes, settings, plan);
    judge_service(engine, observed, state, progress);
  }
  plan.status = render_status(engine, progress, nodes.verdict, now);
  return plan;
}

}  // namespace rage::op
