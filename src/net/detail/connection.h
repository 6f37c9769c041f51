// One connection of the server: reads requests on the event loop, hands each to a worker, and keeps
// reading meanwhile, so that it sees the peer leave.
#pragma once

#include <atomic>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/worker_pool.h"
#include "net/detail/asio_types.h"
#include "net/detail/request_parser.h"
#include "net/http_server.h"

namespace rage::net::detail {

using TlsStream = asio::ssl::stream<Socket&>;

// For the peer to take the last answer and to close first.
inline constexpr std::chrono::milliseconds kLingerLimit{500};

// What the connections of one server share. Outlives them.
struct ServerShared {
  const HttpServerOptions options;
  const HttpHandler handler;
  const std::string request_id_prefix;
  WorkerPool& pool;
  asio::io_context& loop;
  std::atomic<bool> draining = false;
  std::uint64_t requests = 0;  // Loop's thread.
};

// Value. Bytes read and not yet used; contiguous, bounded.
class InputBuffer final {
 public:
  explicit InputBuffer(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  std::string_view bytes() const {
    return std::string_view(storage_).substr(begin_, end_ - begin_);
  }
  bool empty() const { return begin_ == end_; }
  bool full() const { return end_ - begin_ == bytes_max_; }
  // Room for at least one byte, unless full().
  asio::mutable_buffer prepare();
  void commit(std::size_t bytes) { end_ += bytes; }
  void consume(std::size_t bytes);

 private:
  std::size_t bytes_max_;
  std::string storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Resource. Everything but run_handler() and what it calls happens on the loop's thread.
class Connection final {
 public:
  // `tls` null: plain HTTP.
  Connection(ServerShared& shared, Socket socket, std::shared_ptr<asio::ssl::context> tls);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until the peer, a limit or the server ends it. No handler of it runs afterwards.
  Task<void> run();

  // Wakes run() if it has waited too long for the peer.
  void expire_if_due(SteadyTime now);
  // The request being handled is the last.
  void drain();
  // Now: tells the handler to stop and closes the socket's both ways.
  void cancel();

 private:
  enum class Next { kRead, kGoOn, kClose };

  Task<void> serve();
  Task<bool> shake_hands();
  Task<void> say_goodbye();
  Task<Next> take_input();
  Task<Next> start_request();
  Task<void> refuse(Refusal refusal);
  Task<void> watch_peer();
  Task<void> read_some();
  Task<void> respond(HttpResponse response, bool keep_alive);
  Task<void> write_text(std::string text);
  Task<void> linger();
  Task<void> wait_until_handled();

  void on_read(const boost::system::error_code& error, std::size_t bytes);
  // The worker's way to the peer when there is TLS, whose state belongs to the loop: blocks until
  // the bytes have left (true) or never will.
  bool write_through_loop(std::string_view bytes);
  // The worker's way to what the peer of an upgraded connection sends: blocks until there is
  // something; empty at its end.
  std::string read_through_loop();
  void serve_read();
  void begin_write(std::string_view bytes);
  std::size_t on_write_progress(const boost::system::error_code& error);
  void end_write(bool written);
  bool start_handler(ParsedRequest parsed);
  void run_handler();
  void on_handled();
  void wake();
  void arm(std::chrono::milliseconds limit) {
    deadline_ = std::chrono::steady_clock::now() + limit;
  }
  void disarm() { deadline_ = SteadyTime::max(); }

  ServerShared& shared_;
  Socket socket_;
  std::optional<TlsStream> tls_;
  Timer handled_;  // Never expires by itself: a signal that run() can wait for.
  const int fd_;
  InputBuffer input_;
  RequestParser parser_;
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime write_deadline_ = SteadyTime::max();  // Of what the worker writes through the loop.

  bool receiving_ = false;   // Part of a request has come.
  bool handling_ = false;    // A worker has it.
  bool responding_ = false;  // The loop itself answers.
  bool secured_ = false;     // The TLS handshake has succeeded.
  bool peer_gone_ = false;   // End of its stream, or an error.
  bool timed_out_ = false;
  bool closing_ = false;    // Answer nothing more.
  bool lingering_ = false;  // The last answer may be overtaken by a reset; see linger().
  bool cancelled_ = false;
  bool read_wanted_ = false;  // By the worker, of an upgraded connection.

  // The worker's, while handling_.
  ParsedRequest current_;
  Context context_;
  std::stop_source stop_{std::nostopstate};
  bool reusable_ = false;

  // Between the worker that waits and the loop that reads.
  Mutex read_mutex_;
  CondVar read_ended_;
  std::optional<std::string> read_bytes_ GUARDED_BY(read_mutex_);

  // Between the worker that waits and the loop that writes.
  enum class WriteState { kRunning, kWritten, kFailed };
  Mutex write_mutex_;
  CondVar write_ended_;
  WriteState write_state_ GUARDED_BY(write_mutex_) = WriteState::kRunning;
};

}  // namespace rage::net::detail
