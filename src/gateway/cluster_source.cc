#include "gateway/cluster_source.h"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "gateway/detail/cluster_kinds.h"
#include "kube/informer.h"
#include "obs/log.h"

namespace rage::gateway {
namespace {

using detail::ClusterKind;
using kube::Informer;

class Source final : public ClusterSource {
 public:
  Source(kube::KubeClient& client, Clock& clock, ClusterSourceOptions options)
      : client_(client), clock_(clock), options_(std::move(options)) {}

  ~Source() override {
    if (thread_.joinable()) {
      thread_.request_stop();
      wake();
      thread_.join();
    }
  }

  Result<void> start(const Context& context,
                     std::function<void(const gatewayapi::World&)> changed) override {
    changed_ = std::move(changed);
    RETURN_IF_ERROR(start_informers(context));
    for (const auto& [name, informer] : informers_) {
      RETURN_IF_ERROR(informer->wait_synced(context));
    }
    tell();
    thread_ = std::jthread([this](std::stop_token stop) { follow(stop); });
    return {};
  }

 private:
  // Those whose CRD is there and that are not running yet.
  Result<void> start_informers(const Context& context) {
    std::map<std::string, std::vector<std::string>> served;
    for (const ClusterKind& kind : detail::cluster_kinds()) {
      const std::string version = kind.type.api_version();
      if (informers_.contains(kind.type)) continue;
      if (!served.contains(version))
        served[version] = detail::served_plurals(client_, context, kind.type);
      const bool there =
          std::ranges::find(served[version], kind.type.plural) != served[version].end();
      if (!there && kind.required) {
        return fail(ErrorCode::kFailedPrecondition,
                    "the cluster has no {} of {}: install the Gateway API's CRDs", kind.type.plural,
                    version);
      }
      if (there) start_informer(kind);
    }
    return {};
  }

  void start_informer(const ClusterKind& kind) {
    kube::InformerOptions options{.field_selector = kind.field_selector, .trim = kind.trim};
    if (kind.type.namespaced) options.ns = options_.name_space;
    auto informer = std::make_unique<Informer>(client_, clock_, kind.type, std::move(options));
    informer->on_change([this](const kube::Change& change) { on_change(change); });
    informer->start();
    informers_.emplace(kind.type, std::move(informer));
  }

  void on_change(const kube::Change& change) {
    const codec::Json document = change.latest().document();
    world_.with([&](gatewayapi::World& world) {
      if (!change.after) return gatewayapi::remove_object(world, document);
      const auto put = gatewayapi::put_object(world, document);
      if (!put) obs::log().warn("an object is unusable", {{"error", put.error().message}});
    });
    wake();
  }

  void wake() {
    MutexLock lock(mutex_);
    changed_since_ = true;
    wake_.notify_all();
  }

  // True: something changed. False: it is time to look for CRDs.
  bool wait_for_change(std::stop_token stop) {
    const auto until = std::chrono::steady_clock::now() + options_.crd_check;
    MutexLock lock(mutex_);
    while (!changed_since_ && !stop.stop_requested()) {
      if (wake_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
    }
    return true;
  }

  void follow(std::stop_token stop) {
    while (!stop.stop_requested()) {
      if (!wait_for_change(stop)) {
        (void)start_informers({.stop = stop});
        continue;
      }
      if (!clock_.sleep_for(options_.settle, stop)) return;
      tell();
    }
  }

  void tell() {
    {
      MutexLock lock(mutex_);
      changed_since_ = false;
    }
    const gatewayapi::World world = world_.with([](const auto& now) { return now; });
    changed_(world);
  }

  kube::KubeClient& client_;
  Clock& clock_;
  const ClusterSourceOptions options_;
  std::function<void(const gatewayapi::World&)> changed_;
  Guarded<gatewayapi::World> world_;
  Mutex mutex_;
  CondVar wake_;
  bool changed_since_ GUARDED_BY(mutex_) = false;
  std::map<apis::ResourceType, std::unique_ptr<Informer>> informers_;
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace

std::unique_ptr<ClusterSource> ClusterSource::create(kube::KubeClient& client, Clock& clock,
                                                     ClusterSourceOptions options) {
  return std::make_unique<Source>(client, clock, std::move(options));
}

std::size_t write_statuses(kube::KubeClient& client,
                           const std::vector<gatewayapi::StatusChange>& changes) {
  std::size_t written = 0;
  for (const gatewayapi::StatusChange& change : changes) {
    const std::size_t slash = change.api_version.find('/');
    const apis::ResourceType type{.group = change.api_version.substr(0, slash),
                                  .version = change.api_version.substr(slash + 1),
                                  .kind = change.kind,
                                  .plural = change.plural,
                                  .namespaced = !change.object.name_space.empty()};
    const codec::Json patch = {{"metadata", {{"resourceVersion", change.resource_version}}},
                               {"status", change.status}};
    const auto done = client.patch(Context::with_timeout(std::chrono::seconds(10)), type,
                                   {change.object.name_space, change.object.name},
                                   kube::PatchType::kMerge, patch, "status");
    written += done ? 1 : 0;
    const bool later =
        !done && (kube::is_conflict(done.error()) || done.error().code == ErrorCode::kNotFound);
    if (done || later) continue;  // Another version is on its way here.
    obs::log().warn(
        "cannot write a status",
        {{"kind", change.kind}, {"name", change.object.name}, {"error", done.error().message}});
  }
  return written;
}

}  // namespace rage::gateway
