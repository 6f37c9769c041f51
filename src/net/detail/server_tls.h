// The server's side of TLS: what a connection shakes hands with, renewed when its source says so.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_server.h"

namespace rage::net::detail {

// TLS 1.2 or newer, forward secrecy and authenticated encryption only, HTTP/1.1 by ALPN, no
// renegotiation, no session kept. kInvalidArgument unless chain and key are PEM and belong
// together.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const ServerCertificate& certificate);

// Resource. The loop's thread only.
class ServerTls final {
 public:
  explicit ServerTls(CertificateSource source) : source_(std::move(source)) {}
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  bool enabled() const { return source_ != nullptr; }
  // Made anew only when the source gives another certificate than before. Null: there is none that
  // works, which is logged once.
  std::shared_ptr<boost::asio::ssl::context> current();

 private:
  Result<std::shared_ptr<boost::asio::ssl::context>> renewed();

  const CertificateSource source_;
  std::shared_ptr<const ServerCertificate> certificate_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::string complaint_;  // What was logged last; empty while all is well.
};

}  // namespace rage::net::detail
