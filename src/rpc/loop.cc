#include "rpc/detail/loop.h"

#include <utility>
#include <vector>

#include "rpc/detail/server_session.h"

namespace rage::rpc::detail {

Result<std::unique_ptr<Loop>> Loop::create(const Shared& shared) {
  ASSIGN_OR_RETURN(auto events, net::EventLoop::create());
  std::unique_ptr<Loop> loop(new Loop(shared, std::move(events)));
  loop->thread_ = std::jthread([events = loop->loop_.get()] { events->run(); });
  return loop;
}

Loop::Loop(const Shared& shared, std::unique_ptr<net::EventLoop> loop)
    : shared_(shared), loop_(std::move(loop)), ticks_(*loop_, [this] { tick(); }) {}

Loop::~Loop() {
  close_connections();
  loop_->stop();
  thread_.join();
  loop_->settle();
}

void Loop::adopt(int fd, SSL* tls, std::shared_ptr<const void> keep) {
  loop_->post([this, fd, tls, keep = std::move(keep)] {
    const ServerOptions& options = shared_.options;
    auto connection = std::make_unique<Connection>(
        Connection::Parts{.loop = *loop_,
                          .timeouts = {.greeting = options.greeting_timeout,
                                       .ping_after = options.ping_after,
                                       .ping = options.ping_timeout,
                                       .write = options.write_timeout},
                          .make_session =
                              [this](std::function<void()> wake) {
                                return std::make_unique<ServerSession>(ServerSessionOptions{
                                    .methods = &shared_.methods,
                                    .message_bytes_max = shared_.options.message_bytes_max,
                                    .calls_max = shared_.options.calls_max,
                                    .wake = std::move(wake),
                                    .post = [this](auto task) { loop_->post(std::move(task)); }});
                              },
                          .closed = [this](Connection& closed) { forget(closed); }},
        fd, tls, keep);
    Connection* const raw = connection.get();
    connections_.emplace(raw, std::move(connection));
    if (draining_) return raw->close();
    raw->start();
    if (!ticks_.armed()) ticks_.expire_after(shared_.options.tick);
  });
}

void Loop::forget(Connection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  loop_->destroy_later(std::move(found->second));
  connections_.erase(found);
  shared_.connection_closed();
}

void Loop::tick() {
  if (connections_.empty()) return;  // The next connection starts it anew.
  ticks_.expire_after(shared_.options.tick);
  for (const auto& [connection, owned] : connections_) owned->session().tick(loop_->now());
}

void Loop::drain() {
  loop_->run_and_wait([this] {
    draining_ = true;
    std::vector<Connection*> all;
    for (const auto& [connection, owned] : connections_) all.push_back(connection);
    for (Connection* const connection : all) connection->drain();
  });
}

void Loop::close_connections() {
  loop_->run_and_wait([this] {
    draining_ = true;
    while (!connections_.empty()) connections_.begin()->first->close();
  });
}

}  // namespace rage::rpc::detail
