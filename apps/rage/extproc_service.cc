#include "extproc_service.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "inspect/wait.h"
#include "kube/access_review.h"
#include "listen.h"
#include "net/http_server.h"
#include "obs/log.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kReviewTimeout = 5s;
constexpr std::size_t kMessageBytesMax = 1 << 30;  // Of protobuf, with room to spare.

struct Unit {
  std::string_view suffix;
  std::size_t bytes;
};
constexpr std::array kUnits = {
    Unit{"Ki", std::size_t{1} << 10},
    Unit{"Mi", std::size_t{1} << 20},
    Unit{"Gi", std::size_t{1} << 30},
    Unit{"k", 1'000},
    Unit{"M", 1'000'000},
    Unit{"G", 1'000'000'000},
    Unit{"", 1},
};

Result<extproc::ServerOptions> server_options_of(const ExtProcFlags& flags) {
  extproc::ServerOptions options{.address = pod_address(flags.address),
                                 .port = static_cast<std::uint16_t>(flags.grpc_port),
                                 .health_port = static_cast<std::uint16_t>(flags.health_port),
                                 .certificate_directory = flags.cert_path,
                                 .reload_certificate = flags.reload_certificate};
  options.tls = !flags.secure_serving     ? extproc::Tls::kOff
                : flags.cert_path.empty() ? extproc::Tls::kSelfSigned
                                          : extproc::Tls::kFiles;
  ASSIGN_OR_RETURN(const std::size_t receive, parse_byte_size(flags.receive_max));
  options.receive_bytes_max = std::min(receive, kMessageBytesMax);
  if (!flags.send_max.empty()) {
    ASSIGN_OR_RETURN(options.send_bytes_max, parse_byte_size(flags.send_max));
  }
  return options;
}

// What the metrics port shows. It outlives the server.
struct MetricsPages {
  const obs::MetricRegistry& registry;
  std::function<bool()> ready;
  std::function<std::string()> debug_state;
  std::unique_ptr<kube::AccessReviewer> reviewer;  // Null: everybody may read.
};

// None: welcome.
std::optional<net::HttpResponse> refuse_reader(const MetricsPages& pages, const Context& context,
                                               const net::HttpRequest& request) {
  if (!pages.reviewer) return std::nullopt;
  Context limited = context;
  limited.deadline = std::chrono::steady_clock::now() + kReviewTimeout;
  const auto access = pages.reviewer->review(limited, request.headers.find("authorization"),
                                             request.path, to_lower_ascii(request.method));
  if (!access) {
    obs::log().warn("metrics: the API server did not say who may read them",
                    {{"reason", access.error().message}});
    return net::HttpResponse{.status = 500, .headers = {}, .body = "authorization failed\n"};
  }
  switch (*access) {
    case kube::Access::kAllowed:
      return std::nullopt;
    case kube::Access::kUnauthenticated:
      return net::HttpResponse{.status = 401, .headers = {}, .body = "unauthorized\n"};
    case kube::Access::kForbidden:
      return net::HttpResponse{.status = 403, .headers = {}, .body = "forbidden\n"};
  }
  return net::HttpResponse{.status = 500, .headers = {}, .body = {}};
}

// Probes need no token.
net::HttpResponse metrics_page(const MetricsPages& pages, const Context& context,
                               const net::HttpRequest& request) {
  net::HttpResponse page{.headers = {{"content-type", "text/plain"}}};
  if (request.path == "/healthz" || request.path == "/readyz") {
    page.status = request.path == "/healthz" || pages.ready() ? 200 : 503;
    page.body = page.status == 200 ? "ok" : "not ready";
    return page;
  }
  if (auto refusal = refuse_reader(pages, context, request)) return *std::move(refusal);
  if (request.path == "/metrics") {
    page.headers.set("content-type", obs::kMetricsContentType);
    page.body = pages.registry.render();
  } else if (request.path == "/debug/plugins/state" && pages.debug_state) {
    page.headers.set("content-type", "application/json");
    page.body = pages.debug_state();
  } else {
    page.status = 404;
  }
  return page;
}

// Whether readers of metrics have to say who they are: by default where there is a cluster to ask.
Result<std::unique_ptr<kube::AccessReviewer>> reviewer_of(const ExtProcFlags& flags,
                                                          kube::KubeClient* api,
                                                          const Clock& clock) {
  const bool given = flags.metrics_auth_option != nullptr && flags.metrics_auth_option->count() > 0;
  if (given ? !flags.metrics_auth : api == nullptr) return nullptr;
  if (api == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "--metrics-endpoint-auth needs a cluster's API server, which this configuration "
                "does not use");
  }
  return std::make_unique<kube::AccessReviewer>(*api, clock);
}

Result<std::unique_ptr<net::HttpServer>> serve_metrics(const ExtProcFlags& flags,
                                                       MetricsPages& pages) {
  const net::HttpServerOptions options{.address = pod_address(flags.address),
                                       .port = static_cast<std::uint16_t>(flags.metrics_port),
                                       .body_bytes_max = 4 << 10,
                                       .workers = 4};
  return net::HttpServer::create(options,
                                 [&pages](const Context& context, const net::HttpRequest& request,
                                          net::ResponseWriter& writer) {
                                   // A scraper that has gone is nobody's loss.
                                   (void)writer.send(metrics_page(pages, context, request));
                                 });
}

void add_reference_flags(CLI::App& command, ExtProcFlags& flags) {
  constexpr const char* kIgnored = "Accepted for the reference's charts; without effect";
  for (const char* name : {"--enable-pprof", "--health-checking"}) {
    command.add_flag(name, flags.ignored, kIgnored);
  }
  flags.metrics_auth_option =
      command.add_flag("--metrics-endpoint-auth", flags.metrics_auth,
                       "Who reads metrics needs a token that the cluster allows it (TokenReview, "
                       "SubjectAccessReview); default: on where endpoints come from a cluster");
  command.add_option("--v", flags.verbosity, "Verbosity; from 4 on the log has debug lines")
      ->capture_default_str();
  command
      .add_option("--zap-encoder,--log-format", flags.log_format, "json, text or console (text)")
      ->check(CLI::IsMember({"json", "text", "console"}))
      ->capture_default_str();
}

}  // namespace

