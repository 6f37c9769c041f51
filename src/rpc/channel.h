// A gRPC client: calls to one service at one or more addresses, over HTTP/2, on a thread of its
// own.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "rpc/call.h"

namespace rage::rpc {

struct ChannelOptions {
  std::vector<std::string> endpoints;  // "ip:port"; those that answer get calls in turn.
  enum class Transport { kTls, kPlain };
  Transport transport = Transport::kTls;  // Nobody's certificate is verified: encryption alone.
  std::size_t message_bytes_max = std::size_t{4} << 20;
  std::chrono::milliseconds connect_timeout{1000};  // Until the server speaks HTTP/2.
  std::chrono::milliseconds backoff_min{100};       // After a connection that failed, doubled to
  std::chrono::milliseconds backoff_max{2000};
  std::chrono::milliseconds write_timeout{20'000};  // For the server to take anything at all.
};

// Interface. What comes back, on the channel's thread, which must not be kept.
class Replies {
 public:
  virtual ~Replies() = default;
  // `message` lives until this returns.
  virtual void on_message(std::string_view message) = 0;
  // Last, exactly once unless ClientCall::cancel() was called. kUnavailable: no address answers, or
  // the one that did has gone.
  virtual void on_end(const Status& status) = 0;
};

// Resource. Thread-safe. May outlive its channel, and then does nothing.
class ClientCall {
 public:
  virtual ~ClientCall() = default;  // Does not cancel.
  // A serialised message. Queued without a limit: callers bound what they say.
  virtual void send(std::string message) = 0;
  virtual void half_close() = 0;
  // Returns at once: a callback may be running, and still one may come.
  virtual void cancel() = 0;
};

// Resource. Thread-safe. Connects when it is first used.
class Channel {
 public:
  // kInvalidArgument: no endpoints, or one that is no address.
  static Result<std::unique_ptr<Channel>> create(ChannelOptions options);
  // Ends what runs with kUnavailable; no callback runs once it returns. Not on the channel's
  // thread.
  virtual ~Channel() = default;
  // While addresses are being connected to the call waits; if none can be it ends at once.
  virtual std::shared_ptr<ClientCall> call(std::string path, std::shared_ptr<Replies> replies) = 0;
};

// One message there and one back. kCancelled, kDeadlineExceeded: as the context says; kUnavailable:
// any status but OK, with its message.
Result<std::string> ask(const Context& context, Channel& channel, std::string path,
                        std::string message);

}  // namespace rage::rpc
