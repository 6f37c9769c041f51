#include "operator/operator.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "kube/controller.h"
#include "kube/event_recorder.h"
#include "kube/leader_election.h"
#include "obs/log.h"
#include "operator/auto_indexer_reconciler.h"
#include "operator/caches.h"
#include "operator/model_mirror_plan.h"
#include "operator/model_mirror_reconciler.h"
#include "operator/multi_role_inference_reconciler.h"
#include "operator/reconcilers.h"
#include "operator/waiting.h"

namespace rage::op {
namespace {

kube::KeyMapper by_labels(std::string name_label, std::string namespace_label = {}) {
  return [name_label = std::move(name_label),
          namespace_label = std::move(namespace_label)](const kube::Object& object) {
    const ObjectMeta& meta = object.meta();
    const std::string name = meta.label(name_label);
    if (name.empty()) return std::vector<ObjectKey>{};
    return std::vector<ObjectKey>{
        {.ns = namespace_label.empty() ? meta.ns : meta.label(namespace_label), .name = name}};
  };
}

}  // namespace

struct Operator::State {
  State(kube::KubeClient& client, net::HttpTransport& transport, Clock& clock,
        obs::MetricRegistry& metrics, OperatorOptions options_in)
      : options(std::move(options_in)),
        caches(client, clock, options.settings),
        events(client, clock),
        hands{.client = client, .events = events, .clock = clock, .informers = caches.all()},
        models(transport, client, clock, options.models),
        workspace_reconciler(hands, caches, models, options.settings),
        inference_set_reconciler(hands, caches, scaling_reports, options.settings),
        rag_engine_reconciler(hands, caches, options.settings),
        model_mirror_reconciler(hands, caches, options.settings),
        multi_role_reconciler(hands, caches, options.settings),
        auto_indexer_reconciler(hands, caches, options.settings),
        workspaces(workspace_reconciler, clock, metrics,
                   {.name = "workspace", .workers = options.workers}),
        inference_sets(inference_set_reconciler, clock, metrics,
                       {.name = "inferenceset", .workers = options.workers}),
        rag_engines(rag_engine_reconciler, clock, metrics,
                    {.name = "ragengine", .workers = options.workers}),
        auto_indexers(auto_indexer_reconciler, clock, metrics,
                      {.name = "autoindexer", .workers = options.workers}),
        autoscale_reconciler(hands, caches, transport, scaling_reports, options.autoscaler,
                             [this](const ObjectKey& set) { inference_sets.enqueue(set); }),
        autoscaler(autoscale_reconciler, clock, metrics,
                   {.name = "autoscaler", .workers = options.workers}) {
    watch_workspaces();
    watch_inference_sets();
    watch_rag_engines();
    watch_auto_indexers(caches, auto_indexers);
    if (caches.model_mirrors) watch_model_mirrors(clock, metrics);
    if (caches.multi_role_inferences) watch_multi_role_inferences(clock, metrics);
    if (options.settings.autoscaler == Autoscaler::kNative) {
      autoscaler.watch(caches.inference_sets, autoscaled_set);
    }
    if (options.leader_elect) {
      election = std::make_unique<kube::LeaderElection>(
          client, clock,
          kube::LeaderElectionOptions{
              .lease = {.ns = options.lease_namespace, .name = "ef60f9b0.io"},
              .identity = options.identity});
    }
  }

  void watch_workspaces() {
    workspaces.watch(caches.workspaces);
    for (kube::Informer* owned :
         {&caches.stateful_sets, &caches.services, &caches.jobs, &caches.revisions}) {
      workspaces.watch(*owned, kube::to_controller(apis::workspace_type()));
    }
    workspaces.watch(caches.pods, by_labels("kaito.sh/workspace"));
    if (caches.node_claims) {
      workspaces.watch(*caches.node_claims,
                       by_labels("kaito.sh/workspace", "kaito.sh/workspacenamespace"));
      workspaces.watch(*caches.node_claims, by_labels("karpenter.kaito.sh/workspace-name",
                                                      "karpenter.kaito.sh/workspace-namespace"));
    }
    if (caches.node_pools) {
      workspaces.watch(*caches.node_pools, by_labels("karpenter.kaito.sh/workspace-name",
                                                     "karpenter.kaito.sh/workspace-namespace"));
    }
    workspaces.watch(caches.config_maps, [this](const kube::Object& config_map) {
      std::vector<ObjectKey> keys;
      for (const auto& user :
           caches.workspaces.by_index(kByConfigMap, config_map.meta().key().str())) {
        keys.push_back(user->meta().key());
      }
      return keys;
    });
    waiting_workspaces.watch(caches.workspaces, caches.nodes, workspaces);
  }

  void watch_inference_sets() {
    inference_sets.watch(caches.inference_sets);
    inference_sets.watch(caches.workspaces, kube::to_controller(apis::inference_set_type()));
    inference_sets.watch(caches.revisions, kube::to_controller(apis::inference_set_type()));
    if (caches.scaled_objects) {
      inference_sets.watch(*caches.scaled_objects, kube::to_controller(apis::inference_set_type()));
    }
  }

  void watch_rag_engines() {
    rag_engines.watch(caches.rag_engines);
    for (kube::Informer* owned : {&caches.deployments, &caches.services, &caches.revisions}) {
      rag_engines.watch(*owned, kube::to_controller(apis::rag_engine_type()));
    }
    rag_engines.watch(caches.pods, by_labels("kaito.sh/ragengine"));
    waiting_rag_engines.watch(caches.rag_engines, caches.nodes, rag_engines);
    if (caches.node_claims) {
      rag_engines.watch(*caches.node_claims,
                        by_labels("kaito.sh/ragengine", "kaito.sh/ragenginenamespace"));
    }
  }

