#include "gateway/detail/upstream_pool.h"

#include <utility>

namespace rage::gateway::detail {

UpstreamPool::~UpstreamPool() {
  while (!connections_.empty()) connections_.begin()->first->abandon();
}

UpstreamStream* UpstreamPool::open(const Address& address, UpstreamProtocol protocol, Reuse reuse,
                                   UpstreamEvents& events) {
  (void)protocol;
  Endpoint& endpoint = endpoints_[address];
  Http1Upstream* connection = nullptr;
  if (reuse == Reuse::kAllowed && !endpoint.idle.empty()) {
    connection = endpoint.idle.back();
    endpoint.idle.pop_back();
  } else {
    if (endpoint.connections >= limits_.connections_per_endpoint_max) return nullptr;
    ++endpoint.connections;
    auto fresh = std::make_unique<Http1Upstream>(loop_, *this, limits_, address);
    connection = fresh.get();
    connections_.emplace(connection, std::move(fresh));
  }
  connection->begin(events);
  return connection;
}

void UpstreamPool::on_idle(Http1Upstream& connection) {
  endpoints_[connection.address()].idle.push_back(&connection);
}

void UpstreamPool::on_closed(Http1Upstream& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  const auto endpoint = endpoints_.find(connection.address());
  std::erase(endpoint->second.idle, &connection);
  if (--endpoint->second.connections == 0) endpoints_.erase(endpoint);
  loop_.destroy_later(std::move(found->second));
  connections_.erase(found);
}

}  // namespace rage::gateway::detail
