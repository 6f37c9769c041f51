// A gRPC server: HTTP/2 (RFC 9113) by nghttp2, TLS or not, on event loops of its own
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_server.h"
#include "rpc/call.h"

namespace rage::rpc {

struct ServerOptions {
  std::string address = "127.0.0.1";        // 0.0.0.0: IPv6 as well, where the machine has it.
  std::uint16_t port = 0;                   // 0: any free one, see Server::port().
  std::size_t threads = 1;                  // Loops; a connection stays with one.
  net::CertificateSource certificate = {};  // Given: TLS 1.2 or newer.
  std::size_t message_bytes_max = std::size_t{4} << 20;  // Past that: RESOURCE_EXHAUSTED.
  std::size_t connections_max = 8192;                    // Past that, closed at once.
  std::uint32_t calls_max = 16'384;                      // Of one connection at once.
  std::chrono::milliseconds tick{100};                   // See CallHandler::on_tick().
  std::chrono::milliseconds greeting_timeout{20'000};    // Until a new connection speaks HTTP/2.
  std::chrono::milliseconds ping_after{60'000};  // Of silence; a peer that vanished says nothing.
  std::chrono::milliseconds ping_timeout{20'000};
  std::chrono::milliseconds write_timeout{20'000};  // For the peer to take anything at all.
};

// Resource. Thread-safe. Serves from create() until destroyed.
class Server {
 public:
  // kFailedPrecondition: the port is taken; kInvalidArgument: no such address, no certificate.
  static Result<std::unique_ptr<Server>> create(ServerOptions options, Methods methods);
  virtual ~Server() = default;  // drain(0).
  virtual std::uint16_t port() const = 0;
  // Takes no new connection and no new call, waits for those that run at most `limit`, then cancels
  // them. No handler is left when it returns. Idempotent.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::rpc
