#include "extproc/server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/files.h"
#include "extproc/detail/health_service.h"
#include "extproc/detail/process_stream.h"
#include "net/self_signed.h"

namespace rage::extproc {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr unsigned kReloadSeconds = 10;
constexpr std::uint64_t kPemBytesMax = 1 << 20;
constexpr int kKeepaliveMs = 60'000;  // Finds proxies that vanished without a word.
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kPingIntervalMinMs = 1'000;  // Envoy's own keepalive must not count as abuse.

class ProcessService final : public envoyapi::ext_proc::ExternalProcessor::CallbackService {
 public:
  explicit ProcessService(ServerParts parts) : parts_(std::move(parts)) {}
  grpc::ServerBidiReactor<envoyapi::ext_proc::ProcessingRequest,
                          envoyapi::ext_proc::ProcessingResponse>*
  Process(grpc::CallbackServerContext*) override {
    return new detail::ProcessStream(parts_, registry_);  // Deletes itself when done.
  }
  detail::StreamRegistry& registry() { return registry_; }

 private:
  const ServerParts parts_;
  detail::StreamRegistry registry_;
};

std::shared_ptr<grpc::ServerCredentials> credentials_of(const net::ServerCertificate& certificate) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {.private_key = certificate.key_pem, .cert_chain = certificate.chain_pem});
  return grpc::SslServerCredentials(options);
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials_from_files(
    const ServerOptions& options) {
  const std::filesystem::path directory = options.certificate_directory;
  const std::string chain = (directory / "tls.crt").string();
  const std::string key = (directory / "tls.key").string();
  net::ServerCertificate certificate;
  ASSIGN_OR_RETURN(certificate.chain_pem, read_file(chain, kPemBytesMax));
  ASSIGN_OR_RETURN(certificate.key_pem, read_file(key, kPemBytesMax));
  if (!options.reload_certificate) return credentials_of(certificate);
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(key, chain,
                                                                           kReloadSeconds));
  tls.watch_identity_key_cert_pairs();
  tls.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return grpc::experimental::TlsServerCredentials(tls);
}

Result<std::shared_ptr<grpc::ServerCredentials>> make_credentials(const ServerOptions& options,
                                                                  WallTime now) {
  switch (options.tls) {
    case Tls::kOff:
      return grpc::InsecureServerCredentials();
    case Tls::kSelfSigned: {
      ASSIGN_OR_RETURN(const auto certificate, net::make_self_signed(now));
      return credentials_of(certificate);
    }
    case Tls::kFiles:
      return credentials_from_files(options);
  }
  return fail(ErrorCode::kInvalidArgument, "no such way of TLS");
}

std::string host_port(const std::string& address, std::uint16_t port) {
  const bool ipv6 = address.find(':') != std::string::npos && !address.starts_with('[');
  return ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

struct Listener {
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

Result<Listener> listen(grpc::ServerBuilder& builder, const std::string& address,
                        std::uint16_t port, std::shared_ptr<grpc::ServerCredentials> credentials) {
  Listener listener;
  builder.AddListeningPort(host_port(address, port), std::move(credentials), &listener.port);
  // Otherwise a second process would quietly take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  listener.server = builder.BuildAndStart();
  if (!listener.server || listener.port == 0) {
    return fail(ErrorCode::kFailedPrecondition, "cannot listen on {}: is the port in use?",
                host_port(address, port));
  }
  return listener;
}

class GrpcServer final : public Server {
 public:
  GrpcServer(ServerParts parts, Clock& clock)
      : clock_(clock),
        ready_([this, ready = parts.ready] { return !draining_.load() && ready(); }),
        process_(std::move(parts)),
        health_(ready_),
        own_health_(ready_) {}

  ~GrpcServer() override { drain(0ms); }

  Result<void> start(const ServerOptions& options) {
    ASSIGN_OR_RETURN(auto credentials, make_credentials(options, clock_.wall_now()));
    grpc::ServerBuilder builder;
    builder.RegisterService(&process_);
    builder.RegisterService(&health_);
    builder.SetMaxReceiveMessageSize(options.receive_bytes_max);
    builder.SetMaxSendMessageSize(options.send_bytes_max);
    ASSIGN_OR_RETURN(main_, listen(builder, options.address, options.port, std::move(credentials)));
    grpc::ServerBuilder health_builder;
    health_builder.RegisterService(&own_health_);
    ASSIGN_OR_RETURN(own_, listen(health_builder, options.address, options.health_port,
                                  grpc::InsecureServerCredentials()));
    ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
    return {};
  }

  std::uint16_t port() const override { return static_cast<std::uint16_t>(main_.port); }
  std::uint16_t health_port() const override { return static_cast<std::uint16_t>(own_.port); }
  std::size_t streams() const override { return process_.registry().size(); }

  void begin_drain() override {
    draining_.store(true);
    health_.poll();
    own_health_.poll();
  }

  void drain(std::chrono::milliseconds limit) override {
    begin_drain();
    const auto deadline = std::chrono::system_clock::now() + limit;
    health_.end_watches();
    own_health_.end_watches();
    if (main_.server) main_.server->Shutdown(deadline);
    if (own_.server) own_.server->Shutdown(deadline);
    ticker_ = {};
  }

 private:
  void tick(const std::stop_token& stop) {
    while (clock_.sleep_for(kTick, stop)) {
      process_.registry().tick(clock_.now());
      health_.poll();
      own_health_.poll();
    }
  }

  Clock& clock_;
  std::atomic<bool> draining_ = false;
  const std::function<bool()> ready_;
  mutable ProcessService process_;
  detail::HealthService health_;
  detail::HealthService own_health_;
  Listener main_;
  Listener own_;
  std::jthread ticker_;
};

}  // namespace

StreamMetrics make_stream_metrics(obs::MetricRegistry& registry, const std::string& prefix) {
  const auto total = [&](const char* code) -> obs::Counter& {
    return registry.counter(prefix + "_extproc_streams_total", "ext_proc streams that ended.",
                            {{"code", code}});
  };
  return StreamMetrics{
      .inflight = registry.gauge(prefix + "_extproc_streams_inflight", "ext_proc streams open."),
      .ok = total("OK"),
      .cancelled = total("Canceled"),
      .failed = total("FailedPrecondition"),
      .duration =
          registry.histogram(prefix + "_extproc_stream_duration_seconds",
                             "How long ext_proc streams lasted.", obs::default_latency_buckets())};
}

Result<std::unique_ptr<Server>> Server::create(const ServerOptions& options, ServerParts parts,
                                               Clock& clock) {
  auto server = std::make_unique<GrpcServer>(std::move(parts), clock);
  RETURN_IF_ERROR(server->start(options));
  return server;
}

}  // namespace rage::extproc
