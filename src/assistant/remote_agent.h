// An agent elsewhere, over HTTP: requests and replies go through, streams as they come.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/error.h"
#include "net/http.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace rage::assistant {

struct RemoteAgentOptions {
  std::string url = "http://agent:8001";  // http or https.
  std::chrono::milliseconds idle_timeout{600'000};
};

// Thread-safe. The transport outlives it.
class RemoteAgent final {
 public:
  // kInvalidArgument: no such URL.
  static Result<std::unique_ptr<RemoteAgent>> create(net::HttpTransport& transport,
                                                     const RemoteAgentOptions& options);

  // An HttpHandler. An agent that cannot be reached is a 500 with "detail", as one that failed is;
  // a stream that breaks off is cut off here, too. Whoever leaves ends the request.
  void handle(const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) const;

 private:
  RemoteAgent(net::HttpTransport& transport, const RemoteAgentOptions& options)
      : transport_(transport), options_(options) {}

  net::HttpTransport& transport_;
  const RemoteAgentOptions options_;
};

}  // namespace rage::assistant
