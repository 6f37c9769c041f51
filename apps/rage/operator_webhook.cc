#include "operator_webhook.h"

#include <chrono>
#include <utility>

#include "listen.h"
#include "obs/log.h"
#include "operator/webhook.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kWebhookDrainLimit = 5s;
// Until every node's proxy has taken this pod out of the Service.
constexpr auto kEndpointsSettle = 5s;

}  // namespace

void add_webhook_options(CLI::App& command, WebhookFlags& flags) {
  command
      .add_option("--webhook", flags.enabled,
                  "Serve admission and conversion, registered with the API server; default: if "
                  "--webhook-service or --webhook-url-base says how it is reached. false: what is "
                  "registered is taken out")
      ->expected(0, 1)
      ->check(CLI::IsMember({"true", "false"}));
  command
      .add_option("--webhook-bind-address", flags.bind_address,
                  "Where it is served; :9443 in a pod. A port alone is one of loopback")
      ->envname("WEBHOOK_PORT")
      ->capture_default_str();
  command
      .add_option("--webhook-service", flags.service,
                  "The Service, in the release namespace, by which the API server reaches it")
      ->envname("WEBHOOK_SERVICE");
  command.add_option("--webhook-service-port", flags.service_port, "Port of that Service")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command.add_option("--webhook-url-base", flags.url_base,
                     "https://HOST:PORT instead of a Service: for an operator outside the cluster");
}

Result<std::unique_ptr<OperatorWebhook>> OperatorWebhook::start(kube::KubeClient& client,
                                                                Clock& clock,
                                                                obs::MetricRegistry& metrics,
                                                                const op::Settings& settings,
                                                                const WebhookFlags& flags) {
  auto webhook = std::make_unique<OperatorWebhook>();
  const bool reachable = !flags.service.empty() || !flags.url_base.empty();
  op::WebhookKeeperOptions options{.target = std::nullopt};
  options.secret.ns = settings.release_namespace;
  if (flags.enabled == "true" && !reachable) {
    return fail(ErrorCode::kInvalidArgument,
                "--webhook=true needs --webhook-service or --webhook-url-base: registered without, "
                "it would refuse every write");
  }
  if (flags.enabled != "false") {
    if (!reachable) return webhook;
    options.target = op::WebhookTarget{.service_namespace = settings.release_namespace,
                                       .service_name = flags.service,
                                       .service_port = flags.service_port,
                                       .url_base = flags.url_base};
    RETURN_IF_ERROR(op::serving_names(*options.target));
    RETURN_IF_ERROR(webhook->listen(clock, metrics, settings, flags));
  }
  auto serve = [server = webhook->server_.get()](const op::CertificateBundle& bundle) {
    server->use(bundle);
  };
  webhook->keeper_ =
      std::make_unique<op::WebhookKeeper>(client, clock, std::move(options), std::move(serve));
  webhook->keeper_->start();
  return webhook;
}

Result<void> OperatorWebhook::listen(Clock& clock, obs::MetricRegistry& metrics,
                                     const op::Settings& settings, const WebhookFlags& flags) {
  auto address = parse_listen(flags.bind_address);
  if (!address || !*address) {
    return fail(ErrorCode::kInvalidArgument,
                "--webhook-bind-address: \"{}\" is no address such as "
                "127.0.0.1:9443",
                flags.bind_address);
  }
  ASSIGN_OR_RETURN(server_,
                   op::WebhookServer::create(clock, metrics,
                                             {.address = (*address)->address,
                                              .port = (*address)->port,
                                              .validation = op::validation_settings(settings)}));
  clock_ = &clock;
  behind_service_ = flags.url_base.empty();
  obs::log().info(
      "listening",
      {{"for", "webhook"}, {"address", (*address)->address}, {"port", server_->port()}});
  return {};
}

void OperatorWebhook::drain() {
  if (!on()) return;
  if (behind_service_) clock_->sleep_for(kEndpointsSettle, {});
  keeper_->stop();
  server_->drain(kWebhookDrainLimit);
}

}  // namespace rage::app
