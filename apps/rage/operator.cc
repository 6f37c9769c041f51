// `rage operator`: reconciles KAITO's resources against a Kubernetes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "listen.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "operator/autoscale_keda.h"
#include "operator/crd_install.h"
#include "operator/operator.h"
#include "operator_webhook.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kOperatorDrainLimit = 20s;
constexpr auto kDiscoveryLimit = 60s;
constexpr auto kLeadershipPollInterval = 250ms;
constexpr auto kInstallLimit = 60s;

struct OperatorFlags {
  std::string kubeconfig;
  std::string context;
  std::string metrics_address = "127.0.0.1:8080";
  std::string health_address = "127.0.0.1:8081";
  double qps = 200;
  int burst = 400;
  std::string node_provisioner = "azure-gpu-provisioner";
  std::string cloud = "azure";
  std::string feature_gates;
  std::string node_classes;
  std::string autoscaler = "auto";
  int scaler_interval_seconds = 15;
  std::string log_format = "json";
  std::string log_level = "info";
  bool install_crds = false;
  WebhookFlags webhook;
  op::OperatorOptions options;
};

// "vLLM=true,enableMIG=false". An unknown gate is an error, as in the original.
Result<void> set_feature_gates(std::string_view text, op::Settings& settings) {
  bool ignored = false;
  const std::map<std::string, bool*, std::less<>> gates = {
      {"vLLM", &settings.vllm},
      {"enableMIG", &settings.mig},
      {"enableAccelerator", &settings.accelerator},
      {"gatewayAPIInferenceExtension", &settings.inference_extension},
      {"enableBaseImageAutoUpgrade", &settings.auto_upgrade},
      {"enableMultiRoleInferenceController", &settings.multi_role_inference},
      {"ModelMirror", &settings.model_mirror},
      {"ModelStreaming", &settings.model_streaming},
      // Known to the original, without effect here: the provisioner decides the first, the other
      // controller is always on.
      {"disableNodeAutoProvisioning", &ignored},
      {"enableInferenceSetController", &ignored},
  };
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view gate = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = gate.find('=');
    const auto found = gates.find(gate.substr(0, equals));
    const std::string_view value = equals == std::string_view::npos ? "" : gate.substr(equals + 1);
    if (found == gates.end() || (value != "true" && value != "false")) {
      return fail(ErrorCode::kInvalidArgument, "feature gate \"{}\" is not NAME=true or NAME=false",
                  gate);
    }
    *found->second = value == "true";
  }
  if (settings.model_streaming && !settings.model_mirror) {
    return fail(ErrorCode::kInvalidArgument,
                "the feature gate ModelStreaming needs ModelMirror=true");
  }
  return {};
}

// [{"name": "...", "default": true, "spec": {...}}, ...]: exactly one is the default.
Result<std::vector<op::NodeClass>> parse_node_classes(const std::string& text) {
  std::vector<op::NodeClass> classes;
  if (text.empty()) return classes;
  ASSIGN_OR_RETURN(const codec::Json list, codec::parse_json(text));
  int defaults = 0;
  for (const codec::Json& item : list) {
    const codec::Json* is_default = codec::find_key(item, "default");
    op::NodeClass entry{.name = codec::string_or(item, "name", ""),
                        .is_default = is_default != nullptr && *is_default == true};
    if (entry.name.empty()) return fail(ErrorCode::kInvalidArgument, "a node class lacks its name");
    defaults += entry.is_default ? 1 : 0;
    classes.push_back(std::move(entry));
  }
  if (defaults != 1) {
    return fail(ErrorCode::kInvalidArgument, "{} node classes say \"default\": true; one has to",
                defaults);
  }
  return classes;
}

Result<void> complete_settings(OperatorFlags& flags) {
  op::Settings& settings = flags.options.settings;
  settings.provisioner = flags.node_provisioner == "byo"         ? op::Provisioner::kByo
                         : flags.node_provisioner == "karpenter" ? op::Provisioner::kKarpenter
                                                                 : op::Provisioner::kAzureGpu;
  settings.cloud = flags.cloud == "aws"   ? catalog::Cloud::kAws
                   : flags.cloud == "arc" ? catalog::Cloud::kArc
                                          : catalog::Cloud::kAzure;
  auto classes = parse_node_classes(flags.node_classes);
  if (!classes) {
    return fail(std::move(classes).error().with_context("--karpenter-node-classes"));
  }
  settings.node_classes = *std::move(classes);
  settings.autoscaler = flags.autoscaler == "keda"  ? op::Autoscaler::kKeda
                        : flags.autoscaler == "off" ? op::Autoscaler::kOff
                                                    : op::Autoscaler::kNative;
  flags.options.autoscaler.interval = std::chrono::seconds(flags.scaler_interval_seconds);
  return set_feature_gates(flags.feature_gates, settings);
}

