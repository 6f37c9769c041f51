// One thread of the gateway: an event loop with its own listening sockets, clients and upstreams.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gateway/detail/server_connection.h"
#include "gateway/detail/worker_context.h"
#include "net/tls_context.h"

namespace rage::gateway::detail {

// What all workers of one gateway share.
struct GatewayShared {
  const GatewayOptions options;
  GatewayMetrics& metrics;
  std::atomic<std::uint64_t> held_bytes = 0;
  std::atomic<std::uint32_t> connections = 0;
  std::function<void()> connection_closed;  // Thread-safe.
};

// A snapshot and what it changes about listeners, which have numbers that are never used again.
struct WorkerUpdate {
  std::shared_ptr<const Snapshot> snapshot;
  struct Listener {
    std::uint32_t number = 0;
    int fd = -1;                           // This worker's own; -1: it has one already.
    std::shared_ptr<net::TlsContext> tls;  // Null: plain HTTP.
  };
  std::vector<Listener> listeners;  // All that there shall be.
  std::vector<int> listener_places;
};

// Resource. apply() and so on may be called from any thread, and are done when they return.
class Worker final : public ExchangeFactory {
 public:
  static Result<std::unique_ptr<Worker>> create(GatewayShared& shared);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void apply(WorkerUpdate update);
  void begin_drain();
  void close_connections();

  std::shared_ptr<ExchangeHandler> make_exchange(ClientStream& client, RequestHead head,
                                                 RequestFacts facts) override;

 private:
  class Listener;
  Worker(GatewayShared& shared, std::unique_ptr<net::EventLoop> loop);
  void take_update(WorkerUpdate update);
  void close_listeners();
  void adopt(int fd, const net::Address& peer, const Listener& listener);
  void on_closed(ServerConnection& connection);

  GatewayShared& shared_;
  const std::unique_ptr<net::EventLoop> loop_;
  const ConnectionLimits limits_;
  UpstreamPool upstreams_;
  WorkerContext context_;
  ServerShared server_;
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Listener>> listeners_;
  std::jthread thread_;
};

}  // namespace rage::gateway::detail
