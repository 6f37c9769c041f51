#include "node/node_agent.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "apis/kinds.h"
#include "base/files.h"
#include "base/strings.h"
#include "kube/event_recorder.h"
#include "kube/informer.h"
#include "node/cgroups.h"
#include "node/leftovers.h"
#include "node/node_status.h"
#include "node/pod_worker.h"
#include "node/service_proxy.h"
#include "obs/log.h"

namespace rage::node {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using codec::find_key;
using codec::string_or;
using kube::Informer;

constexpr auto kTick = 1s;  // Between looks without news.
constexpr auto kWriteTimeout = 10s;
constexpr auto kRetryServices = 5s;
constexpr const char* kByNode = "node";
constexpr const char* kFieldManager = "rage-node";

const kube::ResourceType& endpoint_slices() {
  static const kube::ResourceType type{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices",
                                       true};
  return type;
}

std::string node_of(const Json& pod) {
  const Json* spec = find_key(pod, "spec");
  return spec == nullptr ? "" : string_or(*spec, "nodeName", "");
}

bool is_over(const Json& pod) {
  const Json* status = find_key(pod, "status");
  const std::string phase = status == nullptr ? "" : string_or(*status, "phase", "");
  return phase == "Succeeded" || phase == "Failed";
}

std::string pod_ip_of(const Json& pod) {
  const Json* status = find_key(pod, "status");
  const std::string ip = status == nullptr ? "" : string_or(*status, "podIP", "");
  return ip.starts_with("127.97.") ? ip : "";
}

std::vector<Json> documents(const std::vector<kube::ObjectPtr>& objects) {
  std::vector<Json> all;
  all.reserve(objects.size());
  for (const auto& object : objects) all.push_back(object->document());
  return all;
}

// What changed since the agent's thread looked last.
struct News {
  bool pods = true;
  bool services = true;
  bool nodes = true;
  std::set<std::string> namespaces;  // Whose ConfigMaps or Secrets changed.

  bool any() const { return pods || services || nodes || !namespaces.empty(); }
};

class Agent final : public NodeAgent {
 public:
  Agent(kube::KubeClient& client, net::HttpTransport& transport, Clock& clock,
        NodeAgentOptions options)
      : client_(client),
        clock_(clock),
        options_(std::move(options)),
        machine_(this_machine()),
        probes_(make_probe_runner(transport)),
        events_(client, clock, {.component = kFieldManager}),
        cgroups_(Cgroups::create(options_.data)),
        nodes_(client, clock, apis::builtin_type("Node"),
               {.label_selector = fmt::format("{}=true", kLocalLabel)}),
        pods_(client, clock, apis::builtin_type("Pod"),
              {.indexes = {{kByNode,
                            [](const kube::Object& pod) {
                              return std::vector<std::string>{node_of(pod.document())};
                            }}}}),
        services_(client, clock, apis::builtin_type("Service")),
        slices_(client, clock, endpoint_slices()),
        config_maps_(client, clock, apis::builtin_type("ConfigMap")),
        secrets_(client, clock, apis::builtin_type("Secret")),
        claims_(client, clock, apis::builtin_type("PersistentVolumeClaim")),
        around_{
            .client = client_,
            .clock = clock_,
            .probes = *probes_,
            .events = events_,
            .paths = {options_.data},
            .images = options_.images,
            .find = [this](std::string_view kind, const ObjectKey& key) { return find(kind, key); },
            .delays = options_.delays,
            .environment = options_.environment,
            .cgroups = cgroups_ ? cgroups_->get() : nullptr} {}

  ~Agent() override { drain(0ms); }

  Result<void> start(const Context& context) {
    RETURN_IF_ERROR(ensure_directory(options_.data / "run"));
    ASSIGN_OR_RETURN(lock_, FileLock::try_acquire(options_.data / "run" / "node.lock"));
    if (const std::size_t ended = end_leftovers(clock_, options_.data); ended > 0) {
      obs::log().info("processes of a node that was killed were ended", {{"processes", ended}});
    }
    ASSIGN_OR_RETURN(proxy_, ServiceProxy::create(around_.paths));
    if (!options_.node_name.empty()) RETURN_IF_ERROR(ensure_node(context));
    listen_to_changes();
    for (Informer* informer : all_informers()) informer->start();
    for (Informer* informer : all_informers()) RETURN_IF_ERROR(informer->wait_synced(context));
    remove_old_pods();
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
    return {};
  }

