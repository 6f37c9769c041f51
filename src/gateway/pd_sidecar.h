// A proxy beside a decode server: a request that names a prefill server (x-prefiller-host-port) is
// prefilled there first, everything else goes straight to the decode server.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "gateway/pd_exchange.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "routing/subset.h"

namespace rage::gateway {

// How to speak to one kind of server. Null: plain HTTP.
using PeerTls = std::shared_ptr<const net::TlsOptions>;

struct PdSidecarOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                  // 0: any free one.
  net::CertificateSource certificate;      // Given: HTTPS.
  std::string decoder = "127.0.0.1:8200";  // host:port
  PeerTls decoder_tls;
  PeerTls prefill_tls;
  PdOptions exchange;
  // Of several prefill servers in one header, a random one instead of the first.
  bool sample_prefillers = false;
  // Whom the header may name; called on many threads. Null: every address that is not local to this
  // host. Names are never looked up.
  std::function<bool(const routing::AddressPort&)> allows_prefiller;
  std::size_t requests_max = 1024;  // At once, each with a thread; past that they wait, then 503.
  std::size_t body_bytes_max = std::size_t{64} << 20;    // Past that: 413.
  std::size_t prefill_bytes_max = std::size_t{8} << 20;  // Of prefill's reply.
  std::chrono::milliseconds idle_timeout{3'600'000};     // No byte of a server's for so long: 504.
};

// Resource. Thread-safe. Serves from create() until destroyed.
class PdSidecar {
 public:
  // `transport` outlives it.
  static Result<std::unique_ptr<PdSidecar>> create(const PdSidecarOptions& options,
                                                   net::HttpTransport& transport);
  virtual ~PdSidecar() = default;
  virtual std::uint16_t port() const = 0;
  // Stops accepting, lets requests end for at most `limit`, then cuts them off.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::gateway
