#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/process.h"
#include "envoyapi/health.h"
#include "node/probes.h"
#include "rpc/channel.h"

namespace rage::node {
namespace {

using std::chrono::milliseconds;
namespace health = envoyapi::health;

constexpr milliseconds kSlice{100};
constexpr milliseconds kLongest{3'600'000};
constexpr std::uint64_t kPageBytesMax = std::uint64_t{10} << 20;

Result<void> ask_page(net::HttpTransport& transport, const Context& context,
                      const ProbeSpec& probe) {
  // A probe does not ask who the server is.
  static const auto kUnverified =
      std::make_shared<const net::TlsOptions>(net::TlsOptions{.insecure_skip_verify = true});
  const bool tls = probe.url.starts_with("https:");
  ASSIGN_OR_RETURN(const auto reply,
                   transport.fetch(context, {.url = probe.url,
                                             .headers = probe.headers,
                                             .body_bytes_max = kPageBytesMax,
                                             .tls = tls ? kUnverified : nullptr}));
  if (reply.status >= 200 && reply.status < 400) return {};
  return fail(ErrorCode::kUnavailable, "HTTP probe failed with statuscode: {}", reply.status);
}

Result<void> connect_to(const Context& context, const ProbeSpec& probe) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(probe.port);
  if (::inet_pton(AF_INET, probe.host.c_str(), &address.sin_addr) != 1) {
    return fail(ErrorCode::kInvalidArgument, "a probe's host {} is no IPv4 address", probe.host);
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kResourceExhausted, "no socket: {}", std::strerror(errno));
  int error = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
      const auto limit = context.remaining(kLongest);
      socklen_t size = sizeof(error);
      if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) {
        error = ETIMEDOUT;
      } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
      }
    }
  }
  ::close(fd);
  if (error == 0) return {};
  return fail(ErrorCode::kUnavailable, "dial tcp {}:{}: {}", probe.host, probe.port,
              std::strerror(error));
}

Result<void> run_command(const Context& context, const ProbeSpec& probe,
                         const Environment& environment) {
  // Its output belongs to nobody's log.
  const int null_fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  auto child = ChildProcess::spawn({.argv = probe.command,
                                    .environment = environment,
                                    .inherit = ProcessOptions::Inherit::kNothing,
                                    .stdout_fd = null_fd,
                                    .stderr_fd = null_fd});
  if (null_fd >= 0) ::close(null_fd);
  if (!child) return fail(std::move(child).error());
  while (true) {
    const auto slice = std::min(kSlice, context.remaining(kLongest));
    const auto ended = (*child)->wait(std::chrono::steady_clock::now() + slice);
    if (ended && ended->code == 0) return {};
    if (ended) return fail(ErrorCode::kUnavailable, "the command ended with {}", describe(*ended));
    RETURN_IF_ERROR(context.check());  // Leaving kills it.
  }
}

Result<void> ask_health(const Context& context, const ProbeSpec& probe) {
  ASSIGN_OR_RETURN(
      const auto channel,
      rpc::Channel::create({.endpoints = {fmt::format("{}:{}", probe.host, probe.port)},
                            .transport = rpc::ChannelOptions::Transport::kPlain}));
  health::HealthCheckRequest request;
  request.set_service(probe.service);
  const auto answer =
      rpc::ask(context, *channel, "/grpc.health.v1.Health/Check", request.SerializeAsString());
  if (!answer) {
    return fail(ErrorCode::kUnavailable, "gRPC health check: {}", answer.error().message);
  }
  health::HealthCheckResponse reply;
  if (!reply.ParseFromString(*answer)) {
    return fail(ErrorCode::kUnavailable, "gRPC health check: the answer is no HealthCheckResponse");
  }
  if (reply.status() == health::HealthCheckResponse::SERVING) return {};
  return fail(ErrorCode::kUnavailable, "gRPC health check: the service is not serving");
}

class Runner final : public ProbeRunner {
 public:
  explicit Runner(net::HttpTransport& transport) : transport_(transport) {}

  Result<void> run(const Context& context, const ProbeSpec& probe,
                   const Environment& environment) override {
    switch (probe.kind) {
      case ProbeSpec::Kind::kHttp:
        return ask_page(transport_, context, probe);
      case ProbeSpec::Kind::kTcp:
        return connect_to(context, probe);
      case ProbeSpec::Kind::kExec:
        return run_command(context, probe, environment);
      case ProbeSpec::Kind::kGrpc:
        return ask_health(context, probe);
      case ProbeSpec::Kind::kSucceed:
        return {};
    }
    return {};
  }

 private:
  net::HttpTransport& transport_;
};

}  // namespace

std::unique_ptr<ProbeRunner> make_probe_runner(net::HttpTransport& transport) {
  return std::make_unique<Runner>(transport);
}

}  // namespace rage::node
