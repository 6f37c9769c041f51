// The two ends of an exchange: the client's stream and the upstream's, whatever the version of HTTP
// on either. An exchange stands between them and holds neither's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/detail/message.h"

namespace rage::gateway::detail {

// A side that has more queued than this is asked to wait ...
inline constexpr std::size_t kQueuedBytesHigh = 64 << 10;
// ... until it has less than this.
inline constexpr std::size_t kQueuedBytesLow = 16 << 10;

// What the exchange tells the client's connection. One thread. Nothing here calls back at once.
class ClientStream {
 public:
  // Once. kLength and kChunked: the body follows; kNone: it has none.
  virtual void send_head(const ResponseHead& head, const Framing& framing) = 0;
  virtual void send_body(std::string_view bytes) = 0;
  // The exchange hears nothing more. `trailers` may be null; HTTP/1.1 clients do not get them.
  virtual void end(const HeaderBlock* trailers) = 0;
  // Instead of end(): what was sent must not look whole.
  virtual void abort() = 0;
  virtual std::size_t queued() const = 0;
  // The request's body is not read before the first resume_body().
  virtual void resume_body() = 0;
  virtual void pause_body() = 0;

 protected:
  ~ClientStream() = default;
};

// What the client's connection tells the exchange.
class ExchangeHandler {
 public:
  virtual ~ExchangeHandler() = default;
  virtual void start() = 0;
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_body_end() = 0;
  // The rest of the body is not coming, but the client still listens.
  virtual void on_body_refused(const Refusal& refusal) = 0;
  virtual void on_client_gone() = 0;
  virtual void on_client_drained() = 0;  // queued() is low again.
};

// What a connection knows of a request besides its head.
struct RequestFacts {
  std::string peer;              // Its address, without port.
  std::uint32_t listener = 0;    // Its number among the worker's listeners.
  std::string server_name = {};  // Of TLS (SNI); empty: none.
  bool secure = false;
  bool http_1_0 = false;
  Framing body;
};

class ExchangeFactory {
 public:
  virtual std::shared_ptr<ExchangeHandler> make_exchange(ClientStream& client, RequestHead head,
                                                         RequestFacts facts) = 0;

 protected:
  ~ExchangeFactory() = default;
};

struct UpstreamFailure {
  enum class Kind {
    kConnect,   // Nothing was sent.
    kOverload,  // Too many connections to that endpoint already.
    kReset,     // The connection ended before the first byte of a reply.
    kBroken,    // ... or afterwards.
    kProtocol,  // The reply is no HTTP.
  };
  Kind kind = Kind::kConnect;
  std::string text;
  // The connection had served before: it may have been closed before it saw the request.
  bool reused = false;
  bool unsent = false;  // Not a byte of the request has left.
};

class UpstreamEvents {
 public:
  // Once; `framing` says whether the body's length is known.
  virtual void on_upstream_head(ResponseHead head, const Framing& framing) = 0;
  virtual void on_upstream_body(std::string_view bytes) = 0;
  virtual void on_upstream_end(const HeaderBlock* trailers) = 0;  // The last event, or ...
  virtual void on_upstream_failure(UpstreamFailure failure) = 0;  // ... this.
  virtual void on_upstream_drained() = 0;

 protected:
  ~UpstreamEvents() = default;
};

// One request on its way. Valid until the last event, or cancel(). Nothing here calls back at once.
class UpstreamStream {
 public:
  virtual void send_head(const RequestHead& head, const Framing& framing) = 0;
  virtual void send_body(std::string_view bytes) = 0;
  virtual void end() = 0;
  virtual std::size_t queued() const = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual void cancel() = 0;  // No events any more.

 protected:
  ~UpstreamStream() = default;
};

}  // namespace rage::gateway::detail