  void drain(std::chrono::milliseconds limit) override {
    if (thread_.joinable()) {
      thread_.request_stop();
      wake([](News&) {});
      thread_.join();
    }
    for (Informer* informer : all_informers()) informer->stop();
    const auto end_by = clock_.now() + limit;
    for (auto& [uid, worker] : workers_) worker->end(PodWorker::Ending::kNodeLeaves, end_by);
    for (auto& [uid, worker] : workers_) {
      while (!worker->done() && clock_.now() < end_by) clock_.sleep_for(5ms, {});
    }
    workers_.clear();
    running_.store(0, std::memory_order_relaxed);
  }

  std::size_t pods() const override { return running_.load(std::memory_order_relaxed); }

 private:
  std::vector<Informer*> all_informers() {
    return {&nodes_, &pods_, &services_, &slices_, &config_maps_, &secrets_, &claims_};
  }

  std::optional<Json> find(std::string_view kind, const ObjectKey& key) const {
    const Informer& informer = kind == "ConfigMap" ? config_maps_
                               : kind == "Secret"  ? secrets_
                                                   : claims_;
    const kube::ObjectPtr found = informer.find(key);
    return found ? std::optional(found->document()) : std::nullopt;
  }

  template <class Edit>
  void wake(const Edit& edit) {
    MutexLock lock(mutex_);
    edit(news_);
    changed_.notify_all();
  }

  void listen_to_changes() {
    nodes_.on_change(
        [this](const kube::Change&) { wake([](News& news) { news.nodes = news.pods = true; }); });
    pods_.on_change([this](const kube::Change&) { wake([](News& news) { news.pods = true; }); });
    for (Informer* informer : {&services_, &slices_}) {
      informer->on_change(
          [this](const kube::Change&) { wake([](News& news) { news.services = true; }); });
    }
    for (Informer* informer : {&config_maps_, &secrets_}) {
      informer->on_change([this](const kube::Change& change) {
        wake([&](News& news) { news.namespaces.insert(change.latest().meta().ns); });
      });
    }
  }

  Result<void> ensure_node(const Context& context) {
    const auto& type = apis::builtin_type("Node");
    const auto there = client_.get(context, type, {.ns = "", .name = options_.node_name});
    if (there) {
      if (apis::parse_meta(*there).label(kLocalLabel) == "true") return {};
      return fail(ErrorCode::kFailedPrecondition,
                  "the cluster has a Node {} that is not this machine's: name another one",
                  options_.node_name);
    }
    if (there.error().code != ErrorCode::kNotFound) return fail(there.error());
    const auto made = client_.create(context, type, render_node(options_.node_name, machine_));
    if (!made) return fail(Error(made.error()).with_context("making the Node"));
    return {};
  }

