// `rage platform`: the embedded platform in the foreground; `rage up -f` starts it in the
// background.
#include "platform/platform.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "net/http_client.h"
#include "net/http_server.h"
#include "node_setup.h"
#include "obs/log.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kPlatformStartLimit = 60s;
constexpr auto kPlatformDrainLimit = 10s;

struct PlatformFlags {
  std::string data;
  std::uint16_t api_port = 0;
  std::uint16_t status_port = 0;
  NodeFlags node;
};

Result<std::unique_ptr<net::HttpServer>> serve_health(std::uint16_t port,
                                                      const std::atomic<bool>& ready) {
  return net::HttpServer::create(
      {.port = port, .workers = 2},
      [&ready](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
        const bool known = request.path == "/readyz" || request.path == "/healthz";
        net::HttpResponse reply{.status = 404, .body = "try /healthz or /readyz\n"};
        if (known) reply = {.body = "ok\n"};
        if (request.path == "/readyz" && !ready) reply = {.status = 503, .body = "starting\n"};
        (void)writer.send(std::move(reply));
      });
}

Result<void> run(const PlatformFlags& flags) {
  const ShutdownSignal shutdown;
  SystemClock clock;
  const auto data = std::filesystem::absolute(flags.data);
  std::atomic<bool> ready = false;
  ASSIGN_OR_RETURN(const auto health, serve_health(flags.status_port, ready));
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(const node::NodeAgentOptions node,
                   node_options(flags.node, data, platform::kubeconfig_of(data)));
  LocalPodLogs pod_logs(clock, data);
  LocalPodExec pod_exec;
  ASSIGN_OR_RETURN(
      const auto platform,
      platform::Platform::create(Context::with_timeout(kPlatformStartLimit), *transport, clock,
                                 {.data = data,
                                  .api_port = flags.api_port,
                                  .node = node,
                                  .pod_logs = &pod_logs,
                                  .pod_exec = &pod_exec}));
  ready = true;
  fmt::print("rage platform: ready on {}, kubeconfig {}\n", platform->url(),
             platform::kubeconfig_of(data).string());
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  ready = false;
  platform->drain(kPlatformDrainLimit);
  return {};
}

}  // namespace

void add_platform(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "platform", "A Kubernetes that is one process: API server, controllers and a node");
  auto flags = std::make_shared<PlatformFlags>();
  command->add_option("--data", flags->data, "Folder of all that is declared, logs and volumes")
      ->required();
  command->add_option("--port", flags->api_port, "Port of the API; 0: any free one, see kubeconfig")
      ->capture_default_str();
  command->add_option("--status-port", flags->status_port, "Port of /healthz and /readyz")
      ->capture_default_str();
  add_node_flags(*command, flags->node);
  command->footer(
      "Everything listens on 127.0.0.0/8.\n"
      "Example:\n"
      "  rage platform --data /srv/rage &\n"
      "  kubectl --kubeconfig /srv/rage/cluster/kubeconfig apply -f manifests/");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
