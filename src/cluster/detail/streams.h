// A connection of kubectl's that carries streams both ways: what exec and port-forward are made of.
// Source: Kubernetes' streaming protocols over SPDY/3.1.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/mutex.h"
#include "cluster/detail/spdy.h"
#include "cluster/pod_exec.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "net/http_server.h"
#include "net/upgrade.h"

namespace rage::cluster::detail {

inline constexpr std::size_t kPieceBytes = 32 << 10;  // Read, or sent in one frame, at once.

enum class StreamEnd { kOpen, kClosed };  // Whether we send more on it.

// Resource. next() is one thread's; everything else is thread-safe. `writer` outlives it.
class StreamSession final {
 public:
  // Takes the request over. `protocols`: those that are spoken, the best first. Fails with a
  // Status, before anything was answered: the client asked for something else.
  static Result<std::unique_ptr<StreamSession>> accept(const net::HttpRequest& request,
                                                       const std::vector<std::string>& protocols,
                                                       net::ResponseWriter& writer);

  // Waits for a stream to be opened (which is acknowledged), for data or for a reset. None at the
  // end of the connection, whoever ended it.
  std::optional<SpdyFrame> next();

  // In pieces, as many as it takes. Fails once the client has gone.
  Result<void> send(std::uint32_t stream, std::string_view bytes, StreamEnd end);
  void reset(std::uint32_t stream, std::uint32_t status);

  explicit StreamSession(net::Upgrade& tunnel) : tunnel_(tunnel) {}

 private:
  Result<void> write(const std::string& frame);

  net::Upgrade& tunnel_;
  SpdyReader reader_;
  std::deque<SpdyFrame> frames_;
  bool replied_ = false;
  Mutex mutex_;
  bool failed_ GUARDED_BY(mutex_) = false;
};

// Connects clients of `kubectl port-forward` to `pod`. Returns when the client has gone. Fails,
// before anything was answered, with a Status.
Result<void> serve_port_forward(const codec::Json& pod, const net::HttpRequest& request,
                                net::ResponseWriter& writer);

// Runs a program for `kubectl exec`, without a terminal. Returns when the client has gone, which
// ends the program. `exec` may be null: nothing here runs pods. Fails, before anything was
// answered, with a Status.
Result<void> serve_pod_exec(const Context& context, const codec::Json& pod,
                            const codec::QueryParameters& parameters, PodExec* exec,
                            const net::HttpRequest& request, net::ResponseWriter& writer);

}  // namespace rage::cluster::detail