Result<std::unique_ptr<net::HttpServer>> serve(
    std::string_view address, std::string_view what,
    std::function<net::HttpResponse(const net::HttpRequest&)> answer) {
  ASSIGN_OR_RETURN(const auto listen, parse_listen(address));
  if (!listen) return std::unique_ptr<net::HttpServer>();
  ASSIGN_OR_RETURN(auto server,
                   net::HttpServer::create(
                       {.address = listen->address, .port = listen->port, .workers = 2},
                       [answer = std::move(answer)](const Context&, const net::HttpRequest& request,
                                                    net::ResponseWriter& writer) {
                         (void)writer.send(answer(request));
                       }));
  obs::log().info("listening",
                  {{"for", what}, {"address", listen->address}, {"port", server->port()}});
  return server;
}

net::HttpResponse text_response(int status, std::string body, std::string_view type) {
  return {
      .status = status, .headers = {{"Content-Type", std::string(type)}}, .body = std::move(body)};
}

Result<void> run_operator(OperatorFlags flags) {
  const ShutdownSignal shutdown;
  obs::log().set_format(flags.log_format == "text" ? obs::LogFormat::kText : obs::LogFormat::kJson);
  if (const auto level = obs::parse_log_level(flags.log_level)) obs::log().set_level(*level);
  RETURN_IF_ERROR(complete_settings(flags));
  SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(
      kube::ClientConfig config,
      kube::load_client_config({.path = flags.kubeconfig, .context = flags.context}, clock));
  const std::string server = config.server;
  const auto client =
      kube::make_kube_client(*transport, clock, std::move(config),
                             {.requests_per_second = flags.qps, .burst = flags.burst});
  obs::MetricRegistry metrics;
  if (flags.install_crds) {
    RETURN_IF_ERROR(op::install_crds(Context::with_timeout(kInstallLimit), *client));
  }
  if (flags.autoscaler == "auto") {
    ASSIGN_OR_RETURN(flags.options.settings.autoscaler,
                     op::discover_autoscaler(Context::with_timeout(kDiscoveryLimit), *client));
  }
  op::Operator op(*client, *transport, clock, metrics, flags.options);
  // Before caches and leadership: what is stored in another version cannot be listed without it.
  ASSIGN_OR_RETURN(
      const auto webhook,
      OperatorWebhook::start(*client, clock, metrics, flags.options.settings, flags.webhook));
  ASSIGN_OR_RETURN(const auto metrics_server,
                   serve(flags.metrics_address, "metrics", [&](const net::HttpRequest&) {
                     return text_response(200, metrics.render(), obs::kMetricsContentType);
                   }));
  const StopOnSignal ending(shutdown);  // It ends the first listing, too.
  // With a webhook, ready means that it serves and nothing else: a Service sends API servers only
  // to pods that are ready, and filling the caches may itself need a conversion.
  const auto ready = [&] {
    if (webhook->on()) return webhook->serving() && !ending.requested();
    return op.ready();
  };
  ASSIGN_OR_RETURN(const auto health_server,
                   serve(flags.health_address, "health", [&](const net::HttpRequest& request) {
                     const bool well = request.path != "/readyz" || ready();
                     return text_response(well ? 200 : 503, well ? "ok" : "not ready",
                                          "text/plain");
                   }));
  const auto started = op.start(Context{.stop = ending.token()});
  if (ending.requested()) return {};
  RETURN_IF_ERROR(started);
  fmt::print("rage operator: reconciling {}\n", server);
  std::fflush(stdout);
  while (clock.sleep_for(kLeadershipPollInterval, ending.token())) {
    if (op.deposed()) return fail(ErrorCode::kUnavailable, "another replica leads now");
  }
  obs::log().info("draining");
  op.drain(kOperatorDrainLimit);
  webhook->drain();
  return {};
}