Result<std::size_t> parse_byte_size(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto number = parse_uint(text.substr(0, text.size() - unit.suffix.size()));
    if (!number || *number > (std::uint64_t{1} << 40) / unit.bytes) break;
    return static_cast<std::size_t>(*number) * unit.bytes;
  }
  return fail(ErrorCode::kInvalidArgument, "\"{}\" is no size such as 64Mi", text);
}

Result<std::chrono::milliseconds> parse_flag_duration(std::string_view text) {
  return inspect::parse_duration(text);
}

void ExtProcFlags::add_to(CLI::App& command, int default_grpc_port, int default_health_port) {
  grpc_port = default_grpc_port;
  health_port = default_health_port;
  const auto port = [&](const char* name, int& value, const char* text) {
    command.add_option(name, value, text)->check(CLI::Range(0, 65535))->capture_default_str();
  };
  command.add_option("--address", address, "Address of all ports; 0.0.0.0 in a pod")
      ->capture_default_str();
  port("--grpc-port", grpc_port, "ext_proc; 0: any free one, printed when ready");
  port("--grpc-health-port", health_port, "grpc.health.v1 alone, plaintext");
  port("--metrics-port", metrics_port, "HTTP: /metrics, /healthz, /readyz, /debug/plugins/state");
  command
      .add_flag("--secure-serving", secure_serving,
                "TLS on the ext_proc port; --secure-serving=false: plaintext")
      ->capture_default_str();
  command.add_option("--cert-path", cert_path,
                     "Directory with tls.crt and tls.key; none: a self-signed certificate");
  command.add_flag("--enable-cert-reload", reload_certificate,
                   "Follow changes of the files in --cert-path");
  command
      .add_option("--tls-min-version", tls_version_min, "At most VersionTLS12: 1.2 is the least")
      ->check(CLI::IsMember({"", "VersionTLS10", "VersionTLS11", "VersionTLS12"}));
  command
      .add_option("--grpc-max-recv-msg-size", receive_max,
                  "Largest gRPC message taken; body mode BUFFERED needs a body's size")
      ->capture_default_str();
  command.add_option("--grpc-max-send-msg-size", send_max, "Largest one sent; none: no limit");
  command.add_option("--max-body-size", body_max, "Largest body of a request; past that: 413")
      ->capture_default_str();
  command
      .add_option("--body-timeout", body_timeout,
                  "Between two pieces of a body that is waited for; past that: 408")
      ->capture_default_str();
  command
      .add_option("--drain-timeout", drain_timeout,
                  "How long exchanges in flight may take after SIGTERM")
      ->capture_default_str();
  command
      .add_option("--lame-duck", lame_duck,
                  "After SIGTERM: says not serving, and still serves for so long")
      ->capture_default_str();
  command.add_flag("--enable-grpc-stream-metrics", stream_metrics, "Count ext_proc streams");
  add_reference_flags(command, *this);
}

void set_up_log(const ExtProcFlags& flags) {
  obs::log().set_format(flags.log_format == "json" ? obs::LogFormat::kJson : obs::LogFormat::kText);
  if (flags.verbosity >= 4) obs::log().set_level(obs::LogLevel::kDebug);
}

Result<void> run_extproc(const ExtProcFlags& flags, ExtProcParts parts,
                         obs::MetricRegistry& registry, Clock& clock,
                         const ShutdownSignal& shutdown) {
  ASSIGN_OR_RETURN(const auto options, server_options_of(flags));
  ASSIGN_OR_RETURN(const auto drain_timeout, parse_flag_duration(flags.drain_timeout));
  ASSIGN_OR_RETURN(const auto lame_duck, parse_flag_duration(flags.lame_duck));
  ASSIGN_OR_RETURN(auto reviewer, reviewer_of(flags, parts.api, clock));
  std::unique_ptr<extproc::StreamMetrics> stream_metrics;
  if (flags.stream_metrics) {
    stream_metrics = std::make_unique<extproc::StreamMetrics>(
        extproc::make_stream_metrics(registry, parts.metrics_prefix));
    parts.server.metrics = stream_metrics.get();
  }
  const auto ready = parts.server.ready;
  ASSIGN_OR_RETURN(const auto server,
                   extproc::Server::create(options, std::move(parts.server), clock));
  MetricsPages pages{.registry = registry,
                     .ready = ready,
                     .debug_state = std::move(parts.debug_state),
                     .reviewer = std::move(reviewer)};
  ASSIGN_OR_RETURN(const auto metrics, serve_metrics(flags, pages));
  fmt::print("rage {}: ready on {}:{}, health on {}, metrics on {}\n", parts.name, options.address,
             server->port(), server->health_port(), metrics->port());
  std::fflush(stdout);
  obs::log().info("ext_proc server ready", {{"name", parts.name},
                                            {"address", options.address},
                                            {"port", server->port()},
                                            {"tls", flags.secure_serving}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}, {"streams", server->streams()}});
  server->begin_drain();
  if (lame_duck > 0ms) (void)shutdown.wait_for(lame_duck);  // A second signal shortens it.
  parts.begin_drain();
  server->drain(drain_timeout);
  return {};
}

}  // namespace rage::app
