// One client's connection: the socket, what has been read and not yet used, time-outs, and closing
// so that the last answer arrives. What the bytes mean is its session's business.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/detail/http1_head.h"
#include "gateway/detail/streams.h"
#include "net/event_loop.h"
#include "net/stream_socket.h"

namespace rage::gateway::detail {

struct ConnectionLimits {
  HeadLimits head;
  std::uint64_t body_bytes_max = std::uint64_t{1} << 30;
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds head_timeout{30'000};
  std::chrono::milliseconds body_timeout{30'000};   // Without a byte of the body.
  std::chrono::milliseconds write_timeout{60'000};  // Without the client taking a byte.
  std::uint32_t streams_max = 128;                  // Of one HTTP/2 connection.
};

class ServerConnection;

// What the connections of one worker share. Outlives them.
struct ServerShared {
  net::EventLoop& loop;
  const ConnectionLimits& limits;
  ExchangeFactory& exchanges;
  // Takes the connection out of the worker's list; it is destroyed later.
  std::function<void(ServerConnection&)> closed;
  bool draining = false;
};

class ServerSession {
 public:
  virtual ~ServerSession() = default;
  // How much of `in` was used; the rest comes again, with more behind it.
  virtual std::size_t consume(std::string_view in) = 0;
  virtual bool wants_input() const = 0;
  virtual void on_flush() = 0;    // Before bytes are sent.
  virtual void on_drained() = 0;  // Few bytes are queued.
  virtual void on_read_timeout() = 0;
  virtual void on_closed() = 0;  // By the peer or by an error; the socket is closed already.
  virtual void drain() = 0;
};

// Resource. The loop's thread only. Owned by the worker until `closed`.
class ServerConnection final : public net::IoHandler {
 public:
  struct Peer {
    std::string address;
    std::uint32_t listener = 0;
    std::shared_ptr<const void> keep = nullptr;  // What the TLS session needs.
  };
  ServerConnection(ServerShared& shared, int fd, SSL* tls, Peer peer);
  ~ServerConnection() override;

  void start();
  void drain();
  void close();  // At once.

  // For sessions.
  const Peer& peer() const { return peer_; }
  ServerShared& shared() { return shared_; }
  bool secure() const { return socket_.secure(); }
  std::string server_name() const { return socket_.server_name(); }
  std::string& out() { return socket_.out(); }
  std::size_t queued() const { return socket_.queued(); }
  void flush_later() { shared_.loop.flush_later(*this); }
  void arm_read_timer(std::chrono::milliseconds limit) { read_timer_.expire_after(limit); }
  void disarm_read_timer() { read_timer_.cancel(); }
  // Sends what is queued first. kLinger: reads on for a moment, since unread input would make the
  // kernel reset the connection, which may overtake the answer (RFC 9112 9.6).
  enum class Goodbye { kPlain, kLinger };
  void close_after_flush(Goodbye how);
  void reset();

  void on_ready(net::Readiness readiness) override;
  void on_flush() override;

 private:
  void pump();
  bool read_once();
  void take(std::string_view fresh);
  void feed_pending();
  std::size_t consume(std::string_view in);
  bool choose_session(std::string_view in);
  bool wants_input() const;
  void flush();
  void watch_writing(std::size_t queued_before);
  void say_goodbye();
  void shut();

  ServerShared& shared_;
  net::StreamSocket socket_;
  const Peer peer_;
  std::unique_ptr<ServerSession> session_;
  std::string pending_;  // Read, not yet used.
  net::Timer read_timer_;
  net::Timer write_timer_;
  bool stalled_input_ = false;  // pending_ needs more behind it before it is worth another look.
  bool closing_ = false;
  bool shut_ = false;
  bool lingering_ = false;
  Goodbye goodbye_ = Goodbye::kPlain;
};

}  // namespace rage::gateway::detail
