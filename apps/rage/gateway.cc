// `rage gateway`: the embedded inference gateway, configured by a folder or by a cluster.
#include "gateway/gateway.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/mutex.h"
#include "gateway/cluster_source.h"
#include "gateway/configuration.h"
#include "gateway/file_source.h"
#include "gateway/local_pickers.h"
#include "gateway/pool_pickers.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "listen.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "shutdown.h"
#include "subcommands.h"
#include "tracing.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kController = "rage.dev/gateway";
constexpr auto kWorldSyncLimit = 120s;

struct GatewayFlags {
  std::string config;
  std::string kubeconfig;
  std::string context;
  bool cluster = false;
  std::string name_space;
  std::string address = "127.0.0.1";
  std::string status_address;
  std::uint16_t low_port_offset = 0;
  std::string admin = "127.0.0.1:19000";
  std::string picker_config;
  gateway::PoolPickers::Who who = gateway::PoolPickers::Who::kAsPoolsSay;
  int drain_seconds = 30;
  std::string log_format = "json";
  gateway::GatewayOptions options;
};

std::string rfc3339_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// What a change of the world does: build, take into use, and tell the cluster.
class RunningGateway final {
 public:
  RunningGateway(const GatewayFlags& flags, gateway::Configurator::Options options,
                 gateway::LocalPickers& pickers, obs::MetricRegistry& registry)
      : flags_(flags),
        pickers_(pickers),
        providers_(pickers, flags.who),
        configurator_(std::move(options), providers_),
        metrics_(registry) {}

  // The first creates the gateway; its failure is the caller's.
  Result<void> take(const gatewayapi::World& world) {
    MutexLock lock(mutex_);
    const auto snapshot = configurator_.build(world);
    if (!gateway_) {
      ASSIGN_OR_RETURN(gateway_, gateway::Gateway::create(flags_.options, metrics_, snapshot));
    } else if (auto applied = gateway_->apply(snapshot); !applied) {
      obs::log().error("part of the configuration is not in use",
                       {{"error", applied.error().message}});
    }
    providers_.retain(*snapshot);
    return {};
  }

  void write_status(kube::KubeClient& client, const gatewayapi::World& world) {
    MutexLock lock(mutex_);
    gatewayapi::StatusOptions options{.controller = std::string(kController), .now = rfc3339_now()};
    for (const auto& compiled : configurator_.compiled().gateways) {
      auto& facts = options.facts[compiled.name];
      facts.addresses = compiled.requested_addresses;
      if (facts.addresses.empty()) facts.addresses = {flags_.status_address};
    }
    const auto changes = gatewayapi::plan_statuses(world, configurator_.compiled(), options);
    gateway::write_statuses(client, changes);
  }

  void drain() {
    pickers_.begin_drain();
    if (gateway_) gateway_->drain(std::chrono::seconds(flags_.drain_seconds));
  }

  std::vector<std::uint16_t> ports() const { return gateway_->ports(); }

 private:
  const GatewayFlags& flags_;
  gateway::LocalPickers& pickers_;
  gateway::PoolPickers providers_;
  Mutex mutex_;
  gateway::Configurator configurator_ GUARDED_BY(mutex_);
  gateway::GatewayMetrics metrics_;
  std::unique_ptr<gateway::Gateway> gateway_;  // Made once, before others look.
};

Result<std::unique_ptr<net::HttpServer>> serve_admin(const GatewayFlags& flags,
                                                     obs::MetricRegistry& registry,
                                                     const std::atomic<bool>& ready) {
  ASSIGN_OR_RETURN(const auto listen, parse_listen(flags.admin));
  if (!listen) return nullptr;
  return net::HttpServer::create(
      {.address = listen->address, .port = listen->port, .workers = 2},
      [&](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
        net::HttpResponse response{.status = 404, .body = "try /metrics, /healthz or /readyz\n"};
        if (request.path == "/metrics") {
          response = {.headers = {{"content-type", std::string(obs::kMetricsContentType)}},
                      .body = registry.render()};
        } else if (request.path == "/healthz") {
          response = {.body = "ok\n"};
        } else if (request.path == "/readyz") {
          response = ready ? net::HttpResponse{.body = "ok\n"}
                           : net::HttpResponse{.status = 503, .body = "not ready\n"};
        }
        response.headers.add("cache-control", "no-store");
        (void)writer.send(std::move(response));
      });
}

