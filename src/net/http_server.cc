#include "net/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <list>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "base/worker_pool.h"
#include "net/detail/connection.h"
#include "net/detail/server_tls.h"
#include "obs/log.h"

namespace rage::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::Connection;
using detail::Executor;
using detail::kTuple;
using detail::Socket;
using detail::Task;
using detail::Timer;
using std::chrono::milliseconds;

constexpr auto kAcceptPause = milliseconds(50);

// How often connections are looked at for time-outs: late by an eighth at most.
milliseconds sweep_interval(const HttpServerOptions& options) {
  const auto shortest = std::min({options.idle_timeout, options.read_timeout, options.write_timeout,
                                  options.handshake_timeout});
  return std::clamp(shortest / 8, milliseconds(2), milliseconds(1000));
}

Result<void> validate(const HttpServerOptions& options) {
  if (options.workers == 0 || options.connections_max == 0 || options.header_bytes_max == 0) {
    return fail(ErrorCode::kInvalidArgument, "a server's limits must be positive");
  }
  return {};
}

Result<tcp::endpoint> endpoint_of(const HttpServerOptions& options) {
  error_code error;
  const std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  const auto address = asio::ip::make_address(text, error);
  if (error) return fail(ErrorCode::kInvalidArgument, "'{}' is no IP address", options.address);
  return tcp::endpoint(address, options.port);
}

Error listen_error(const HttpServerOptions& options, const error_code& error) {
  if (error == asio::error::address_in_use) {
    return {
        .code = ErrorCode::kFailedPrecondition,
        .message = fmt::format("port {} on {} is already in use", options.port, options.address)};
  }
  const bool denied = error == asio::error::access_denied;
  return {.code = denied ? ErrorCode::kPermissionDenied : ErrorCode::kFailedPrecondition,
          .message = fmt::format("cannot listen on {} port {}: {}", options.address, options.port,
                                 error.message())};
}

class Server final : public HttpServer {
 public:
  Server(const HttpServerOptions& options, HttpHandler handler)
      : acceptor_(loop_.get_executor()),
        accept_pause_(loop_.get_executor()),
        sweep_timer_(loop_.get_executor()),
        work_(loop_.get_executor()),
        pool_({.threads = options.workers, .queue_max = options.queue_max}),
        shared_{.options = options,
                .handler = std::move(handler),
                .request_id_prefix = random_uuid().substr(0, 8) + "-",
                .pool = pool_,
                .loop = loop_},
        tls_(options.certificate) {}

  ~Server() override {
    if (!thread_.joinable()) return;  // Never listened.
    drain(milliseconds(0));
    asio::post(loop_, [this] {
      stopping_ = true;
      sweep_timer_.cancel();
      work_.reset();
    });
    thread_.join();
  }

  Result<void> listen() {
    ASSIGN_OR_RETURN(const tcp::endpoint endpoint, endpoint_of(shared_.options));
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (error) return fail(listen_error(shared_.options, error));
    port_ = acceptor_.local_endpoint(error).port();
    if (error) return fail(listen_error(shared_.options, error));
    {
      MutexLock lock(mutex_);
      accepting_ = true;
    }
    asio::co_spawn(loop_.get_executor(), accept_all(), [this](const std::exception_ptr& failure) {
      log_failure("accepting connections failed", failure);
      MutexLock lock(mutex_);
      accepting_ = false;
      changed_.notify_all();
    });
    asio::co_spawn(loop_.get_executor(), sweep(), [](const std::exception_ptr& failure) {
      log_failure("watching time-outs failed", failure);
    });
    thread_ = std::jthread([this] { loop_.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void drain(milliseconds limit) override {
    const auto until = std::chrono::steady_clock::now() + limit;
    shared_.draining.store(true, std::memory_order_relaxed);
    asio::post(loop_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      accept_pause_.cancel();
      for (auto& connection : connections_) connection->drain();
    });
    {
      MutexLock lock(mutex_);
      while (accepting_) changed_.wait(mutex_);
      while (open_ > 0) {
        if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
      }
      if (open_ == 0) return;
    }
    asio::post(loop_, [this] {
      for (auto& connection : connections_) connection->cancel();
    });
  }

 private:
  static void log_failure(std::string_view what, const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      obs::log().error(what, {{"error", error.what()}});
    }
  }

  Task<void> accept_all() {
    while (acceptor_.is_open()) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (!error) {
        adopt(std::move(socket));
        continue;
      }
      if (error == asio::error::operation_aborted || error == asio::error::connection_aborted) {
        continue;
      }
      // Out of descriptors or memory: asking again at once would spin.
      obs::log().warn("accepting a connection failed", {{"error", error.message()}});
      accept_pause_.expires_after(kAcceptPause);
      auto [cancelled] = co_await accept_pause_.async_wait(kTuple);
      (void)cancelled;
    }
  }

  // Null: it is closed at once.
  std::unique_ptr<Connection> make_connection(Socket socket) {
    const bool draining = shared_.draining.load(std::memory_order_relaxed);
    if (draining || connections_.size() >= shared_.options.connections_max) return nullptr;
    auto tls = tls_.enabled() ? tls_.current() : nullptr;
    if (tls_.enabled() && !tls) return nullptr;
    try {
      return std::make_unique<Connection>(shared_, std::move(socket), std::move(tls));
    } catch (const std::exception& error) {  // OpenSSL has no memory: the next one may do.
      obs::log().error("taking a connection failed", {{"error", error.what()}});
      return nullptr;
    }
  }

  void adopt(Socket socket) {
    auto connection = make_connection(std::move(socket));
    if (!connection) return;
    const auto place = connections_.insert(connections_.end(), std::move(connection));
    {
      MutexLock lock(mutex_);
      ++open_;
    }
    auto on_end = [this, place](const std::exception_ptr& failure) {
      log_failure("connection failed", failure);
      connections_.erase(place);
      MutexLock lock(mutex_);
      --open_;
      changed_.notify_all();
    };
    asio::co_spawn(loop_.get_executor(), (*place)->run(), std::move(on_end));
  }

  Task<void> sweep() {
    const auto interval = sweep_interval(shared_.options);
    while (!stopping_) {
      sweep_timer_.expires_after(interval);
      auto [cancelled] = co_await sweep_timer_.async_wait(kTuple);
      (void)cancelled;
      const auto now = std::chrono::steady_clock::now();
      for (auto& connection : connections_) connection->expire_if_due(now);
    }
  }

  asio::io_context loop_{1};
  asio::basic_socket_acceptor<tcp, Executor> acceptor_;
  Timer accept_pause_;
  Timer sweep_timer_;
  asio::executor_work_guard<Executor> work_;
  WorkerPool pool_;
  detail::ServerShared shared_;
  detail::ServerTls tls_;                               // The loop's thread only.
  std::list<std::unique_ptr<Connection>> connections_;  // The loop's thread only, as stopping_.
  bool stopping_ = false;
  std::uint16_t port_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool accepting_ GUARDED_BY(mutex_) = false;
  std::size_t open_ GUARDED_BY(mutex_) = 0;
  std::jthread thread_;  // Last: joined before anything that it uses is destroyed.
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::create(const HttpServerOptions& options,
                                                       HttpHandler handler) {
  RETURN_IF_ERROR(validate(options));
  auto server = std::make_unique<Server>(options, std::move(handler));
  RETURN_IF_ERROR(server->listen());
  return server;
}

}  // namespace rage::net
