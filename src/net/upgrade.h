// A request whose connection goes on in another protocol (RFC 9110 7.8).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_server.h"

namespace rage::net {

// Interface. What a handler has of such a connection. read() and write() may be called at once,
// each by one thread, until the handler returns, which closes the connection.
class Upgrade {
 public:
  virtual ~Upgrade() = default;
  // Instead of send() or begin(): answers 101 with these headers. kFailedPrecondition: the request
  // has been answered, or is HTTP/1.0.
  virtual Result<void> upgrade(std::string_view protocol, Headers headers) = 0;
  // Waits for bytes; at most 64 KiB. Empty: the peer has gone, or the server stops.
  virtual Result<std::string> read() = 0;
  // As ResponseWriter's, but as they are.
  virtual Result<void> write(std::string_view bytes) = 0;
};

// Of a writer that a server's handler was given; null of any other.
Upgrade* upgrade_of(ResponseWriter& writer);

}  // namespace rage::net
