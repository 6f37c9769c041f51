#include "gateway/detail/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "gateway/detail/exchange.h"
#include "obs/log.h"

namespace rage::gateway::detail {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr int kAcceptsMax = 64;  // At a stretch.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\n"
    "connection: close\r\n\r\n";

ConnectionLimits connection_limits(const GatewayOptions& options) {
  return {.head = {.bytes_max = options.header_bytes_max},
          .body_bytes_max = options.body_bytes_max,
          .idle_timeout = options.idle_timeout,
          .head_timeout = options.head_timeout,
          .body_timeout = options.body_timeout,
          .write_timeout = options.write_timeout};
}

UpstreamLimits upstream_limits(const GatewayOptions& options) {
  return {.head = {.bytes_max = options.header_bytes_max},
          .connect_timeout = options.connect_timeout,
          .idle_timeout = options.upstream_idle_timeout,
          .connections_per_endpoint_max = options.upstream_connections_max};
}

}  // namespace

// Resource. A listening socket of this worker's own.
class Worker::Listener final : public net::IoHandler {
 public:
  Listener(Worker& worker, std::uint32_t number, int fd)
      : worker_(worker), number_(number), fd_(fd), pause_(*worker.loop_, [this] { accept(); }) {
    if (!worker.loop_->watch(fd_, *this)) {
      obs::log().error("cannot watch a listening socket", {{"error", std::strerror(errno)}});
    }
  }
  ~Listener() override { close(); }

  void close() {
    if (fd_ < 0) return;
    accept();  // Whoever has connected already is served.
    pause_.cancel();
    worker_.loop_->unwatch(fd_);
    ::close(std::exchange(fd_, -1));
  }
  std::uint32_t number() const { return number_; }
  std::shared_ptr<net::TlsContext> tls;

  void on_ready(net::Readiness) override { accept(); }
  void on_flush() override { accept(); }

 private:
  void accept() {
    for (int i = 0; fd_ >= 0; ++i) {
      if (i == kAcceptsMax) return worker_.loop_->flush_later(*this);
      sockaddr_storage peer{};
      socklen_t size = sizeof(peer);
      const int fd =
          ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        worker_.adopt(fd, net::Address::from(peer), *this);
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of descriptors or memory: asking again at once would spin.
      obs::log().warn("accepting a connection failed", {{"error", std::strerror(errno)}});
      return pause_.expire_after(kAcceptPause);
    }
  }

  Worker& worker_;
  const std::uint32_t number_;
  int fd_;
  net::Timer pause_;
};

Result<std::unique_ptr<Worker>> Worker::create(GatewayShared& shared) {
  ASSIGN_OR_RETURN(auto loop, net::EventLoop::create());
  std::unique_ptr<Worker> worker(new Worker(shared, std::move(loop)));
  worker->thread_ = std::jthread([loop = worker->loop_.get()] { loop->run(); });
  return worker;
}

Worker::Worker(GatewayShared& shared, std::unique_ptr<net::EventLoop> loop)
    : shared_(shared),
      loop_(std::move(loop)),
      limits_(connection_limits(shared.options)),
      upstreams_(*loop_, upstream_limits(shared.options)),
      context_{.loop = *loop_,
               .upstreams = upstreams_,
               .options = shared.options,
               .metrics = shared.metrics,
               .held_bytes = shared.held_bytes,
               .snapshot = std::make_shared<const Snapshot>()},
      server_{.loop = *loop_,
              .limits = limits_,
              .exchanges = *this,
              .closed = [this](ServerConnection& connection) { on_closed(connection); }} {}

Worker::~Worker() {
  loop_->run_and_wait([this] {
    close_listeners();
    while (!connections_.empty()) connections_.begin()->first->close();
  });
  loop_->stop();
  thread_.join();
  loop_->settle();
}

void Worker::apply(WorkerUpdate update) {
  loop_->run_and_wait([&] { take_update(std::move(update)); });
}

void Worker::take_update(WorkerUpdate update) {
  context_.snapshot = std::move(update.snapshot);
  context_.listener_places = std::move(update.listener_places);
  std::unordered_map<std::uint32_t, std::unique_ptr<Listener>> kept;
  for (const WorkerUpdate::Listener& wanted : update.listeners) {
    const auto found = listeners_.find(wanted.number);
    auto listener = found != listeners_.end()
                        ? std::move(found->second)
                        : std::make_unique<Listener>(*this, wanted.number, wanted.fd);
    listener->tls = wanted.tls;
    kept.emplace(wanted.number, std::move(listener));
  }
  listeners_.swap(kept);
  for (auto& [number, listener] : kept) {
    if (!listener) continue;
    listener->close();
    loop_->destroy_later(std::move(listener));
  }
}

void Worker::close_listeners() {
  for (auto& [number, listener] : listeners_) {
    listener->close();
    loop_->destroy_later(std::move(listener));
  }
  listeners_.clear();
}

void Worker::begin_drain() {
  loop_->run_and_wait([this] {
    close_listeners();
    server_.draining = true;
    std::vector<ServerConnection*> all;
    for (auto& [connection, owned] : connections_) all.push_back(connection);
    for (ServerConnection* connection : all) connection->drain();
  });
}

void Worker::close_connections() {
  loop_->run_and_wait([this] {
    while (!connections_.empty()) connections_.begin()->first->close();
  });
}

void Worker::adopt(int fd, const net::Address& peer, const Listener& listener) {
  if (shared_.connections.fetch_add(1) >= shared_.options.connections_max) {
    shared_.metrics.connections_refused.add();
    if (!listener.tls) (void)!::send(fd, kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(fd);
    shared_.connections.fetch_sub(1);
    return;
  }
  shared_.metrics.connections.add(1);
  SSL* const tls = listener.tls ? listener.tls->make_session() : nullptr;
  auto connection = std::make_unique<ServerConnection>(
      server_, fd, tls,
      ServerConnection::Peer{
          .address = peer.ip_text(), .listener = listener.number(), .keep = listener.tls});
  ServerConnection* const raw = connection.get();
  connections_.emplace(raw, std::move(connection));
  raw->start();
}

void Worker::on_closed(ServerConnection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  loop_->destroy_later(std::move(found->second));
  connections_.erase(found);
  shared_.metrics.connections.add(-1);
  shared_.connections.fetch_sub(1);
  shared_.connection_closed();
}

std::shared_ptr<ExchangeHandler> Worker::make_exchange(ClientStream& client, RequestHead head,
                                                       RequestFacts facts) {
  return std::make_shared<Exchange>(context_, client, std::move(head), std::move(facts));
}

}  // namespace rage::gateway::detail
