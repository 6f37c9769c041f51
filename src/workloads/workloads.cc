#include "workloads/workloads.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "kube/controller.h"
#include "kube/event_recorder.h"
#include "obs/log.h"
#include "workloads/caches.h"
#include "workloads/carry_out.h"
#include "workloads/controllers.h"
#include "workloads/foreign_crds.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;

// Keeps the base Node, which no object asks for.
class BaseNode final : public kube::Reconciler {
 public:
  explicit BaseNode(const Shop& shop) : shop_(shop) {}

  static std::vector<ObjectKey> key_of(const kube::Object& node) {
    if (node.meta().name != kBaseNodeName) return {};
    return {node.meta().key()};
  }

  Result<kube::Outcome> reconcile(const Context& context, const ObjectKey& key) override {
    const Json node = shop_.caches.document(*shop_.caches.nodes, key);
    const Plan plan = plan_base_node(node, shop_.options.capacity, shop_.clock.wall_now());
    return carry_out(context, shop_.hands, kinds().node,
                     node.is_null() ? object_of(kinds().node, key) : node, plan);
  }

 private:
  const Shop& shop_;
};

// A definition that is there already, whoever made it, is left as it is.
Result<void> install_crds(const Context& context, kube::KubeClient& client) {
  for (const Json& crd : foreign_crds()) {
    const auto made = client.create(context, kinds().crd, crd);
    if (made || made.error().code == ErrorCode::kAlreadyExists) continue;
    return fail(Error(made.error()).with_context("installing " + apis::parse_meta(crd).name));
  }
  return {};
}

}  // namespace

LocalCapacity this_machine() {
  LocalCapacity capacity;
  capacity.cpus = std::max(1U, std::thread::hardware_concurrency());
  const auto pages = sysconf(_SC_PHYS_PAGES);
  const auto page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    capacity.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  }
  return capacity;
}

struct Workloads::State {
  State(kube::KubeClient& client_, Clock& clock_, obs::MetricRegistry& metrics,
        WorkloadsOptions options_)
      : client(client_),
        clock(clock_),
        options(std::move(options_)),
        caches(client, clock, deleted),
        events(client, clock, {.component = "rage-controllers"}),
        hands{.client = client,
              .events = events,
              .deleted = deleted,
              .volumes_folder = options.volumes_folder,
              .informers = caches.all()},
        shop{.hands = hands,
             .caches = caches,
             .clock = clock,
             .metrics = metrics,
             .options = options},
        base_node_reconciler(shop),
        base_node(base_node_reconciler, clock, metrics, {.name = "basenode", .workers = 1}) {
    base_node.watch(*caches.nodes, BaseNode::key_of);
    add_replicated(shop, controllers);
    add_placement(shop, controllers);
    add_tasks(shop, controllers);
  }

  kube::KubeClient& client;
  Clock& clock;
  const WorkloadsOptions options;
  Deleted deleted;
  Caches caches;
  kube::EventRecorder events;
  const Hands hands;
  const Shop shop;
  BaseNode base_node_reconciler;
  kube::Controller base_node;
  Controllers controllers;
};

Workloads::Workloads(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
                     WorkloadsOptions options)
    : state_(std::make_unique<State>(client, clock, metrics, std::move(options))) {}

Workloads::~Workloads() {
  drain(0ms);
}

Result<void> Workloads::start(const Context& context) {
  const WorkloadsOptions& options = state_->options;
  if (!std::filesystem::path(options.volumes_folder).is_absolute()) {
    return fail(ErrorCode::kInvalidArgument, "the volumes' folder \"{}\" is not an absolute path",
                options.volumes_folder);
  }
  if (options.install_crds) RETURN_IF_ERROR(install_crds(context, state_->client));
  state_->caches.start();
  Context syncing = context;
  syncing.deadline = std::chrono::steady_clock::now() + context.remaining(options.sync_timeout);
  RETURN_IF_ERROR(state_->caches.wait_synced(syncing));
  for (const auto& each : state_->controllers) each->controller().start();
  state_->base_node.start();
  state_->base_node.enqueue({.ns = "", .name = kBaseNodeName});
  obs::log().info("controllers started", {{"kinds", state_->controllers.size()}});
  return {};
}

void Workloads::drain(std::chrono::milliseconds limit) {
  for (const auto& each : state_->controllers) each->controller().drain(limit);
  state_->base_node.drain(limit);
  // Caches stop before what their handlers feed is destroyed.
  state_->caches.stop();
}

bool Workloads::ready() const {
  return state_->caches.synced();
}

}  // namespace rage::workloads
