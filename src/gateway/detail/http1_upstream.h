// One kept-alive HTTP/1.1 connection to an upstream: one request at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/detail/http1_body.h"
#include "gateway/detail/http1_head.h"
#include "gateway/detail/streams.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/stream_socket.h"

namespace rage::gateway::detail {

class Http1Upstream;

// Who keeps the connections.
class Http1UpstreamOwner {
 public:
  virtual void on_idle(Http1Upstream& connection) = 0;
  virtual void on_closed(Http1Upstream& connection) = 0;  // It is destroyed later.

 protected:
  ~Http1UpstreamOwner() = default;
};

struct UpstreamLimits {
  HeadLimits head;
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::uint32_t connections_per_endpoint_max = 4096;  // Of one worker.
};

// Resource. The loop's thread only.
class Http1Upstream final : public net::IoHandler, public UpstreamStream {
 public:
  Http1Upstream(net::EventLoop& loop, Http1UpstreamOwner& owner, const UpstreamLimits& limits,
                const net::Address& address);

  // Only while no other request is being served.
  void begin(UpstreamEvents& events);
  const net::Address& address() const { return address_; }
  void abandon() { fail(UpstreamFailure::Kind::kBroken, "the gateway stops"); }

  void send_head(const RequestHead& head, const Framing& framing) override;
  void send_body(std::string_view bytes) override;
  void end() override;
  std::size_t queued() const override { return socket_.queued(); }
  void pause() override { paused_ = true; }
  void resume() override;
  void cancel() override;

  void on_ready(net::Readiness readiness) override;
  void on_flush() override;

 private:
  void close();
  enum class Phase : std::uint8_t { kIdle, kHead, kBody };

  void connect();
  void check_connected();
  void pump();
  void consume(std::string_view in);
  bool take_head(std::string_view& in);
  bool take_body(std::string_view& in);
  void finish(bool reusable);
  void on_end_of_stream(bool broken);
  void fail(UpstreamFailure::Kind kind, std::string text);
  void on_timeout();

  net::EventLoop& loop_;
  Http1UpstreamOwner& owner_;
  const UpstreamLimits& limits_;
  const net::Address address_;
  net::StreamSocket socket_;
  net::Timer timer_;  // Connecting, or idling.
  UpstreamEvents* events_ = nullptr;
  std::string pending_;  // The beginning of a head.
  HeadScanner scanner_;
  BodyDecoder decoder_;
  Framing::Kind request_framing_ = Framing::Kind::kNone;
  Phase phase_ = Phase::kIdle;
  bool connecting_ = true;
  bool paused_ = false;
  bool head_request_ = false;
  bool keep_alive_ = false;
  bool request_ended_ = false;
  bool reused_ = false;
  bool served_ = false;   // A whole exchange.
  bool sent_ = false;     // Bytes of this request have left.
  bool replied_ = false;  // Bytes of a reply have come.
  bool closed_ = false;
};

}  // namespace rage::gateway::detail
