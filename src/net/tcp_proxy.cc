#include "net/tcp_proxy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <map>
#include <set>
#include <span>
#include <thread>
#include <utility>

#include "net/detail/asio_types.h"
#include "obs/log.h"

namespace rage::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::Executor;
using detail::kTuple;
using detail::Socket;
using detail::Task;
using detail::Timer;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

constexpr auto kProxyAcceptPause = std::chrono::milliseconds(50);
constexpr std::size_t kBufferBytes = 16 << 10;

// Two sockets and what is on its way between them. The loop's thread only.
struct ProxiedConnection {
  explicit ProxiedConnection(Socket taken)
      : client(std::move(taken)), server(client.get_executor()), timer(client.get_executor()) {}

  void close() {
    error_code ignored;
    client.close(ignored);
    server.close(ignored);
    timer.cancel();
  }

  Socket client;
  Socket server;
  Timer timer;
  std::array<char, kBufferBytes> to_server;
  std::array<char, kBufferBytes> to_client;
};
using ConnectionPtr = std::shared_ptr<ProxiedConnection>;

struct Listener {
  explicit Listener(const Executor& executor) : acceptor(executor), pause(executor) {}

  // The targets in the order in which this connection asks them.
  std::vector<TcpTarget> in_turn() {
    std::vector<TcpTarget> order;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      order.push_back(targets[(next + i) % targets.size()]);
    }
    ++next;
    return order;
  }

  Acceptor acceptor;
  Timer pause;
  std::vector<TcpTarget> targets;
  std::size_t next = 0;
};
using ListenerPtr = std::shared_ptr<Listener>;

void log_failure(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    obs::log().error("passing a connection on failed", {{"error", error.what()}});
  }
}

// From one socket to the other until the first ends its sending; then the second is told so.
Task<void> pump(ConnectionPtr connection, Socket* from, Socket* to, std::span<char> room) {
  const asio::mutable_buffer buffer(room.data(), room.size());
  while (true) {
    auto [read_error, bytes] = co_await from->async_read_some(buffer, kTuple);
    if (read_error == asio::error::eof) {
      error_code ignored;
      to->shutdown(tcp::socket::shutdown_send, ignored);
      co_return;
    }
    if (read_error) break;
    const asio::const_buffer piece(room.data(), bytes);
    auto [write_error, written] = co_await asio::async_write(*to, piece, kTuple);
    (void)written;
    if (write_error) break;
  }
  connection->close();
}

// False if the target does not answer in time.
Task<bool> connect(ConnectionPtr connection, TcpTarget target, std::chrono::milliseconds limit) {
  error_code error;
  const auto address = asio::ip::make_address(target.address, error);
  if (error || !connection->client.is_open()) co_return false;
  const tcp::endpoint endpoint(address, target.port);
  connection->timer.expires_after(limit);
  connection->timer.async_wait([held = std::weak_ptr(connection)](error_code cancelled) {
    const ConnectionPtr waiting = held.lock();
    error_code ignored;
    if (!cancelled && waiting) waiting->server.close(ignored);
  });
  auto [connect_error] = co_await connection->server.async_connect(endpoint, kTuple);
  connection->timer.cancel();
  const bool connected = !connect_error && connection->server.is_open();
  if (!connected) connection->server.close(error);
  co_return connected;
}

class Proxy final : public TcpProxy {
 public:
  explicit Proxy(const TcpProxyOptions& options)
      : options_(options), work_(loop_.get_executor()), thread_([this] { loop_.run(); }) {}

  ~Proxy() override {
    asio::post(loop_, [this] {
      for (auto& [id, listener] : listeners_) stop(*listener);
      listeners_.clear();
      for (const ConnectionPtr& connection : open_) connection->close();
      work_.reset();
    });
    thread_.join();  // Once every coroutine has ended.
  }

  Result<TcpListening> listen(const std::string& address, std::uint16_t port) override {
    error_code error;
    const auto literal = asio::ip::make_address(address, error);
    if (error) return fail(ErrorCode::kInvalidArgument, "'{}' is no IP address", address);
    const tcp::endpoint endpoint(literal, port);
    auto listener = std::make_shared<Listener>(loop_.get_executor());
    Acceptor& acceptor = listener->acceptor;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (error) {
      const bool denied = error == asio::error::access_denied;
      return fail(denied ? ErrorCode::kPermissionDenied : ErrorCode::kFailedPrecondition,
                  "cannot listen on {} port {}: {}", address, port, error.message());
    }
    const TcpListening listening{.id = ++last_id_, .port = acceptor.local_endpoint(error).port()};
    asio::post(loop_, [this, listener, id = listening.id] {
      listeners_[id] = listener;
      asio::co_spawn(loop_, accept_all(listener), log_failure);
    });
    return listening;
  }

