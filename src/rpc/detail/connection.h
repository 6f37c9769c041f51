// A session's socket: when to read, when to write, when to give up.
#pragma once

#include <openssl/types.h>

#include <functional>
#include <memory>

#include "net/event_loop.h"
#include "net/stream_socket.h"
#include "rpc/detail/session.h"
#include "rpc/server.h"

namespace rage::rpc::detail {

// Resource. The loop's thread only. Owned by its Loop until `closed`.
class Connection final : public net::IoHandler {
 public:
  struct Parts {
    net::EventLoop& loop;
    const ServerOptions& options;
    const Methods& methods;
    std::function<void(Connection&)> closed;
    std::function<void(int)> calls_changed;
  };
  // `tls`: null, or a session that keeps `keep` alive.
  Connection(const Parts& parts, int fd, SSL* tls, std::shared_ptr<const void> keep);

  void start();
  void drain();
  void close();  // At once.
  void tick(SteadyTime now) { session_.tick(now); }

  void on_ready(net::Readiness readiness) override;
  void on_flush() override;

 private:
  void read();
  bool read_once();
  void write();
  void on_silence();

  net::EventLoop& loop_;
  const ServerOptions& options_;
  const std::function<void(Connection&)> closed_;
  const std::shared_ptr<const void> keep_;
  net::StreamSocket socket_;
  Session session_;
  net::Timer silence_;    // Nothing was read.
  net::Timer stuck_;      // Nothing could be written.
  bool readable_ = true;  // As far as we know.
  bool greeted_ = false;  // It has sent something.
  bool pinged_ = false;
  bool shut_ = false;
};

}  // namespace rage::rpc::detail
