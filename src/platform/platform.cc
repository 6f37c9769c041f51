#include "platform/platform.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "apis/crds.h"
#include "apis/kinds.h"
#include "base/sha256.h"
#include "inspect/documents.h"
#include "kube/kubeconfig.h"
#include "node/node_agent.h"
#include "obs/metrics.h"
#include "platform/apply.h"
#include "platform/embedded_api.h"
#include "platform/gateway_keeper.h"
#include "platform/open_crds.h"
#include "platform/system_objects.h"
#include "workloads/workloads.h"

namespace rage::platform {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kLowPortOffset = 8000;
constexpr auto kApiDrain = 1s;
constexpr auto kRestoreLimit = 45s;
constexpr auto kPoll = 100ms;

// Whether listeners below 1024 may be opened: root may, and who set
// net.ipv4.ip_unprivileged_port_start.
bool may_open_low_ports() {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(80);
  ::inet_pton(AF_INET, "127.97.255.254", &address.sin_addr);
  const bool opened =
      ::bind(handle, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const bool taken = !opened && errno == EADDRINUSE;
  ::close(handle);
  return opened || taken;
}

std::vector<Json> first_objects(const SystemSettings& settings) {
  std::vector<Json> objects = apis::render_crds();
  for (Json& crd : open_crds()) objects.push_back(std::move(crd));
  for (Json& object : system_objects(settings)) objects.push_back(std::move(object));
  return objects;
}

// Two platforms of one machine must not give their Services the same addresses: 127.128 to 127.247,
// by the data directory.
std::string service_network_of(const fs::path& data) {
  const std::string digits = sha256_hex(data.string()).substr(0, 4);
  return fmt::format("127.{}", 128 + std::stoul(digits, nullptr, 16) % 120);
}

// Nothing runs when the platform starts, whatever its objects say of the time before: pods that
// were ready are told not to be, so that everything that is derived from them becomes true.
Result<std::vector<apis::ObjectKey>> mark_stopped(const Context& context,
                                                  kube::KubeClient& client) {
  const auto& type = apis::builtin_type("Pod");
  std::vector<apis::ObjectKey> keys;
  const auto take = [&](const std::vector<Json>& pods) {
    for (const Json& pod : pods) {
      if (inspect::is_condition_true(pod, "Ready")) keys.push_back(apis::parse_meta(pod).key());
    }
  };
  const auto listed = client.list(context, type, {.ns = ""}, take);
  if (!listed) return fail(listed.error());
  const Json stopped = {{"status",
                         {{"conditions",
                           {{{"type", "Ready"},
                             {"status", "False"},
                             {"reason", "NodeRestarted"},
                             {"message", "the platform started anew"}}}}}}};
  for (const apis::ObjectKey& key : keys) {
    const auto patched =
        client.patch(context, type, key, kube::PatchType::kStrategicMerge, stopped, "status");
    if (!patched && patched.error().code != ErrorCode::kNotFound) return fail(patched.error());
  }
  return keys;
}

// Until they are ready again, or gone; not longer than `limit`: one that cannot start any more must
// not keep the others from being used.
void wait_running(const Context& context, kube::KubeClient& client, Clock& clock,
                  std::vector<apis::ObjectKey> keys, std::chrono::milliseconds limit) {
  const SteadyTime until = clock.now() + limit;
  while (!keys.empty() && clock.now() < until && clock.sleep_for(kPoll, context.stop)) {
    std::erase_if(keys, [&](const apis::ObjectKey& key) {
      const auto pod = client.get(context, apis::builtin_type("Pod"), key);
      return pod ? inspect::is_condition_true(*pod, "Ready")
                 : pod.error().code == ErrorCode::kNotFound;
    });
  }
}

class LocalPlatform final : public Platform {
 public:
  LocalPlatform(net::HttpTransport& transport, Clock& clock, const PlatformOptions& options)
      : transport_(transport), clock_(clock), options_(options) {}
  ~LocalPlatform() override { drain(0ms); }

  Result<void> start(const Context& context) {
    cluster::ApiServerOptions server;
    server.port = options_.api_port;
    server.pod_logs = options_.pod_logs;
    server.pod_exec = options_.pod_exec;
    EmbeddedApiOptions api{.folder = options_.data / "cluster", .server = server};
    api.service_network = service_network_of(options_.data);
    ASSIGN_OR_RETURN(api_, EmbeddedApi::create(clock_, std::move(api)));
    ASSIGN_OR_RETURN(
        kube::ClientConfig config,
        kube::load_client_config({.path = api_->kubeconfig().string(), .context = {}}, clock_));
    client_ = kube::make_kube_client(transport_, clock_, std::move(config),
                                     {.requests_per_second = 1000, .burst = 2000});
    const SystemSettings settings{.low_port_offset = may_open_low_ports() ? 0 : kLowPortOffset};
    RETURN_IF_ERROR(apply_objects(context, *client_, clock_, {.field_manager = kFieldManager},
                                  first_objects(settings)));
    ASSIGN_OR_RETURN(const auto ran_before, mark_stopped(context, *client_));
    controllers_ = std::make_unique<workloads::Workloads>(
        *client_, clock_, metrics_,
        workloads::WorkloadsOptions{.volumes_folder = (options_.data / "volumes").string(),
                                    .capacity = workloads::this_machine()});
    RETURN_IF_ERROR(controllers_->start(context));
    gateways_ = std::make_unique<GatewayKeeper>(*client_, clock_, metrics_, settings);
    RETURN_IF_ERROR(gateways_->start(context));
    node::NodeAgentOptions node = options_.node;
    node.data = options_.data;
    node.images.kubeconfig = api_->kubeconfig().string();
    node.node_name = "";  // The controllers make it.
    ASSIGN_OR_RETURN(node_, node::NodeAgent::create(context, *client_, transport_, clock_, node));
    wait_running(context, *client_, clock_, ran_before, kRestoreLimit);
    return {};
  }

  void drain(std::chrono::milliseconds limit) override {
    if (controllers_) controllers_->drain(limit);  // First: what ends now is not to be replaced.
    if (gateways_) gateways_->drain(limit);
    if (node_) node_->drain(limit);
    if (api_) api_->drain(std::min<std::chrono::milliseconds>(limit, kApiDrain));
  }
  const std::string& url() const override { return api_->url(); }

 private:
  net::HttpTransport& transport_;
  Clock& clock_;
  const PlatformOptions options_;
  obs::MetricRegistry metrics_;
  std::unique_ptr<EmbeddedApi> api_;
  std::unique_ptr<kube::KubeClient> client_;
  std::unique_ptr<workloads::Workloads> controllers_;
  std::unique_ptr<GatewayKeeper> gateways_;
  std::unique_ptr<node::NodeAgent> node_;
};

}  // namespace

fs::path kubeconfig_of(const fs::path& data) {
  return data / "cluster" / "kubeconfig";
}

Result<std::unique_ptr<Platform>> Platform::create(const Context& context,
                                                   net::HttpTransport& transport, Clock& clock,
                                                   const PlatformOptions& options) {
  auto platform = std::make_unique<LocalPlatform>(transport, clock, options);
  RETURN_IF_ERROR(platform->start(context));
  return std::unique_ptr<Platform>(std::move(platform));
}

}  // namespace rage::platform
