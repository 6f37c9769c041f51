// Responses, written by the handler's own thread straight to the socket: what has been sent has
// left, a slow peer slows its handler and nobody else, and no byte is queued in this process.
// With TLS the event loop does the writing, and the handler's thread waits for it.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"
#include "net/http_server.h"
#include "net/upgrade.h"

namespace rage::net::detail {

// {"detail": "..."}, the shape of every error body.
HttpResponse error_response(int status, std::string_view detail);

// What the head of a response depends on besides its headers.
struct Framing {
  enum class Body { kNone, kLength, kChunked, kUntilClose };
  Body body = Body::kLength;
  std::size_t length = 0;
  bool http_1_1 = true;
  bool keep_alive = true;
};

// Status line and headers with the empty line. Framing headers in `headers` are dropped: they are
// the server's. Line breaks in a value become spaces and a name that is no token is left out, so
// data that a handler copies into a header cannot start a second response.
std::string render_response_head(int status, const Headers& headers, const Framing& framing);

struct Exchange {
  int socket = -1;  // Non-blocking; open for as long as the stream lives.
  bool http_1_1 = true;
  bool head_only = false;  // HEAD: no body leaves.
  bool keep_alive = true;  // What the request asked for.
  const std::atomic<bool>* draining = nullptr;
  const Context* context = nullptr;
  std::chrono::milliseconds write_timeout{30'000};
  // Given: instead of the socket. Returns once the bytes have left, or false.
  std::function<bool(std::string_view bytes)> write = {};
  // What the peer of an upgraded connection sends; empty at its end.
  std::function<std::string()> read = {};
};

// Resource. One thread.
class ResponseStream final : public ResponseWriter, public Upgrade {
 public:
  explicit ResponseStream(const Exchange& exchange) : exchange_(exchange) {}
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  Result<void> send(HttpResponse response) override;
  Result<void> begin(int status, Headers headers) override;
  Result<void> write(std::string_view bytes) override;
  void abort() override;
  Result<void> upgrade(std::string_view protocol, Headers headers) override;
  Result<std::string> read() override;

  // The handler broke: what has begun is cut off, so that nobody takes it for whole.
  void give_up();
  // Ends the response: 500 if there was none. True if another request may follow.
  bool finish();

 private:
  enum class Phase { kUnanswered, kStreaming, kComplete, kBroken };

  bool wants_keep_alive(const Headers& headers) const;
  Result<void> write_all(std::span<iovec> parts);
  Result<void> write_elsewhere(std::span<const iovec> parts);
  bool wait_writable();

  const Exchange exchange_;
  Phase phase_ = Phase::kUnanswered;
  Framing framing_;
  bool upgraded_ = false;
};

}  // namespace rage::net::detail
