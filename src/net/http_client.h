// Blocking HTTP client over libcurl: TLS, proxies, redirects, keep-alive (docs/adr/0003).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"
#include "net/http.h"

namespace rage::net {

// How to trust a server and who we are to it. PEM text; empty: the system's trust, nobody.
struct TlsOptions {
  std::string ca_pem = {};           // Trusted instead of the system's.
  std::string certificate_pem = {};  // With the chain, if there is one.
  std::string key_pem = {};
  std::string server_name = {};  // Checked instead of the host of the URL; no proxy then.
  bool insecure_skip_verify = false;
};

// Whom a request may reach, whatever name or redirect leads there.
enum class Peers {
  kAny,
  // Not this host, nothing link-local, no cloud's metadata service (net/addresses.h). A connection
  // that is open already is not looked at again, and a proxy decides for itself: use a transport of
  // its own for requests to places that others chose.
  kNotLocal,
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  Headers headers = {};
  std::string body = {};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{300'000};  // No byte for this long: kDeadlineExceeded.
  bool follow_redirects = false;                    // At most 10; credentials stay with their host.
  std::uint64_t body_bytes_max = std::uint64_t{64} << 20;  // fetch() only.
  std::shared_ptr<const TlsOptions> tls = nullptr;         // Null: the system's trust.
  Peers peers = Peers::kAny;                               // kPermissionDenied if refused.
};

// Interface, so that callers can be tested without a network. Thread-safe.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // The whole reply, whatever its status. kUnavailable: no connection; kDeadlineExceeded: too slow;
  // kCancelled: context.stop; kDataLoss: the body ended early; kResourceExhausted: body too large.
  virtual Result<HttpResponse> fetch(const Context& context, const ClientRequest& request) = 0;

  // `on_head` once (body empty), then `on_bytes` as they arrive; either ends the transfer by
  // returning false, which is no error. Returns as fetch() does; kInvalidArgument: TLS options that
  // are no PEM.
  virtual Result<void> stream(const Context& context, const ClientRequest& request,
                              const std::function<bool(const HttpResponse& head)>& on_head,
                              const std::function<bool(std::string_view bytes)>& on_bytes) = 0;
};

// A pool of kept-alive connections, shared by all threads.
std::unique_ptr<HttpTransport> make_http_transport();

}  // namespace rage::net
