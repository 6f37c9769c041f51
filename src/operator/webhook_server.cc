#include "operator/webhook_server.h"

#include <array>
#include <functional>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "net/http_server.h"

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using Certificate = std::shared_ptr<const net::ServerCertificate>;

constexpr std::array kStatuses = {200, 400, 405, 413};  // What answer_webhook() says to a path.

// Names, labels and buckets are controller-runtime's.
struct PathMetrics {
  PathMetrics(obs::MetricRegistry& registry, const std::string& path)
      : seconds(registry.histogram("controller_runtime_webhook_latency_seconds",
                                   "Histogram of the latency of processing admission requests",
                                   {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
                                   {{"webhook", path}})),
        in_flight(registry.gauge("controller_runtime_webhook_requests_in_flight",
                                 "Current number of admission requests being served.",
                                 {{"webhook", path}})) {
    for (const int status : kStatuses) {
      answered.emplace(status,
                       registry.counter("controller_runtime_webhook_requests_total",
                                        "Total number of admission requests by HTTP status code.",
                                        {{"code", std::to_string(status)}, {"webhook", path}}));
    }
  }

  obs::Histogram& seconds;
  obs::Gauge& in_flight;
  std::map<int, std::reference_wrapper<obs::Counter>> answered;
};

}  // namespace

struct WebhookServer::State {
  State(Clock& clock_in, obs::MetricRegistry& registry, apis::ValidationSettings validation_in)
      : clock(clock_in), validation(std::move(validation_in)) {
    for (const std::string& path : webhook_paths()) {
      metrics.emplace(path, PathMetrics(registry, path));
    }
  }

  net::HttpResponse answer(const net::HttpRequest& request) {
    const auto found = metrics.find(request.path);
    if (found == metrics.end()) return answer_webhook(request, validation);  // 404.
    PathMetrics& of_path = found->second;
    of_path.in_flight.add(1);
    const SteadyTime begin = clock.now();
    net::HttpResponse response = answer_webhook(request, validation);
    of_path.seconds.observe(std::chrono::duration<double>(clock.now() - begin).count());
    of_path.in_flight.add(-1);
    const auto count = of_path.answered.find(response.status);
    if (count != of_path.answered.end()) count->second.get().add();
    return response;
  }

  Certificate current() const {
    return certificate.with([](const Certificate& now) { return now; });
  }

  Clock& clock;
  const apis::ValidationSettings validation;
  std::map<std::string, PathMetrics, std::less<>> metrics;
  Guarded<Certificate> certificate;
  std::unique_ptr<net::HttpServer> server;  // Last: its threads use all of the above.
};

Result<std::unique_ptr<WebhookServer>> WebhookServer::create(Clock& clock,
                                                             obs::MetricRegistry& metrics,
                                                             const WebhookServerOptions& options) {
  auto state = std::make_unique<State>(clock, metrics, options.validation);
  net::HttpServerOptions listen{.address = options.address, .port = options.port};
  listen.connections_max = 256;
  listen.workers = 8;
  listen.queue_max = 256;
  listen.body_bytes_max = kConversionLimits.bytes_max;
  listen.request_timeout = 30s;  // An API server waits no longer.
  // API servers close connections that were idle for 90 s. Were we first, a request that is just
  // on its way would be lost, and with it somebody's write.
  listen.idle_timeout = 180s;
  State* self = state.get();
  listen.certificate = [self]() -> Result<Certificate> { return self->current(); };
  ASSIGN_OR_RETURN(
      state->server,
      net::HttpServer::create(listen, [self](const Context&, const net::HttpRequest& request,
                                             net::ResponseWriter& writer) {
        (void)writer.send(self->answer(request));
      }));
  return std::make_unique<WebhookServer>(std::move(state));
}

WebhookServer::WebhookServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
WebhookServer::~WebhookServer() = default;

void WebhookServer::use(const CertificateBundle& bundle) {
  auto next = std::make_shared<const net::ServerCertificate>(
      net::ServerCertificate{.chain_pem = bundle.certificate_pem, .key_pem = bundle.key_pem});
  state_->certificate.with([&](Certificate& current) { current.swap(next); });
}

bool WebhookServer::serving() const {
  return state_->current() != nullptr;
}

std::uint16_t WebhookServer::port() const {
  return state_->server->port();
}

void WebhookServer::drain(std::chrono::milliseconds limit) {
  state_->server->drain(limit);
}

}  // namespace rage::op
