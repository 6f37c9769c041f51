// One HTTP/2 connection in clear text (h2c, prior knowledge) to an upstream, shared by requests.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/detail/http1_upstream.h"
#include "gateway/detail/streams.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/stream_socket.h"

namespace rage::gateway::detail {

class Http2Upstream;
class Http2UpstreamStream;

class Http2UpstreamOwner {
 public:
  virtual void on_closed(Http2Upstream& connection) = 0;  // It is destroyed later.

 protected:
  ~Http2UpstreamOwner() = default;
};

// Resource. The loop's thread only.
class Http2Upstream final : public net::IoHandler {
 public:
  Http2Upstream(net::EventLoop& loop, Http2UpstreamOwner& owner, const UpstreamLimits& limits,
                const net::Address& address);
  ~Http2Upstream() override;

  const net::Address& address() const { return address_; }
  bool has_room() const;
  UpstreamStream* open(UpstreamEvents& events);
  void abandon() { fail("the gateway stops"); }

  void on_ready(net::Readiness readiness) override;
  void on_flush() override;

 private:
  friend class Http2UpstreamStream;
  friend struct Http2UpstreamCallbacks;

  void pump();
  void fail(std::string_view text);
  void close_stream(std::int32_t id, std::uint32_t code);
  Http2UpstreamStream* find(std::int32_t id);

  net::EventLoop& loop_;
  Http2UpstreamOwner& owner_;
  const UpstreamLimits& limits_;
  const net::Address address_;
  net::StreamSocket socket_;
  net::Timer timer_;  // Connecting, or idling.
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Http2UpstreamStream>> streams_;
  std::vector<std::unique_ptr<Http2UpstreamStream>> unsent_;  // Opened; without a head yet.
  std::vector<std::int32_t> drained_;
  bool connecting_ = true;
  bool going_away_ = false;
  bool served_ = false;
  bool closed_ = false;
};

// Resource. One request; owned by its connection until the stream has ended on both sides.
class Http2UpstreamStream final : public UpstreamStream {
 public:
  Http2UpstreamStream(Http2Upstream& connection, UpstreamEvents& events)
      : connection_(connection), events_(&events), reused_(connection.served_) {}

  void send_head(const RequestHead& head, const Framing& framing) override;
  void send_body(std::string_view bytes) override;
  void end() override;
  std::size_t queued() const override { return out_.size() - sent_; }
  void pause() override { paused_ = true; }
  void resume() override;
  void cancel() override;

 private:
  friend class Http2Upstream;
  friend struct Http2UpstreamCallbacks;
  static ssize_t read_out(nghttp2_session* native, std::int32_t id, std::uint8_t* into,
                          std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                          void* user);
  void take_field(std::string_view name, std::string_view value, bool trailer);
  void take_head(bool last);
  void take_body(std::string_view bytes);
  void finish();
  void fail(UpstreamFailure::Kind kind, std::string_view text);

  Http2Upstream& connection_;
  UpstreamEvents* events_;  // Null: nobody listens any more.
  std::int32_t id_ = -1;
  ResponseHead head_;
  HeaderBlock trailers_;
  std::size_t head_bytes_ = 0;
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t unconsumed_ = 0;
  bool head_request_ = false;
  bool has_body_ = false;
  bool deferred_ = false;
  bool ended_ = false;  // The request.
  bool replied_ = false;
  bool paused_ = false;
  bool reused_ = false;
};

}  // namespace rage::gateway::detail
