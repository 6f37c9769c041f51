// A session's socket: when to read, when to write, when to give up.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <functional>
#include <memory>

#include "net/event_loop.h"
#include "net/stream_socket.h"
#include "rpc/detail/http2_session.h"

namespace rage::rpc::detail {

struct Timeouts {
  std::chrono::milliseconds greeting{};    // Until the peer says anything.
  std::chrono::milliseconds ping_after{};  // Of silence; 0: never.
  std::chrono::milliseconds ping{};        // For it to answer.
  std::chrono::milliseconds write{};       // For it to take anything at all.
};

// Resource. The loop's thread only. Its owner keeps it until `closed`, then destroys it later.
class Connection final : public net::IoHandler {
 public:
  using MakeSession = std::function<std::unique_ptr<Http2Session>(std::function<void()> wake)>;
  struct Parts {
    net::EventLoop& loop;
    Timeouts timeouts;
    MakeSession make_session;
    std::function<void()> greeted = [] {};  // The peer has said something.
    std::function<void(Connection&)> closed;
  };
  // `fd`, connected or connecting, and `tls`, null or a session that keeps `keep` alive, are taken
  // over.
  Connection(Parts parts, int fd, SSL* tls, std::shared_ptr<const void> keep);

  void start();
  void drain();
  void close();  // At once.
  Http2Session& session() { return *session_; }

  void on_ready(net::Readiness readiness) override;
  void on_flush() override;

 private:
  void read();
  bool read_once();
  void write();
  void on_silence();

  const Parts parts_;
  const std::shared_ptr<const void> keep_;
  net::StreamSocket socket_;
  const std::unique_ptr<Http2Session> session_;
  net::Timer silence_;  // Nothing was read.
  net::Timer stuck_;    // Nothing could be written.
  bool greeted_ = false;
  bool pinged_ = false;
  bool draining_ = false;
  bool shut_ = false;
};

}  // namespace rage::rpc::detail