  // Directories of pods that the API does not know any more.
  void remove_old_pods() {
    std::set<std::string> known;
    for (const auto& pod : pods_.list()) known.insert(pod->meta().uid);
    std::error_code error;
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(options_.data / "pods", error)) {
      if (!known.contains(entry.path().filename().string())) old.push_back(entry.path());
    }
    for (const fs::path& path : old) fs::remove_all(path, error);
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const News news = take_news();
      for (const std::string& ns : news.namespaces) refresh(ns);
      if (news.nodes || clock_.now() >= heartbeat_at_) beat();
      const bool retry = services_retry_at_ && clock_.now() >= *services_retry_at_;
      // Before pods are ended: nobody is passed on to one that is about to be told to stop.
      if (news.services || news.pods || retry) sync_services();
      sync_pods();  // Workers end by themselves, without news.
      MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + kTick;
      while (!news_.any() && !stop.stop_requested()) {
        if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
      }
    }
  }

  News take_news() {
    MutexLock lock(mutex_);
    News none{.pods = false, .services = false, .nodes = false, .namespaces = {}};
    return std::exchange(news_, std::move(none));
  }

  void refresh(const std::string& ns) {
    for (auto& [uid, worker] : workers_) {
      if (worker->ns() == ns) worker->refresh_volumes();
    }
  }

  void sync_pods() {
    std::map<std::string, kube::ObjectPtr> wanted;
    for (const auto& node : nodes_.list()) {
      for (const auto& pod : pods_.by_index(kByNode, node->meta().name)) {
        wanted[pod->meta().uid] = pod;
      }
    }
    std::size_t running = 0;
    for (auto each = workers_.begin(); each != workers_.end();) {
      PodWorker& worker = *each->second;
      const bool gone = !wanted.contains(each->first);
      if (gone) worker.end(PodWorker::Ending::kPodIsGone, clock_.now() + 1h);
      if (gone && worker.done()) {
        each = workers_.erase(each);
        continue;
      }
      if (!worker.done()) ++running;
      ++each;
    }
    std::erase_if(versions_, [&](const auto& seen) {
      const bool gone = !wanted.contains(seen.first) && !workers_.contains(seen.first);
      if (gone) forget(seen.first);
      return gone;
    });
    for (const auto& [uid, pod] : wanted) running += adopt(uid, *pod, running);
    running_.store(running, std::memory_order_relaxed);
  }

  // What the pod had here goes with it.
  void forget(const std::string& uid) {
    refused_.erase(uid);
    std::error_code error;
    if (!uid.empty()) fs::remove_all(around_.paths.pod(uid), error);
  }

  // 1 if a worker was made for it.
  std::size_t adopt(const std::string& uid, const kube::Object& pod, std::size_t running) {
    std::string& version = versions_[uid];
    if (version == pod.meta().resource_version) return 0;
    version = pod.meta().resource_version;
    const auto worker = workers_.find(uid);
    if (worker != workers_.end()) {
      const bool taken = worker->second->update(pod.document());
      if (taken || !pod.meta().deleting) return 0;
      workers_.erase(worker);  // It had ended before its deletion was asked for.
    }
    Json document = pod.document();
    if (is_over(document) && !pod.meta().deleting) return 0;
    if (running >= options_.pods_max && !pod.meta().deleting) {
      refuse(document);
      return 0;
    }
    const std::string ip = pod_ip(document);
    workers_[uid] =
        std::make_unique<PodWorker>(around_, std::move(document), PodFacts{.pod_ip = ip});
    return 1;
  }

  void refuse(const Json& pod) {
    const apis::ObjectMeta meta = apis::parse_meta(pod);
    if (!refused_.insert(meta.uid).second) return;
    const Json status = {
        {"phase", "Failed"},
        {"reason", "OutOfpods"},
        {"message", fmt::format("the local node runs at most {} pods", options_.pods_max)}};
    const auto sent = client_.patch(
        Context::with_timeout(kWriteTimeout), apis::builtin_type("Pod"), meta.key(),
        kube::PatchType::kMerge, {{"metadata", {{"uid", meta.uid}}}, {"status", status}}, "status");
    if (!sent) {
      refused_.erase(meta.uid);
      versions_.erase(meta.uid);  // Looked at again.
    }
  }

  // The one it had, unless another pod has it now.
  std::string pod_ip(const Json& pod) {
    std::set<std::string> used;
    for (const auto& [uid, worker] : workers_) used.insert(worker->pod_ip());
    const std::string before = pod_ip_of(pod);
    if (!before.empty() && !used.contains(before)) return before;
    for (const auto& node : nodes_.list()) {
      for (const auto& other : pods_.by_index(kByNode, node->meta().name)) {
        used.insert(pod_ip_of(other->document()));
      }
    }
    return free_pod_ip(ip_cursor_, [&](const std::string& ip) { return used.contains(ip); });
  }

  std::set<std::string> leaving_ips() const {
    std::set<std::string> ips;
    for (const auto& pod : pods_.list()) {
      if (pod->meta().deleting) ips.insert(pod_ip_of(pod->document()));
    }
    return ips;
  }

  void sync_services() {
    const std::vector<Json> services = documents(services_.list());
    ServiceTable table = plan_services(services, documents(slices_.list()));
    leave_out(leaving_ips(), table);
    const Result<void> applied = proxy_->apply(table, plan_published(options_.publish, services));
    services_retry_at_.reset();
    if (applied) return;
    services_retry_at_ = clock_.now() + kRetryServices;
    obs::log().warn("services could not be written down", {{"error", applied.error().message}});
  }

  // Once, on the first Node: a limit that is not kept must not be relied on.
  void state_limits(const kube::Object& node) {
    if (cgroups_ || std::exchange(limits_stated_, true)) return;
    events_.record(
        {.type = apis::builtin_type("Node"), .key = node.meta().key(), .uid = node.meta().uid},
        kube::EventType::kWarning, "LimitsNotEnforced",
        fmt::format("memory and CPU limits of pods are not kept here: {}",
                    cgroups_.error().message));
  }

  // Every Node is told to be there, and its Lease renewed.
  void beat() {
    heartbeat_at_ = clock_.now() + options_.heartbeat;
    for (const auto& node : nodes_.list()) {
      state_limits(*node);
      const Json document = node->document();
      const WallTime now = clock_.wall_now();
      const auto duration = std::chrono::ceil<std::chrono::seconds>(options_.heartbeat * 4);
      auto written =
          client_.apply(Context::with_timeout(kWriteTimeout), apis::builtin_type("Lease"),
                        render_lease(document, now, duration), {.field_manager = kFieldManager});
      const Json status =
          plan_node_status(document, machine_, options_.pods_max, options_.version, now);
      const Json* before = find_key(document, "status");
      if (written && (before == nullptr || *before != status)) {
        written = client_.patch(Context::with_timeout(kWriteTimeout), apis::builtin_type("Node"),
                                node->meta().key(), kube::PatchType::kMerge, {{"status", status}},
                                "status");
        if (written) nodes_.remember(*written);
      }
      if (!written && written.error().code != ErrorCode::kNotFound) {
        obs::log().warn("the Node could not be renewed",
                        {{"node", node->meta().name}, {"error", written.error().message}});
      }
    }
  }

  kube::KubeClient& client_;
  Clock& clock_;
  const NodeAgentOptions options_;
  const Machine machine_;
  const std::unique_ptr<ProbeRunner> probes_;
  kube::EventRecorder events_;
  const Result<std::unique_ptr<Cgroups>> cgroups_;
  bool limits_stated_ = false;
  std::unique_ptr<FileLock> lock_;
  Informer nodes_;
  Informer pods_;
  Informer services_;
  Informer slices_;
  Informer config_maps_;
  Informer secrets_;
  Informer claims_;
  const PodSurroundings around_;
  std::unique_ptr<ServiceProxy> proxy_;

  // The thread's own; drain() uses them once it has ended.
  std::map<std::string, std::unique_ptr<PodWorker>> workers_;  // By UID.
  std::map<std::string, std::string> versions_;                // Seen last, by UID.
  std::set<std::string> refused_;
  // Two platforms on one machine share 127.0.0.0/8: each begins somewhere else.
  std::uint32_t ip_cursor_ =
      static_cast<std::uint32_t>(std::hash<std::string>{}(options_.data.string()) % 0xFFFD);
  SteadyTime heartbeat_at_{};
  std::optional<SteadyTime> services_retry_at_;

  std::atomic<std::size_t> running_ = 0;
  Mutex mutex_;
  CondVar changed_;
  News news_ GUARDED_BY(mutex_);
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace

