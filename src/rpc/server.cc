#include "rpc/server.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/event_loop.h"
#include "net/tls_context.h"
#include "obs/log.h"
#include "rpc/detail/loop.h"

namespace rage::rpc {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr int kAcceptsMax = 64;  // At a stretch.

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// One socket: without SO_REUSEPORT, or a second process would quietly take half of the connections.
int listen_on(const addrinfo& where) {
  const int fd = ::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  const int no = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (where.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  if (::bind(fd, where.ai_addr, where.ai_addrlen) == 0 && ::listen(fd, SOMAXCONN) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

Result<int> open_listener(const std::string& address, std::uint16_t port) {
  std::vector<std::string> hosts = {address};
  if (address == "0.0.0.0") hosts.insert(hosts.begin(), "::");
  int error = 0;
  for (std::string host : hosts) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is no address to listen on", address);
    }
    const AddressList list(found, &::freeaddrinfo);
    if (const int fd = listen_on(*list); fd >= 0) return fd;
    error = errno;
  }
  return fail(ErrorCode::kFailedPrecondition, "cannot listen on {} port {}: {}", address, port,
              std::strerror(error));
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  // The port is at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

// What new connections shake hands with, made anew when the source gives another certificate.
class Certificates final {
 public:
  explicit Certificates(net::CertificateSource source) : source_(std::move(source)) {}
  bool enabled() const { return source_ != nullptr; }
  Result<std::shared_ptr<net::TlsContext>> current() {
    ASSIGN_OR_RETURN(auto certificate, source_());
    if (!context_ || !certificate_ || *certificate != *certificate_) {
      ASSIGN_OR_RETURN(context_, net::TlsContext::create({{"", *certificate}}));
      certificate_ = std::move(certificate);
    }
    return context_;
  }

 private:
  const net::CertificateSource source_;
  std::shared_ptr<const net::ServerCertificate> certificate_;
  std::shared_ptr<net::TlsContext> context_;
};

class LoopServer;

// Resource. The first loop's thread only.
class Listener final : public net::IoHandler {
 public:
  Listener(LoopServer& server, net::EventLoop& loop, int fd)
      : server_(server), loop_(loop), fd_(fd), pause_(loop, [this] { accept(); }) {}
  ~Listener() override { close(); }

  bool start() { return loop_.watch(fd_, *this); }
  void close() {
    pause_.cancel();
    if (fd_ < 0) return;
    loop_.unwatch(fd_);
    ::close(std::exchange(fd_, -1));
  }
  void on_ready(net::Readiness) override { accept(); }
  void on_flush() override { accept(); }

 private:
  void accept();

  LoopServer& server_;
  net::EventLoop& loop_;
  int fd_;
  net::Timer pause_;
};

class LoopServer final : public Server {
 public:
  LoopServer(ServerOptions options, Methods methods)
      : options_(std::move(options)),
        methods_(std::move(methods)),
        certificates_(options_.certificate) {}
  ~LoopServer() override { drain(std::chrono::milliseconds(0)); }

  Result<void> start() {
    if (certificates_.enabled()) RETURN_IF_ERROR(certificates_.current());
    ASSIGN_OR_RETURN(const int fd, open_listener(options_.address, options_.port));
    port_ = port_of(fd);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.threads); ++i) {
      auto loop = detail::Loop::create(shared_);
      if (!loop) {
        ::close(fd);
        return std::unexpected(loop.error());
      }
      loops_.push_back(*std::move(loop));
    }
    net::EventLoop& first = loops_.front()->events();
    listener_ = std::make_unique<Listener>(*this, first, fd);
    bool watched = false;
    loops_.front()->events().run_and_wait([&] { watched = listener_->start(); });
    if (!watched) return fail(ErrorCode::kResourceExhausted, "cannot watch a listening socket");
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void drain(std::chrono::milliseconds limit) override {
    MutexLock draining(drain_mutex_);
    if (loops_.empty()) return;
    loops_.front()->events().run_and_wait([this] {
      if (!listener_) return;
      listener_->close();
      loops_.front()->events().destroy_later(std::move(listener_));
    });
    for (const auto& loop : loops_) loop->drain();
    wait_for_connections(limit);
    for (const auto& loop : loops_) loop->close_connections();
    loops_.clear();
  }

  void adopt(int fd) {
    if (connections_.fetch_add(1) >= options_.connections_max) return refuse(fd);
    std::shared_ptr<net::TlsContext> context;
    SSL* tls = nullptr;
    if (certificates_.enabled()) {
      auto current = certificates_.current();
      tls = current ? (*current)->make_session() : nullptr;
      if (tls == nullptr) {
        if (!current) obs::log().warn("no certificate", {{"error", current.error().message}});
        return refuse(fd);
      }
      context = *std::move(current);
    }
    loops_[next_++ % loops_.size()]->adopt(fd, tls, std::move(context));
  }

 private:
  void refuse(int fd) {
    ::close(fd);
    on_connection_closed();
  }

  void on_connection_closed() {
    if (connections_.fetch_sub(1) != 1 || !waiting_.load()) return;
    MutexLock lock(mutex_);
    changed_.notify_all();
  }

  // Connections close when their peers have heard that they shall, and their calls have ended.
  void wait_for_connections(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    MutexLock lock(mutex_);
    waiting_.store(true);
    while (connections_.load() > 0 && std::chrono::steady_clock::now() < deadline) {
      changed_.wait_until(mutex_, deadline);
    }
  }

  const ServerOptions options_;
  const Methods methods_;
  Certificates certificates_;  // The listener's.
  const detail::Loop::Shared shared_{.options = options_,
                                     .methods = methods_,
                                     .connection_closed = [this] { on_connection_closed(); }};
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<bool> waiting_ = false;
  Mutex mutex_;
  CondVar changed_;
  Mutex drain_mutex_;
  std::uint16_t port_ = 0;
  std::size_t next_ = 0;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<detail::Loop>> loops_;
};

void Listener::accept() {
  for (int i = 0; fd_ >= 0; ++i) {
    if (i == kAcceptsMax) return loop_.flush_later(*this);
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      server_.adopt(fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Out of descriptors or memory: asking again at once would spin.
    obs::log().warn("accepting a connection failed", {{"error", std::strerror(errno)}});
    return pause_.expire_after(kAcceptPause);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(ServerOptions options, Methods methods) {
  auto server = std::make_unique<LoopServer>(std::move(options), std::move(methods));
  RETURN_IF_ERROR(server->start());
  return server;
}

}  // namespace rage::rpc
