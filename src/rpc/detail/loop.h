// One thread of a server: an event loop and the connections that it serves.
#pragma once

#include <openssl/types.h>

#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>

#include "base/error.h"
#include "net/event_loop.h"
#include "rpc/detail/connection.h"
#include "rpc/server.h"

namespace rage::rpc::detail {

// Resource. Thread-safe.
class Loop final {
 public:
  struct Shared {
    const ServerOptions& options;
    const Methods& methods;
    std::function<void()> connection_closed;
  };
  static Result<std::unique_ptr<Loop>> create(const Shared& shared);
  ~Loop();  // Closes what is open.

  net::EventLoop& events() { return *loop_; }
  // Takes `fd` and `tls` over.
  void adopt(int fd, SSL* tls, std::shared_ptr<const void> keep);
  void drain();
  void close_connections();

 private:
  Loop(const Shared& shared, std::unique_ptr<net::EventLoop> loop);
  void tick();
  void forget(Connection& connection);

  const Shared& shared_;
  const std::unique_ptr<net::EventLoop> loop_;
  // The loop's thread only.
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  bool draining_ = false;
  net::Timer ticks_;
  std::jthread thread_;
};

}  // namespace rage::rpc::detail