  void watch_model_mirrors(Clock& clock, obs::MetricRegistry& metrics) {
    model_mirrors = std::make_unique<kube::Controller>(
        model_mirror_reconciler, clock, metrics,
        kube::ControllerOptions{.name = "modelmirror", .workers = options.workers});
    const auto by_claim = [this](const kube::Object& claim) {
      return mirror_of_claim(caches, claim);
    };
    const auto by_label = [](const kube::Object& object) {
      const std::string name = object.meta().label(kModelMirrorLabel);
      return name.empty() ? std::vector<ObjectKey>{}
                          : std::vector<ObjectKey>{{.ns = "", .name = name}};
    };
    model_mirrors->watch(*caches.model_mirrors);
    model_mirrors->watch(caches.volume_claims, by_claim);
    model_mirrors->watch(caches.jobs, by_label);
    model_mirrors->watch(caches.pods, by_label);
    if (!options.settings.model_streaming) return;
    workspaces.watch(*caches.model_mirrors, [this](const kube::Object& mirror) {
      return workspaces_of_mirror(caches, mirror);
    });
  }

  void watch_multi_role_inferences(Clock& clock, obs::MetricRegistry& metrics) {
    multi_roles = std::make_unique<kube::Controller>(
        multi_role_reconciler, clock, metrics,
        kube::ControllerOptions{.name = "multiroleinference", .workers = options.workers});
    multi_roles->watch(*caches.multi_role_inferences);
    const kube::KeyMapper owner = kube::to_controller(apis::multi_role_inference_type());
    multi_roles->watch(caches.inference_sets, owner);
    if (!options.settings.inference_extension) return;
    for (kube::Informer* part : {&caches.deployments, &caches.services, &caches.config_maps}) {
      multi_roles->watch(*part, owner);
    }
    for (const auto& part : caches.pool_parts) multi_roles->watch(*part, owner);
    multi_roles->watch(caches.config_maps, [this](const kube::Object& config_map) {
      std::vector<ObjectKey> keys;
      for (const auto& user :
           caches.multi_role_inferences->by_index(kByConfigMap, config_map.meta().key().str())) {
        keys.push_back(user->meta().key());
      }
      return keys;
    });
  }

  std::vector<kube::Controller*> controllers() {
    std::vector<kube::Controller*> all = {&workspaces, &inference_sets, &rag_engines,
                                          &auto_indexers};
    for (const auto* gated : {&model_mirrors, &multi_roles}) {
      if (*gated) all.push_back(gated->get());
    }
    if (options.settings.autoscaler == Autoscaler::kNative) all.push_back(&autoscaler);
    return all;
  }

  void start_controllers() {
    models.start([this](const ObjectKey& workspace) { workspaces.enqueue(workspace); });
    for (kube::Controller* controller : controllers()) controller->start();
    obs::log().info("controllers started", {{"workers", options.workers}});
  }

  const OperatorOptions options;
  // Before the informers that tell them.
  WaitingForNodes waiting_workspaces{{"resource"}};
  WaitingForNodes waiting_rag_engines{{"spec", "compute"}};
  Caches caches;
  kube::EventRecorder events;
  Hands hands;
  ScalingReports scaling_reports;
  ModelFacts models;
  WorkspaceReconciler workspace_reconciler;
  InferenceSetReconciler inference_set_reconciler;
  RagEngineReconciler rag_engine_reconciler;
  ModelMirrorReconciler model_mirror_reconciler;
  MultiRoleInferenceReconciler multi_role_reconciler;
  AutoIndexerReconciler auto_indexer_reconciler;
  kube::Controller workspaces;
  kube::Controller inference_sets;
  kube::Controller rag_engines;
  kube::Controller auto_indexers;
  // Null without their gates.
  std::unique_ptr<kube::Controller> model_mirrors;
  std::unique_ptr<kube::Controller> multi_roles;
  AutoscaleReconciler autoscale_reconciler;
  kube::Controller autoscaler;
  std::unique_ptr<kube::LeaderElection> election;
  std::atomic<bool> deposed = false;
};

Operator::Operator(kube::KubeClient& client, net::HttpTransport& transport, Clock& clock,
                   obs::MetricRegistry& metrics, OperatorOptions options)
    : state_(std::make_unique<State>(client, transport, clock, metrics, std::move(options))) {}

Operator::~Operator() {
  drain(std::chrono::milliseconds(0));
}

Result<void> Operator::start(const Context& context) {
  state_->caches.start();
  Context syncing = context;
  syncing.deadline = std::chrono::steady_clock::now() + state_->options.sync_timeout;
  RETURN_IF_ERROR(state_->caches.wait_synced(syncing));
  obs::log().info("caches synced", {{"workspaces", state_->caches.workspaces.size()},
                                    {"inference_sets", state_->caches.inference_sets.size()},
                                    {"rag_engines", state_->caches.rag_engines.size()},
                                    {"nodes", state_->caches.nodes.size()}});
  if (!state_->election) {
    state_->start_controllers();
    return {};
  }
  state_->election->start([state = state_.get()] { state->start_controllers(); },
                          [state = state_.get()] { state->deposed = true; });
  return {};
}

void Operator::drain(std::chrono::milliseconds limit) {
  state_->models.stop();  // It wakes controllers.
  for (kube::Controller* controller : state_->controllers()) controller->drain(limit);
  if (state_->election) state_->election->stop();
  // Caches stop before what their handlers feed is destroyed.
  for (kube::Informer* informer : state_->caches.all()) informer->stop();
}

bool Operator::ready() const {
  return state_->caches.synced();
}
bool Operator::deposed() const {
  return state_->deposed;
}

}  // namespace rage::op
