// All connections of one worker to its upstreams. The one that was used last is used again first,
// so that those too many grow old and go.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "gateway/detail/http1_upstream.h"
#include "gateway/detail/http2_upstream.h"
#include "gateway/detail/streams.h"
#include "net/address.h"

namespace rage::gateway::detail {

enum class UpstreamProtocol { kHttp1, kHttp2 };

// Resource. The loop's thread only.
class UpstreamPool final : public Http1UpstreamOwner, public Http2UpstreamOwner {
 public:
  UpstreamPool(net::EventLoop& loop, const UpstreamLimits& limits) : loop_(loop), limits_(limits) {}
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  enum class Reuse { kAllowed, kFreshOnly };
  // Null: too many connections there. No event before this returns.
  UpstreamStream* open(const net::Address& address, UpstreamProtocol protocol, Reuse reuse,
                       UpstreamEvents& events);

  void on_idle(Http1Upstream& connection) override;
  void on_closed(Http1Upstream& connection) override;
  void on_closed(Http2Upstream& connection) override;

 private:
  struct Endpoint {
    std::vector<Http1Upstream*> idle;
    std::vector<Http2Upstream*> shared;
    std::uint32_t connections = 0;
  };
  UpstreamStream* open_http1(const net::Address& address, Endpoint& endpoint, Reuse reuse,
                             UpstreamEvents& events);
  UpstreamStream* open_http2(const net::Address& address, Endpoint& endpoint, Reuse reuse,
                             UpstreamEvents& events);
  bool take_place(Endpoint& endpoint);
  void give_place(const net::Address& address);

  net::EventLoop& loop_;
  const UpstreamLimits limits_;
  std::unordered_map<net::Address, Endpoint> endpoints_;
  std::unordered_map<Http1Upstream*, std::unique_ptr<Http1Upstream>> http1_;
  std::unordered_map<Http2Upstream*, std::unique_ptr<Http2Upstream>> http2_;
};

}  // namespace rage::gateway::detail