Result<void> NodeAgentOptions::validate() const {
  if (data.empty() || !data.is_absolute()) {
    return fail(ErrorCode::kInvalidArgument, "the node's data directory must be an absolute path");
  }
  if (data.string().find_first_of(" \t\n'\"\\$=:") != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument,
                "the data directory {} has a space or a sign in its name that scripts of pods "
                "would stumble over: use another one",
                data.string());
  }
  if (images.rage.empty()) return fail(ErrorCode::kInvalidArgument, "which program is rage?");
  if (pods_max == 0 || heartbeat < std::chrono::seconds(1)) {
    return fail(ErrorCode::kInvalidArgument, "a node's limits must be positive");
  }
  return {};
}

Result<std::unique_ptr<NodeAgent>> NodeAgent::create(const Context& context,
                                                     kube::KubeClient& client,
                                                     net::HttpTransport& transport, Clock& clock,
                                                     NodeAgentOptions options) {
  RETURN_IF_ERROR(options.validate());
  auto agent = std::make_unique<Agent>(client, transport, clock, std::move(options));
  RETURN_IF_ERROR(agent->start(context));
  return std::unique_ptr<NodeAgent>(std::move(agent));
}

std::map<std::string, std::string> find_local_models(const fs::path& directory) {
  std::map<std::string, std::string> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && entry.path().extension() == ".gguf") {
      models[to_lower_ascii(entry.path().stem().string())] = entry.path().string();
    }
    if (!entry.is_directory(ignored)) continue;
    const auto is_model = [](const fs::directory_entry& file) {
      return file.path().extension() == ".gguf";
    };
    const fs::directory_iterator files(entry.path(), ignored);
    if (!ignored && std::ranges::count_if(files, is_model) == 1) {
      models[to_lower_ascii(entry.path().filename().string())] = entry.path().string();
    }
  }
  return models;
}

}  // namespace rage::node
