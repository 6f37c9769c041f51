// The command line's view of a running RAG service.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "net/http_client.h"

namespace rage::cli {

struct RagClientOptions {
  std::string base_url = "http://127.0.0.1:8300";
  std::string api_key = {};                              // Empty: none is sent.
  std::shared_ptr<const net::TlsOptions> tls = nullptr;  // Null: the system's trust.
};

// Resource. Thread-safe. A reply other than 2xx is an Error that carries the service's own text; no
// connection is kUnavailable and says how to start a service.
class RagClient final {
 public:
  RagClient(net::HttpTransport& transport, RagClientOptions options)
      : transport_(transport), options_(std::move(options)) {}

  Result<codec::Json> get(const Context& context, const std::string& path);
  Result<codec::Json> post(const Context& context, const std::string& path,
                           const codec::Json& body);
  Result<void> remove(const Context& context, const std::string& path);
  // Posts and passes on the server-sent events of the reply.
  Result<void> stream_events(const Context& context, const std::string& path,
                             const codec::Json& body,
                             const std::function<void(const codec::SseEvent&)>& on_event);
  // Posts and gets a line of JSON now and then, with `silence_max` between two at most.
  Result<void> stream_lines(const Context& context, const std::string& path,
                            std::chrono::milliseconds silence_max,
                            const std::function<void(const codec::Json& line)>& on_line);
  // Posts with "stream": true; `on_chunk` gets each parsed chunk.
  Result<void> stream_chat(const Context& context, codec::Json body,
                           const std::function<void(const codec::Json& chunk)>& on_chunk);
  const std::string& base_url() const { return options_.base_url; }

 private:
  Error explain(Error error) const;
  net::ClientRequest request(const char* method, const std::string& path) const;

  net::HttpTransport& transport_;
  const RagClientOptions options_;
};

}  // namespace rage::cli
