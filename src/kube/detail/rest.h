// Requests to the API server: who we are, how often we try, how fast we may ask.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "kube/detail/token_bucket.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"

namespace rage::kube::detail {

struct RestRequest {
  std::string method = "GET";  // GET is tried again when the server is unavailable.
  std::string path;            // With the query.
  std::string body = {};
  std::string content_type = "application/json";
  std::uint64_t body_bytes_max = std::uint64_t{64} << 20;
  std::string accept = {};  // Empty: JSON, else whatever there is.
};

// Resource. Thread-safe. `transport` and `clock` outlive it.
class Rest final {
 public:
  Rest(net::HttpTransport& transport, Clock& clock, ClientConfig config,
       const ClientLimits& limits);

  // The body of a reply with a 2xx status; else the reply's Status as an Error.
  Result<std::string> send(const Context& context, const RestRequest& request);
  // One reply without end; `on_bytes` ends it by returning false, which is no error.
  Result<void> stream(const Context& context, const RestRequest& request,
                      std::chrono::milliseconds idle_timeout,
                      const std::function<bool(std::string_view bytes)>& on_bytes);

 private:
  Result<net::ClientRequest> prepare(const Context& context, const RestRequest& request);
  Result<net::HttpResponse> fetch(const Context& context, const RestRequest& request);
  bool refresh_after(int status);

  net::HttpTransport& transport_;
  Clock& clock_;
  const ClientConfig config_;
  const ClientLimits limits_;
  TokenBucket bucket_;
};

}  // namespace rage::kube::detail
