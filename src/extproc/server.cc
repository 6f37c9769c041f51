#include "extproc/server.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

#include "base/files.h"
#include "extproc/detail/health_calls.h"
#include "extproc/detail/process_call.h"
#include "net/certificate_files.h"
#include "net/self_signed.h"
#include "rpc/server.h"

namespace rage::extproc {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kProcess = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
constexpr std::size_t kThreadsMax = 4;
constexpr auto kLookAtCertificate = 10s;
constexpr std::uint64_t kPemBytesMax = 1 << 20;

net::CertificateSource always(net::ServerCertificate certificate) {
  return [shared = std::make_shared<const net::ServerCertificate>(std::move(certificate))]()
             -> Result<std::shared_ptr<const net::ServerCertificate>> { return shared; };
}

Result<net::CertificateSource> certificate_from_files(const ServerOptions& options) {
  const std::filesystem::path directory = options.certificate_directory;
  const std::filesystem::path chain = directory / "tls.crt";
  const std::filesystem::path key = directory / "tls.key";
  if (options.reload_certificate) return net::certificate_files(chain, key, kLookAtCertificate);
  net::ServerCertificate certificate;
  ASSIGN_OR_RETURN(certificate.chain_pem, read_file(chain, kPemBytesMax));
  ASSIGN_OR_RETURN(certificate.key_pem, read_file(key, kPemBytesMax));
  return always(std::move(certificate));
}

Result<net::CertificateSource> certificate_of(const ServerOptions& options, WallTime now) {
  switch (options.tls) {
    case Tls::kOff:
      return net::CertificateSource();
    case Tls::kSelfSigned: {
      ASSIGN_OR_RETURN(auto certificate, net::make_self_signed(now));
      return always(std::move(certificate));
    }
    case Tls::kFiles:
      return certificate_from_files(options);
  }
  return fail(ErrorCode::kInvalidArgument, "no such way of TLS");
}

class ExtProcServer final : public Server {
 public:
  ExtProcServer(ServerParts parts, std::size_t send_bytes_max)
      : parts_(std::move(parts)),
        send_bytes_max_(send_bytes_max),
        ready_([this] { return !draining_.load() && parts_.ready(); }) {}

  ~ExtProcServer() override { drain(0ms); }

  Result<void> start(const ServerOptions& options, WallTime now) {
    rpc::Methods health;
    detail::add_health_methods(ready_, health);
    rpc::Methods methods = health;
    methods[std::string(kProcess)] = [this](rpc::Call& call) {
      return std::make_unique<detail::ProcessCall>(call, parts_, send_bytes_max_, streams_);
    };
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    rpc::ServerOptions serving{.address = options.address,
                               .port = options.port,
                               .threads = std::min(cores, kThreadsMax),
                               .message_bytes_max = options.receive_bytes_max};
    ASSIGN_OR_RETURN(serving.certificate, certificate_of(options, now));
    ASSIGN_OR_RETURN(main_, rpc::Server::create(std::move(serving), std::move(methods)));
    ASSIGN_OR_RETURN(own_,
                     rpc::Server::create({.address = options.address, .port = options.health_port},
                                         std::move(health)));
    return {};
  }

  std::uint16_t port() const override { return main_->port(); }
  std::uint16_t health_port() const override { return own_->port(); }
  std::size_t streams() const override { return streams_.load(); }
  void begin_drain() override { draining_.store(true); }

  void drain(std::chrono::milliseconds limit) override {
    begin_drain();
    if (main_) main_->drain(limit);
    if (own_) own_->drain(0ms);
  }

 private:
  const ServerParts parts_;
  const std::size_t send_bytes_max_;
  std::atomic<bool> draining_ = false;
  const std::function<bool()> ready_;
  std::atomic<std::size_t> streams_ = 0;
  std::unique_ptr<rpc::Server> main_;
  std::unique_ptr<rpc::Server> own_;
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
  auto server = std::make_unique<ExtProcServer>(std::move(parts), options.send_bytes_max);
  RETURN_IF_ERROR(server->start(options, clock.wall_now()));
  return server;
}

}  // namespace rage::extproc
