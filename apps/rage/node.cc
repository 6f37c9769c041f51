// `rage node`: the local node against any API server.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "node/node_agent.h"
#include "node_setup.h"
#include "obs/log.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kNodeDrainLimit = 10s;
constexpr auto kNodeStartLimit = 60s;

struct NodeCommandFlags {
  std::string kubeconfig;
  std::string data;
  std::string name = "local";
  std::int64_t restart_delay_ms = 10'000;
  NodeFlags node;
};

Result<void> run(const NodeCommandFlags& flags) {
  const ShutdownSignal shutdown;
  SystemClock clock;
  ASSIGN_OR_RETURN(auto options, node_options(flags.node, flags.data, flags.kubeconfig));
  options.node_name = flags.name;
  options.delays.first = std::chrono::milliseconds(flags.restart_delay_ms);
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto config, kube::load_client_config({.path = flags.kubeconfig}, clock));
  const auto client = kube::make_kube_client(*transport, clock, std::move(config));
  ASSIGN_OR_RETURN(const auto agent,
                   node::NodeAgent::create(Context::with_timeout(kNodeStartLimit), *client,
                                           *transport, clock, std::move(options)));
  fmt::print("rage node: ready as {}\n", flags.name);
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}, {"pods", agent->pods()}});
  agent->drain(kNodeDrainLimit);
  return {};
}

}  // namespace

void add_node(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "node", "Runs pods as processes of this machine: a node without containers");
  auto flags = std::make_shared<NodeCommandFlags>();
  command->add_option("--data", flags->data, "Folder of its pods' volumes and logs")->required();
  command->add_option("--kubeconfig", flags->kubeconfig, "Default: $KUBECONFIG, ~/.kube/config");
  command->add_option("--name", flags->name, "Name of the Node; made if it is absent")
      ->capture_default_str();
  command
      ->add_option("--restart-delay-ms", flags->restart_delay_ms,
                   "Before a container that failed twice starts again; doubles up to 5 minutes")
      ->check(CLI::Range(1, 300'000))
      ->capture_default_str();
  add_node_flags(*command, flags->node);
  command->footer(
      "Runs the pods of every Node with the label rage.dev/local=true: RAGE's and KAITO's images,\n"
      "shell scripts, redis. Services are passed on at their cluster IPs.\n"
      "Examples:\n"
      "  rage apiserver --data cluster --node-data node &\n"
      "  rage node --kubeconfig cluster/kubeconfig --data node\n"
      "  rage node --data node --substitute phi-4-mini-instruct=file:phi-4-mini-q4.gguf");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
