// HTTP/1.1 server (RFC 9112) on Boost.Asio and Beast. Connections live on one event loop; handlers
// are ordinary blocking functions that run on a bounded pool, so they never stall the loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/error.h"
#include "net/http.h"

namespace rage::net {

// A certificate chain and its key, PEM. Asked for on every handshake, so that a renewed one is
// used at once; a handshake that gets an error is refused. The source is called on the event loop
// and must not block.
struct ServerCertificate {
  std::string chain_pem;
  std::string key_pem;

  bool operator==(const ServerCertificate&) const = default;
};
using CertificateSource = std::function<Result<std::shared_ptr<const ServerCertificate>>()>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                               // 0: any free port, see HttpServer::port().
  std::size_t connections_max = 1024;                   // Past that, accepted and closed at once.
  std::size_t header_bytes_max = 64 << 10;              // Past that: 431.
  std::size_t body_bytes_max = std::size_t{64} << 20;   // Past that: 413, without reading it all.
  std::chrono::milliseconds idle_timeout{75'000};       // Between requests of one connection.
  std::chrono::milliseconds read_timeout{30'000};       // For one whole request to arrive.
  std::chrono::milliseconds write_timeout{30'000};      // For the peer to take one chunk.
  std::chrono::milliseconds request_timeout{600'000};   // The handler's Context deadline.
  std::size_t workers = 32;                             // Handler threads.
  std::size_t queue_max = 512;                          // Requests waiting for one; past that: 429.
  CertificateSource certificate = {};                   // Given: HTTPS, TLS 1.2 or newer.
  std::chrono::milliseconds handshake_timeout{10'000};  // For TLS to be agreed on.
};

// What a handler answers with: either send() once, or begin(), write()..., and return to finish.
// Used by the handler's thread only, until the handler returns.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  virtual Result<void> send(HttpResponse response) = 0;
  // Chunked transfer; each write() leaves for the peer at once.
  virtual Result<void> begin(int status, Headers headers) = 0;
  // Blocks while the peer is slow; kCancelled once it has gone.
  virtual Result<void> write(std::string_view bytes) = 0;
  // After begin(): closes the connection without the final chunk, so the peer sees the failure.
  virtual void abort() = 0;
};

// `context.stop` is requested when the peer leaves or the server drains past its limit.
// A handler that returns without answering yields 500.
using HttpHandler =
    std::function<void(const Context& context, const HttpRequest& request, ResponseWriter& writer)>;

// Resource. Thread-safe. Serves from create() until destroyed.
class HttpServer {
 public:
  // kFailedPrecondition "port 8080 on 127.0.0.1 is already in use" if taken.
  static Result<std::unique_ptr<HttpServer>> create(const HttpServerOptions& options,
                                                    HttpHandler handler);
  virtual ~HttpServer() = default;  // Drains at once.
  virtual std::uint16_t port() const = 0;
  // Stops accepting, lets running requests end for at most `limit`, then cancels them. Idempotent.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::net
