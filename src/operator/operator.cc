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
  State(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
        OperatorOptions options_in)
      : options(std::move(options_in)),
        caches(client, clock, options.settings),
        events(client, clock),
        hands{.client = client, .events = events, .clock = clock, .informers = caches.all()},
        workspace_reconciler(hands, caches, options.settings),
        inference_set_reconciler(hands, caches, options.settings),
        rag_engine_reconciler(hands, caches, options.settings),
        auto_indexer_reconciler(hands, caches, options.settings),
        workspaces(workspace_reconciler, clock, metrics,
                   {.name = "workspace", .workers = options.workers}),
        inference_sets(inference_set_reconciler, clock, metrics,
                       {.name = "inferenceset", .workers = options.workers}),
        rag_engines(rag_engine_reconciler, clock, metrics,
                    {.name = "ragengine", .workers = options.workers}),
        auto_indexers(auto_indexer_reconciler, clock, metrics,
                      {.name = "autoindexer", .workers = options.workers}) {
    watch_workspaces();
    watch_inference_sets();
    watch_rag_engines();
    watch_auto_indexers(caches, auto_indexers);
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

  std::vector<kube::Controller*> controllers() {
    return {&workspaces, &inference_sets, &rag_engines, &auto_indexers};
  }

  void start_controllers() {
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
  WorkspaceReconciler workspace_reconciler;
  InferenceSetReconciler inference_set_reconciler;
  RagEngineReconciler rag_engine_reconciler;
  AutoIndexerReconciler auto_indexer_reconciler;
  kube::Controller workspaces;
  kube::Controller inference_sets;
  kube::Controller rag_engines;
  kube::Controller auto_indexers;
  std::unique_ptr<kube::LeaderElection> election;
  std::atomic<bool> deposed = false;
};

Operator::Operator(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
                   OperatorOptions options)
    : state_(std::make_unique<State>(client, clock, metrics, std::move(options))) {}

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
