#include "extproc_service.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "inspect/wait.h"
#include "net/http_server.h"
#include "obs/log.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

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
  extproc::ServerOptions options{.address = flags.address,
                                 .port = static_cast<std::uint16_t>(flags.grpc_port),
                                 .health_port = static_cast<std::uint16_t>(flags.health_port),
                                 .certificate_directory = flags.cert_path,
                                 .reload_certificate = flags.reload_certificate};
  options.tls = !flags.secure_serving     ? extproc::Tls::kOff
                : flags.cert_path.empty() ? extproc::Tls::kSelfSigned
                                          : extproc::Tls::kFiles;
  ASSIGN_OR_RETURN(const std::size_t receive, parse_byte_size(flags.receive_max));
  options.receive_bytes_max = static_cast<int>(std::min<std::size_t>(receive, 1 << 30));
  if (!flags.send_max.empty()) {
    ASSIGN_OR_RETURN(const std::size_t send, parse_byte_size(flags.send_max));
    options.send_bytes_max = static_cast<int>(std::min<std::size_t>(send, 1 << 30));
  }
  return options;
}

Result<std::unique_ptr<net::HttpServer>> serve_metrics(const ExtProcFlags& flags,
                                                       const obs::MetricRegistry& registry,
                                                       std::function<bool()> ready) {
  const net::HttpServerOptions options{.address = flags.address,
                                       .port = static_cast<std::uint16_t>(flags.metrics_port),
                                       .body_bytes_max = 4 << 10,
                                       .workers = 2};
  return net::HttpServer::create(
      options, [&registry, ready](const Context&, const net::HttpRequest& request,
                                  net::ResponseWriter& writer) {
        net::HttpResponse response{.headers = {{"content-type", "text/plain"}}};
        if (request.path == "/metrics") {
          response.headers.set("content-type", obs::kMetricsContentType);
          response.body = registry.render();
        } else if (request.path == "/healthz" || request.path == "/readyz") {
          response.status = request.path == "/healthz" || ready() ? 200 : 503;
          response.body = response.status == 200 ? "ok" : "not ready";
        } else {
          response.status = 404;
        }
        (void)writer.send(std::move(response));  // A scraper that has gone is nobody's loss.
      });
}

void add_reference_flags(CLI::App& command, ExtProcFlags& flags) {
  constexpr const char* kIgnored = "Accepted for the reference's charts; without effect";
  for (const char* name : {"--tracing", "--enable-pprof", "--health-checking"}) {
    command.add_flag(name, flags.ignored, kIgnored);
  }
  command.add_flag("--metrics-endpoint-auth", flags.metrics_auth,
                   "Accepted; metrics are served without authentication, and a warning says so");
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
  port("--metrics-port", metrics_port, "HTTP: /metrics, /healthz, /readyz");
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
  std::unique_ptr<extproc::StreamMetrics> stream_metrics;
  if (flags.stream_metrics) {
    stream_metrics = std::make_unique<extproc::StreamMetrics>(
        extproc::make_stream_metrics(registry, parts.metrics_prefix));
    parts.server.metrics = stream_metrics.get();
  }
  const auto ready = parts.server.ready;
  ASSIGN_OR_RETURN(const auto server,
                   extproc::Server::create(options, std::move(parts.server), clock));
  ASSIGN_OR_RETURN(const auto metrics, serve_metrics(flags, registry, ready));
  if (flags.metrics_auth) {
    obs::log().warn("metrics are served without authentication",
                    {{"port", metrics->port()}, {"flag", "--metrics-endpoint-auth"}});
  }
  fmt::print("rage {}: ready on {}:{}, health on {}, metrics on {}\n", parts.name, flags.address,
             server->port(), server->health_port(), metrics->port());
  std::fflush(stdout);
  obs::log().info("ext_proc server ready", {{"name", parts.name},
                                            {"address", flags.address},
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