void add_cluster_options(CLI::App& command, OperatorFlags& flags) {
  command.add_option("--kubeconfig", flags.kubeconfig,
                     "Cluster to work on; default: the pod's service account, $KUBECONFIG, "
                     "~/.kube/config");
  command.add_option("--context", flags.context, "Context of the kubeconfig");
  command.add_option("--kube-client-qps", flags.qps, "Requests a second")->capture_default_str();
  command.add_option("--kube-client-burst", flags.burst, "Requests at once")->capture_default_str();
  command
      .add_option("--metrics-bind-address", flags.metrics_address,
                  "Where /metrics is served; :8080 in a pod, 0: nowhere")
      ->capture_default_str();
  command
      .add_option("--health-probe-bind-address", flags.health_address,
                  "Where /healthz and /readyz are served; :8081 in a pod, 0: nowhere")
      ->capture_default_str();
  command.add_flag("--leader-elect", flags.options.leader_elect,
                   "Only one of several replicas is active");
  command
      .add_option("--leader-election-namespace", flags.options.lease_namespace,
                  "Namespace of the Lease")
      ->envname("SYSTEM_NAMESPACE")
      ->capture_default_str();
  command.add_flag("--install-crds", flags.install_crds,
                   "Make or update the CustomResourceDefinitions at the start");
  command.add_option("--workers", flags.options.workers, "Reconciles at once, of each kind")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

void add_mirror_options(CLI::App& command, op::Settings& settings) {
  command.add_option("--default-model-mirror-storage-class", settings.mirror_storage_class,
                     "StorageClass of mirrors that Workspaces make; gate ModelStreaming");
  command.add_option("--default-streaming-service-account", settings.streaming_service_account,
                     "ServiceAccount of pods that stream from Azure");
  command
      .add_option("--model-mirror-download-cpu", settings.mirror_download_cpu,
                  "CPUs of a pod that downloads into a mirror")
      ->capture_default_str();
  command
      .add_option("--model-mirror-download-memory", settings.mirror_download_memory, "Its memory")
      ->capture_default_str();
}

void add_scaling_options(CLI::App& command, OperatorFlags& flags) {
  command
      .add_option("--autoscaler", flags.autoscaler,
                  "Who scales InferenceSets annotated scaledobject.kaito.sh/auto-provision: keda, "
                  "native (this operator), off; auto is keda where KEDA is installed")
      ->check(CLI::IsMember({"auto", "keda", "native", "off"}))
      ->capture_default_str();
  command
      .add_option("--keda-scaler-address", flags.options.settings.keda_scaler_address,
                  "Where keda-kaito-scaler listens; with keda")
      ->capture_default_str();
  command
      .add_option("--scaler-metrics-url", flags.options.autoscaler.metrics_url,
                  "Where a replica tells its load; {ip}, {port}, {namespace} and {pod} are filled "
                  "in; with native")
      ->capture_default_str();
  command
      .add_option("--scaler-interval", flags.scaler_interval_seconds,
                  "Seconds between two looks at a replica's load; with native")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
}

void add_model_options(CLI::App& command, OperatorFlags& flags) {
  command
      .add_option("--hugging-face-endpoint", flags.options.models.endpoint,
                  "Where models that are not in the catalogue are looked up")
      ->envname("HF_ENDPOINT")
      ->capture_default_str();
}

void add_workload_options(CLI::App& command, OperatorFlags& flags) {
  op::Settings& settings = flags.options.settings;
  command
      .add_option("--node-provisioner", flags.node_provisioner,
                  "Who makes nodes: azure-gpu-provisioner and karpenter order them, byo uses what "
                  "is there")
      ->check(CLI::IsMember({"azure-gpu-provisioner", "karpenter", "byo"}))
      ->capture_default_str();
  command.add_option("--cloud", flags.cloud, "azure, aws or arc; of no matter with byo")
      ->envname("CLOUD_PROVIDER")
      ->check(CLI::IsMember({"azure", "aws", "arc"}))
      ->capture_default_str();
  command.add_option("--feature-gates", flags.feature_gates,
                     "As NAME=true,NAME=false: vLLM, enableMIG, enableAccelerator, "
                     "gatewayAPIInferenceExtension, enableBaseImageAutoUpgrade, "
                     "enableMultiRoleInferenceController, ModelMirror, ModelStreaming");
  command.add_option("--karpenter-node-classes", flags.node_classes,
                     "JSON list of {name, default}: what the annotation kaito.sh/node-class-name "
                     "may say; with karpenter");
  command.add_option("--karpenter-node-class-group", settings.node_class_group, "Its API group")
      ->capture_default_str();
  command.add_option("--karpenter-node-class-kind", settings.node_class_kind, "Its kind")
      ->capture_default_str();
  command
      .add_option("--default-node-image-family", settings.node_image_family, "ubuntu or azurelinux")
      ->check(CLI::IsMember({"ubuntu", "azurelinux"}, CLI::ignore_case))
      ->capture_default_str();
  command.add_option("--preset-registry", settings.preset_registry, "Registry of the base image")
      ->envname("PRESET_REGISTRY_NAME")
      ->capture_default_str();
  command.add_option("--base-image-tag", settings.base_image_tag, "Tag of kaito-base")
      ->capture_default_str();
  command.add_option("--rage-image", settings.rage_image, "Image of RAG services")
      ->envname("RAGE_IMAGE")
      ->capture_default_str();
  command.add_option("--llamacpp-image", settings.llamacpp_image, "Image of models served on CPUs")
      ->envname("RAGE_LLAMACPP_IMAGE")
      ->capture_default_str();
  command
      .add_option("--release-namespace", settings.release_namespace,
                  "Where the operator is installed")
      ->envname("RELEASE_NAMESPACE")
      ->capture_default_str();
  command.add_flag("--upstream-estimates", settings.upstream_estimates,
                   "Count nodes as KAITO does, its double counting included");
}

}  // namespace

void add_operator(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("operator", "The controllers of KAITO's resources");
  auto flags = std::make_shared<OperatorFlags>();
  add_cluster_options(*command, *flags);
  add_workload_options(*command, *flags);
  add_webhook_options(*command, flags->webhook);
  add_mirror_options(*command, flags->options.settings);
  add_scaling_options(*command, *flags);
  add_model_options(*command, *flags);
  command->add_option("--log-format", flags->log_format, "json or text")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
  command->add_option("--log-level", flags->log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  rage operator --kubeconfig ~/.kube/config --node-provisioner byo\n"
      "  rage operator --leader-elect --metrics-bind-address :8080\n"
      "  rage operator --install-crds --webhook-url-base https://127.0.0.1:9443");
  command->callback([flags, &exit_code] { exit_code = exit_code_of(run_operator(*flags)); });
}

}  // namespace rage::app
