// One RPC, as who serves it sees it: whole messages both ways, a status at the end.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rage::rpc {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
enum class StatusCode {
  kOk = 0,
  kCancelled = 1,
  kInvalidArgument = 3,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

struct Status {
  StatusCode code = StatusCode::kOk;
  std::string message = {};
  bool ok() const { return code == StatusCode::kOk; }
};

// Resource, the server's. The loop's thread only.
class Call {
 public:
  // Past that many bytes not taken by the peer nothing more is read from it.
  static constexpr std::size_t kQueuedBytesMax = std::size_t{1} << 20;

  virtual ~Call() = default;
  // A serialised message. Nothing is sent once finish() was called.
  virtual void send(std::string_view message) = 0;
  // Ends the call after what was sent. Idempotent.
  virtual void finish(Status status) = 0;
  // Runs `task` on the loop's thread unless the call is over by then. Thread-safe, but only while
  // the call lives.
  virtual void post(std::function<void()> task) = 0;
};

// Interface. One call, on one thread, that of its connection's loop; destroyed when it is over.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  // `message` lives until this returns.
  virtual void on_message(std::string_view message) = 0;
  // The peer sends nothing more.
  virtual void on_half_close() = 0;
  // Last: the peer or its connection has gone, or the server ends, before finish() was carried out.
  virtual void on_cancel() = 0;
  // Every ServerOptions::tick.
  virtual void on_tick(SteadyTime) {}
  // The server will end; calls that go on forever should not.
  virtual void on_drain() {}
};

// By path: "/package.Service/Method". Made on any of the server's threads.
using MakeHandler = std::function<std::unique_ptr<CallHandler>(Call& call)>;
using Methods = std::map<std::string, MakeHandler, std::less<>>;

}  // namespace rage::rpc