Result<void> serve(const GatewayFlags& flags, RunningGateway& running,
                   obs::MetricRegistry& registry, const ShutdownSignal& shutdown,
                   std::atomic<bool>& ready) {
  ASSIGN_OR_RETURN(const auto admin, serve_admin(flags, registry, ready));
  ready = true;
  std::string ports;
  for (const std::uint16_t port : running.ports()) ports += fmt::format(" {}", port);
  fmt::print("rage gateway: ready, listening on{}{}\n", ports.empty() ? " no port yet" : "", ports);
  std::fflush(stdout);
  obs::log().info("gateway ready", {{"ports", ports}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  ready = false;
  running.drain();
  return {};
}

Result<void> run_from_files(const GatewayFlags& flags, RunningGateway& running, Clock& clock,
                            obs::MetricRegistry& registry, const ShutdownSignal& shutdown) {
  // The watcher first: what changes while the files are read is seen by one of the two.
  gateway::FileWatcher watcher(flags.config, clock, [&](const gatewayapi::World& changed) {
    if (const auto taken = running.take(changed); !taken) {
      obs::log().error("the configuration is not in use", {{"error", taken.error().message}});
    }
  });
  ASSIGN_OR_RETURN(const gatewayapi::World world, gateway::read_world(flags.config));
  RETURN_IF_ERROR(running.take(world));
  std::atomic<bool> ready = false;
  return serve(flags, running, registry, shutdown, ready);
}

Result<void> run_from_cluster(const GatewayFlags& flags, RunningGateway& running, Clock& clock,
                              obs::MetricRegistry& registry, const ShutdownSignal& shutdown) {
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto config, kube::load_client_config(
                                    {.path = flags.kubeconfig, .context = flags.context}, clock));
  const auto client = kube::make_kube_client(*transport, clock, std::move(config));
  const auto source =
      gateway::ClusterSource::create(*client, clock, {.name_space = flags.name_space});
  Result<void> first;
  RETURN_IF_ERROR(
      source->start(Context::with_timeout(kWorldSyncLimit), [&](const gatewayapi::World& world) {
        first = running.take(world);
        if (first) running.write_status(*client, world);
      }));
  RETURN_IF_ERROR(first);
  std::atomic<bool> ready = false;
  return serve(flags, running, registry, shutdown, ready);
}

Result<void> run_gateway(GatewayFlags flags) {
  const ShutdownSignal shutdown;
  obs::log().set_format(flags.log_format == "text" ? obs::LogFormat::kText : obs::LogFormat::kJson);
  if (flags.cluster == !flags.config.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "say where the configuration is: --config FOLDER, or --cluster");
  }
  std::string picker_config;
  if (!flags.picker_config.empty()) {
    ASSIGN_OR_RETURN(picker_config, read_file(flags.picker_config, 1 << 20));
  }
  flags.address = pod_address(flags.address);
  if (flags.status_address.empty()) flags.status_address = flags.address;
  SystemClock clock;
  obs::MetricRegistry registry;
  ASSIGN_OR_RETURN(const auto pickers,
                   gateway::LocalPickers::create(std::move(picker_config), clock, registry));
  gateway::Configurator::Options options;
  options.compile.controller = kController;
  if (!flags.cluster) {
    options.compile.unknown_class = gatewayapi::CompileOptions::UnknownClass::kServe;
  }
  options.build.address = flags.address;
  options.build.low_port_offset = flags.low_port_offset;
  const Tracing tracing("rage-gateway", registry);
  flags.options.tracer = &tracing.tracer();
  RunningGateway running(flags, std::move(options), *pickers, registry);
  return flags.cluster ? run_from_cluster(flags, running, clock, registry, shutdown)
                       : run_from_files(flags, running, clock, registry, shutdown);
}

void add_limits(CLI::App& command, gateway::GatewayOptions& options) {
  command.add_option("--workers", options.workers, "Threads; 0: one a core")->capture_default_str();
  command.add_option("--connections-max", options.connections_max, "Clients at once")
      ->capture_default_str();
  command
      .add_option("--model-body-bytes-max", options.held_body_bytes_max,
                  "Largest request to a model; past that 413")
      ->capture_default_str();
  command.add_option("--body-bytes-max", options.body_bytes_max, "Largest request; past that 413")
      ->capture_default_str();
  command
      .add_option("--access-log-sample", options.access_log_sample,
                  "Log one of so many requests, failures always; 0: none")
      ->capture_default_str();
  command.add_flag_callback(
      "--trust-client-headers",
      [&options] { options.client_headers = gateway::ClientHeaders::kTrusted; },
      "Believe what clients say in pickers' headers (objective, fairness id): only behind another "
      "gateway");
}

}  // namespace

void add_gateway(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "gateway", "The inference gateway: HTTPRoutes to services and to model servers");
  auto flags = std::make_shared<GatewayFlags>();
  command->add_option(
      "--config", flags->config,
      "Folder (or file) of YAML: Gateway, HTTPRoute, InferencePool, ...; read again "
      "when it changes");
  command->add_flag("--cluster", flags->cluster, "Read it from Kubernetes, and write status");
  command->add_option("--kubeconfig", flags->kubeconfig, "Instead of $KUBECONFIG or the pod's own");
  command->add_option("--context", flags->context, "Of the kubeconfig");
  command->add_option("--namespace", flags->name_space, "Watch this one alone");
  command
      ->add_option("--address", flags->address,
                   "Where Gateways without spec.addresses listen; 0.0.0.0 in a pod")
      ->capture_default_str();
  command
      ->add_option(
          "--low-port-offset", flags->low_port_offset,
          "Listeners on ports below 1024 listen that much higher, where only root may open "
          "such ports")
      ->check(CLI::Range(0, 60'000))
      ->capture_default_str();
  command->add_option("--status-address", flags->status_address,
                      "What status.addresses says then; default: --address");
  command->add_option("--admin", flags->admin, "Of /metrics, /healthz, /readyz; 0: none")
      ->capture_default_str();
  command->add_option("--picker-config", flags->picker_config,
                      "EndpointPickerConfig of all InferencePools; default: llm-d's defaults");
  command->add_flag_callback(
      "--own-picker", [flags] { flags->who = gateway::PoolPickers::Who::kOurs; },
      "Pick for pools that name a picker of their own, too");
  command->add_option("--drain-seconds", flags->drain_seconds, "For requests to end on SIGTERM")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--log-format", flags->log_format)->check(CLI::IsMember({"json", "text"}));
  add_limits(*command, flags->options);
  command->callback([flags, &exit_code] { exit_code = exit_code_of(run_gateway(*flags)); });
}

}  // namespace rage::app
