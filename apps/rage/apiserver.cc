// `rage apiserver`: the Kubernetes API on one machine, on SQLite.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "node_setup.h"
#include "obs/log.h"
#include "platform/embedded_api.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kApiserverDrainLimit = 2s;

struct ApiServerFlags {
  platform::EmbeddedApiOptions api;
  std::string node_data;
};

Result<void> run(const ApiServerFlags& flags) {
  const ShutdownSignal shutdown;
  SystemClock clock;
  platform::EmbeddedApiOptions options = flags.api;
  std::optional<LocalPodLogs> pod_logs;
  LocalPodExec pod_exec;
  if (!flags.node_data.empty()) {
    const auto node_data = std::filesystem::absolute(flags.node_data);
    options.server.pod_logs = &pod_logs.emplace(clock, node_data);
    options.server.pod_exec = &pod_exec;
  }
  ASSIGN_OR_RETURN(const auto api, platform::EmbeddedApi::create(clock, options));
  fmt::print("rage apiserver: ready on {}, kubeconfig {}\n", api->url(),
             api->kubeconfig().string());
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  api->drain(kApiserverDrainLimit);
  return {};
}

}  // namespace

void add_apiserver(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "apiserver", "The Kubernetes API on one machine: kubectl and the operator work against it");
  auto flags = std::make_shared<ApiServerFlags>();
  platform::EmbeddedApiOptions& options = flags->api;
  command->add_option("--data", options.folder, "Folder of the cluster's objects and certificates")
      ->required();
  command->add_option("--address", options.server.address, "IP address to listen on")
      ->capture_default_str();
  command->add_option("--port", options.server.port, "Port; 0: any free one, see the kubeconfig")
      ->capture_default_str();
  command->add_option("--token-file", options.token_file,
                      "Bearer tokens, \"token,user,uid\" a line; without it, one is made");
  command->add_option("--kubeconfig", options.kubeconfig,
                      "Where to write one; without it, DATA/kubeconfig");
  command
      ->add_option("--requests-max", options.server.requests_max,
                   "Requests at once, each with a thread; watches count")
      ->check(CLI::Range(8, 32000))
      ->capture_default_str();
  command->add_option("--node-data", flags->node_data,
                      "Folder of the local node (rage node --data), to serve its pods' logs from "
                      "and to run programs in them");
  command->footer(
      "Examples:\n"
      "  rage apiserver --data cluster --port 6443\n"
      "  kubectl --kubeconfig cluster/kubeconfig apply -f deploy/crds");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