  void set_targets(TcpListenerId id, std::vector<TcpTarget> targets) override {
    asio::post(loop_, [this, id, targets = std::move(targets)]() mutable {
      const auto found = listeners_.find(id);
      if (found != listeners_.end()) found->second->targets = std::move(targets);
    });
  }

  void close(TcpListenerId id) override {
    std::promise<void> closed;
    asio::post(loop_, [this, id, &closed] {
      const auto found = listeners_.find(id);
      if (found != listeners_.end()) {
        stop(*found->second);
        listeners_.erase(found);
      }
      closed.set_value();
    });
    closed.get_future().wait();
  }

  std::size_t connections() const override { return count_.load(std::memory_order_relaxed); }

 private:
  static void stop(Listener& listener) {
    error_code ignored;
    listener.acceptor.close(ignored);
    listener.pause.cancel();
  }

  Task<void> accept_all(ListenerPtr listener) {
    while (listener->acceptor.is_open()) {
      auto [error, socket] = co_await listener->acceptor.async_accept(kTuple);
      if (!error) {
        adopt(*listener, std::move(socket));
        continue;
      }
      if (error == asio::error::operation_aborted || error == asio::error::connection_aborted) {
        continue;
      }
      // Out of descriptors: asking again at once would spin.
      obs::log().warn("accepting a connection failed", {{"error", error.message()}});
      listener->pause.expires_after(kProxyAcceptPause);
      auto [cancelled] = co_await listener->pause.async_wait(kTuple);
      (void)cancelled;
    }
  }

  void adopt(Listener& listener, Socket socket) {
    if (open_.size() >= options_.connections_max || listener.targets.empty()) return;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<ProxiedConnection>(std::move(socket));
    open_.insert(connection);
    count_.store(open_.size(), std::memory_order_relaxed);
    asio::co_spawn(loop_, relay(connection, listener.in_turn()),
                   [this, connection](const std::exception_ptr& failure) {
                     log_failure(failure);
                     if (failure) drop(connection);
                   });
  }

  void drop(const ConnectionPtr& connection) {
    connection->close();
    open_.erase(connection);
    count_.store(open_.size(), std::memory_order_relaxed);
  }

  Task<void> relay(ConnectionPtr connection, std::vector<TcpTarget> targets) {
    bool connected = false;
    const std::size_t tries = std::min(targets.size(), options_.tries_max);
    for (std::size_t i = 0; i < tries && !connected; ++i) {
      TcpTarget target = targets[i];
      connected = co_await connect(connection, target, options_.connect_timeout);
    }
    if (!connected) {
      drop(connection);
      co_return;
    }
    error_code ignored;
    connection->server.set_option(tcp::no_delay(true), ignored);
    ProxiedConnection* both = connection.get();
    const auto running = std::make_shared<int>(2);
    const auto on_end = [this, connection, running](const std::exception_ptr& failure) {
      log_failure(failure);
      if (failure) connection->close();
      if (--*running == 0) drop(connection);
    };
    asio::co_spawn(loop_, pump(connection, &both->client, &both->server, both->to_server), on_end);
    asio::co_spawn(loop_, pump(connection, &both->server, &both->client, both->to_client), on_end);
  }

  const TcpProxyOptions options_;
  std::atomic<TcpListenerId> last_id_ = 0;
  std::atomic<std::size_t> count_ = 0;
  asio::io_context loop_{1};
  asio::executor_work_guard<Executor> work_;
  std::map<TcpListenerId, ListenerPtr> listeners_;  // The loop's thread only, as open_.
  std::set<ConnectionPtr> open_;
  std::jthread thread_;  // Last: joined before anything that it uses is destroyed.
};

}  // namespace

Result<std::unique_ptr<TcpProxy>> TcpProxy::create(const TcpProxyOptions& options) {
  if (options.connections_max == 0 || options.tries_max == 0) {
    return fail(ErrorCode::kInvalidArgument, "a proxy's limits must be positive");
  }
  return std::unique_ptr<TcpProxy>(std::make_unique<Proxy>(options));
}

}  // namespace rage::net
