#include "gateway/gateway.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "gateway/detail/worker.h"

namespace rage::gateway {
namespace {

using detail::Worker;
using detail::WorkerUpdate;

struct ListenerKey {
  std::string address;
  std::uint16_t port = 0;
  bool operator==(const ListenerKey&) const = default;
};

struct OpenListener {
  std::uint32_t number = 0;
  ListenerKey key;
  std::uint16_t port = 0;  // What the kernel gave, if the key says 0.
  std::shared_ptr<net::TlsContext> tls;
};

std::unexpected<Error> listen_error(const ListenerKey& key, int error) {
  if (error == EADDRINUSE) {
    return fail(ErrorCode::kFailedPrecondition, "port {} on {} is already in use", key.port,
                key.address);
  }
  return fail(error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kFailedPrecondition,
              "cannot listen on {} port {}: {}", key.address, key.port, std::strerror(error));
}

// Every worker has a socket of its own on the same port; the kernel spreads connections over them.
Result<int> open_socket(const ListenerKey& key, std::uint16_t port) {
  const auto address = net::Address::of(key.address, port);
  if (!address) return fail(ErrorCode::kInvalidArgument, "'{}' is no IP address", key.address);
  const int fd =
      ::socket(address->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return listen_error(key, errno);
  const int yes = 1;
  sockaddr_storage storage;
  const socklen_t size = address->fill(storage);
  const bool open = ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
                    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) == 0 &&
                    ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0 &&
                    ::listen(fd, SOMAXCONN) == 0;
  if (open) return fd;
  const int error = errno;
  ::close(fd);
  return listen_error(key, error);
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return net::Address::from(storage).port;
}

class GatewayServer final : public Gateway {
 public:
  GatewayServer(const GatewayOptions& options, GatewayMetrics& metrics)
      : shared_{.options = options, .metrics = metrics, .connection_closed = [this] {
                  MutexLock lock(mutex_);
                  closed_.notify_all();
                }} {}

  ~GatewayServer() override { workers_.clear(); }

  Result<void> start(std::shared_ptr<const Snapshot> snapshot) {
    const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::uint32_t count = shared_.options.workers > 0 ? shared_.options.workers : cores;
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(auto worker, Worker::create(shared_));
      workers_.push_back(std::move(worker));
    }
    RETURN_IF_ERROR(apply(std::move(snapshot)));
    MutexLock lock(apply_mutex_);
    for (const OpenListener& listener : listeners_) ports_.push_back(listener.port);
    return {};
  }

  Result<void> apply(std::shared_ptr<const Snapshot> snapshot) override {
    MutexLock applying(apply_mutex_);
    Result<void> outcome;
    std::vector<WorkerUpdate> updates(workers_.size());
    std::vector<OpenListener> next;
    std::vector<int> places(next_number_ + snapshot->listeners.size(), -1);
    for (std::size_t i = 0; i < snapshot->listeners.size(); ++i) {
      auto opened = ensure_listener(snapshot->listeners[i], updates, outcome);
      if (!opened) continue;
      places[opened->number] = static_cast<int>(i);
      next.push_back(*std::move(opened));
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      updates[i].snapshot = snapshot;
      updates[i].listener_places = places;
      workers_[i]->apply(std::move(updates[i]));
    }
    shared_.metrics.reloads.add();
    listeners_ = std::move(next);
    return outcome;
  }

  std::vector<std::uint16_t> ports() const override { return ports_; }

  void drain(std::chrono::milliseconds limit) override {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (const auto& worker : workers_) worker->begin_drain();
    {
      MutexLock lock(mutex_);
      while (shared_.connections.load() > 0) {
        if (closed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
      }
    }
    for (const auto& worker : workers_) worker->close_connections();
  }

 private:
  // Adds it to each worker's update. None: it cannot be opened, and `outcome` says why. A
  // certificate that is no good leaves the one before in use.
  std::optional<OpenListener> ensure_listener(const ListenerConfig& config,
                                              std::vector<WorkerUpdate>& updates,
                                              Result<void>& outcome) REQUIRES(apply_mutex_) {
    const ListenerKey key{.address = config.address, .port = config.port};
    const auto known = std::ranges::find(listeners_, key, &OpenListener::key);
    OpenListener listener{.key = key, .port = key.port};
    if (known != listeners_.end()) listener = *known;
    Result<std::shared_ptr<net::TlsContext>> tls = nullptr;
    if (!config.certificates.empty()) tls = net::TlsContext::create(config.certificates);
    if (tls) listener.tls = *std::move(tls);
    std::vector<int> fds(updates.size(), -1);
    if (!tls) {
      outcome = fail(std::move(tls).error());
      if (!listener.tls) return std::nullopt;
    }
    if (known == listeners_.end()) {
      auto opened = open_sockets(key, fds, listener.port);
      if (!opened) {
        outcome = fail(std::move(opened).error());
        return std::nullopt;
      }
      listener.number = next_number_++;
    }
    for (std::size_t i = 0; i < updates.size(); ++i) {
      updates[i].listeners.push_back(
          {.number = listener.number, .fd = fds[i], .tls = listener.tls});
    }
    return listener;
  }

  static Result<void> open_sockets(const ListenerKey& key, std::vector<int>& fds,
                                   std::uint16_t& port) {
    for (int& fd : fds) {
      auto opened = open_socket(key, port);
      if (!opened) {
        for (const int other : fds) {
          if (other >= 0) ::close(other);
        }
        return fail(std::move(opened).error());
      }
      fd = *opened;
      if (port == 0) port = port_of(fd);
    }
    return {};
  }

  Mutex apply_mutex_;  // One apply() at a time; held before mutex_.
  std::uint32_t next_number_ GUARDED_BY(apply_mutex_) = 0;
  Mutex mutex_;
  CondVar closed_;
  std::vector<OpenListener> listeners_ GUARDED_BY(apply_mutex_);
  std::vector<std::uint16_t> ports_;  // Constant once started.
  detail::GatewayShared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;  // Last: their threads use everything above.
};

}  // namespace

Result<void> GatewayOptions::validate() const {
  if (header_bytes_max < 1024 || connections_max == 0 || upstream_connections_max == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "a gateway's limits must be positive, and headers need at least 1024 bytes");
  }
  if (held_body_bytes_max > held_bytes_max) {
    return fail(ErrorCode::kInvalidArgument,
                "one held body may not be larger than all of them together");
  }
  return {};
}

Result<std::unique_ptr<Gateway>> Gateway::create(const GatewayOptions& options,
                                                 GatewayMetrics& metrics,
                                                 std::shared_ptr<const Snapshot> snapshot) {
  RETURN_IF_ERROR(options.validate());
  auto gateway = std::make_unique<GatewayServer>(options, metrics);
  RETURN_IF_ERROR(gateway->start(std::move(snapshot)));
  return gateway;
}

}  // namespace rage::gateway
