// TLS of a listener: certificates by server name, HTTP/2 or HTTP/1.1 by ALPN.
#pragma once

#include <openssl/types.h>

#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_server.h"

namespace rage::net {

// Immutable, shared by all threads. TLS 1.2 or newer, forward secrecy, no renegotiation.
class TlsContext final {
 public:
  // kInvalidArgument unless each chain and its key are PEM and belong together.
  static Result<std::shared_ptr<TlsContext>> create(
      const std::map<std::string, ServerCertificate, std::less<>>& certificates);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For one connection, handshake still to come; the caller frees it. Null: no memory.
  SSL* make_session() const;

 private:
  TlsContext() = default;
  static int choose_certificate(SSL* session, int* alert, void* self);
  SSL_CTX* find(std::string_view server_name) const;

  std::map<std::string, SSL_CTX*, std::less<>> contexts_;
  SSL_CTX* fallback_ = nullptr;  // One of the above.
};

}  // namespace rage::net
