// The Kubernetes API over HTTP: an embedded API server. Paths, media types, bearer tokens and
// streams are here; what they mean is in objects.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "cluster/objects.h"
#include "cluster/pod_exec.h"
#include "cluster/pod_logs.h"
#include "cluster/tokens.h"
#include "net/http_server.h"

namespace rage::cluster {

struct ApiServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::optional<Tokens> tokens = std::nullopt;  // None: whoever reaches it may do anything.
  net::CertificateSource certificate = {};      // None: plain HTTP.
  std::size_t requests_max = 512;               // At once, each with a thread; watches count.
  // A quiet watch that asked for bookmarks gets one that often.
  std::chrono::seconds bookmark_interval{30};
  // They outlive the server. Null: nothing here runs pods; 404.
  PodLogs* pod_logs = nullptr;
  PodExec* pod_exec = nullptr;
};

// Resource. Thread-safe. Serves from create() until destroyed.
class ApiServer final {
 public:
  // `objects` and `clock` outlive it. Fails as HttpServer::create().
  static Result<std::unique_ptr<ApiServer>> create(Objects& objects, Clock& clock,
                                                   ApiServerOptions options);
  ~ApiServer();

  std::uint16_t port() const;
  void drain(std::chrono::milliseconds limit);

 private:
  class Handler;
  ApiServer() = default;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::HttpServer> server_;  // Last: uses the handler.
};

}  // namespace rage::cluster
