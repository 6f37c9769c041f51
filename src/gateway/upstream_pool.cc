#include "gateway/detail/upstream_pool.h"

#include <algorithm>
#include <utility>

namespace rage::gateway::detail {

UpstreamPool::~UpstreamPool() {
  while (!http1_.empty()) http1_.begin()->first->abandon();
  while (!http2_.empty()) http2_.begin()->first->abandon();
}

UpstreamStream* UpstreamPool::open(const net::Address& address, UpstreamProtocol protocol,
                                   Reuse reuse, UpstreamEvents& events) {
  Endpoint& endpoint = endpoints_[address];
  return protocol == UpstreamProtocol::kHttp1 ? open_http1(address, endpoint, reuse, events)
                                              : open_http2(address, endpoint, reuse, events);
}

bool UpstreamPool::take_place(Endpoint& endpoint) {
  if (endpoint.connections >= limits_.connections_per_endpoint_max) return false;
  ++endpoint.connections;
  return true;
}

void UpstreamPool::give_place(const net::Address& address) {
  const auto endpoint = endpoints_.find(address);
  if (--endpoint->second.connections == 0) endpoints_.erase(endpoint);
}

UpstreamStream* UpstreamPool::open_http1(const net::Address& address, Endpoint& endpoint,
                                         Reuse reuse, UpstreamEvents& events) {
  Http1Upstream* connection = nullptr;
  if (reuse == Reuse::kAllowed && !endpoint.idle.empty()) {
    connection = endpoint.idle.back();
    endpoint.idle.pop_back();
  } else {
    if (!take_place(endpoint)) return nullptr;
    auto fresh = std::make_unique<Http1Upstream>(loop_, *this, limits_, address);
    connection = fresh.get();
    http1_.emplace(connection, std::move(fresh));
  }
  connection->begin(events);
  return connection;
}

UpstreamStream* UpstreamPool::open_http2(const net::Address& address, Endpoint& endpoint,
                                         Reuse reuse, UpstreamEvents& events) {
  const auto roomy = std::ranges::find_if(
      endpoint.shared, [](const Http2Upstream* connection) { return connection->has_room(); });
  if (reuse == Reuse::kAllowed && roomy != endpoint.shared.end()) return (*roomy)->open(events);
  if (!take_place(endpoint)) return nullptr;
  auto fresh = std::make_unique<Http2Upstream>(loop_, *this, limits_, address);
  Http2Upstream* const connection = fresh.get();
  endpoint.shared.push_back(connection);
  http2_.emplace(connection, std::move(fresh));
  return connection->open(events);
}

void UpstreamPool::on_idle(Http1Upstream& connection) {
  endpoints_[connection.address()].idle.push_back(&connection);
}

void UpstreamPool::on_closed(Http1Upstream& connection) {
  const auto found = http1_.find(&connection);
  if (found == http1_.end()) return;
  std::erase(endpoints_[connection.address()].idle, &connection);
  give_place(connection.address());
  loop_.destroy_later(std::move(found->second));
  http1_.erase(found);
}

void UpstreamPool::on_closed(Http2Upstream& connection) {
  const auto found = http2_.find(&connection);
  if (found == http2_.end()) return;
  std::erase(endpoints_[connection.address()].shared, &connection);
  give_place(connection.address());
  loop_.destroy_later(std::move(found->second));
  http2_.erase(found);
}

}  // namespace rage::gateway::detail
