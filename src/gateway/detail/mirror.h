// A copy of a request for a backend whose answer nobody reads.
#pragma once

#include <memory>
#include <string>

#include "gateway/detail/upstream_pool.h"
#include "net/address.h"
#include "net/event_loop.h"

namespace rage::gateway::detail {

// Lives until the answer has ended, at most half a minute. `body` may be null.
void start_mirror(UpstreamPool& upstreams, net::EventLoop& loop, const net::Address& address,
                  UpstreamProtocol protocol, const RequestHead& head,
                  std::shared_ptr<const std::string> body);

}  // namespace rage::gateway::detail
