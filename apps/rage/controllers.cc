// `rage controllers`: what controllers and scheduler of a cluster do, for the local platform.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "shutdown.h"
#include "subcommands.h"
#include "workloads/workloads.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kControllersDrainLimit = 2s;
constexpr auto kPollInterval = 100ms;

struct ControllersFlags {
  std::string kubeconfig;
  std::string context;
  workloads::WorkloadsOptions options;
};

Result<void> run(ControllersFlags flags) {
  const ShutdownSignal shutdown;
  SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(
      kube::ClientConfig config,
      kube::load_client_config({.path = flags.kubeconfig, .context = flags.context}, clock));
  const std::string server = config.server;
  const auto client = kube::make_kube_client(*transport, clock, std::move(config),
                                             {.requests_per_second = 500, .burst = 1000});
  obs::MetricRegistry metrics;
  flags.options.volumes_folder =
      std::filesystem::absolute(flags.options.volumes_folder).lexically_normal().string();
  const double overcommit = flags.options.capacity.cpu_overcommit;
  flags.options.capacity = workloads::this_machine();
  flags.options.capacity.cpu_overcommit = overcommit;
  workloads::Workloads controllers(*client, clock, metrics, flags.options);
  const StopOnSignal ending(shutdown);  // It ends the first listing, too.
  const auto started = controllers.start(Context{.stop = ending.token()});
  if (ending.requested()) return {};
  RETURN_IF_ERROR(started);
  fmt::print("rage controllers: working on {}\n", server);
  std::fflush(stdout);
  while (clock.sleep_for(kPollInterval, ending.token())) {
  }
  obs::log().info("draining");
  controllers.drain(kControllersDrainLimit);
  return {};
}

}  // namespace

void add_controllers(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "controllers",
      "Controllers and scheduler of a cluster that is one machine, beside `rage apiserver`");
  auto flags = std::make_shared<ControllersFlags>();
  command->add_option("--kubeconfig", flags->kubeconfig,
                      "Cluster to work on; default: $KUBECONFIG, ~/.kube/config");
  command->add_option("--context", flags->context, "Context of the kubeconfig");
  command
      ->add_option("--volumes", flags->options.volumes_folder,
                   "Folder of volumes: each claim has one in it, and it is deleted with the claim")
      ->required();
  command
      ->add_option("--cpu-overcommit", flags->options.capacity.cpu_overcommit,
                   "How many times over the machine's CPUs may be requested")
      ->check(CLI::Range(1.0, 100.0))
      ->capture_default_str();
  command->add_option("--workers", flags->options.workers, "Reconciles at once, of each kind")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->footer(
      "Never beside a kube-controller-manager or kube-scheduler: both would do the same work.\n"
      "Examples:\n"
      "  rage apiserver --data cluster --port 6443 &\n"
      "  rage controllers --kubeconfig cluster/kubeconfig --volumes cluster/volumes");
  command->callback([flags, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
