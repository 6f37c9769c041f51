// HTTP/2 with one client, each stream a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "rpc/call.h"
#include "rpc/detail/http2_session.h"

namespace rage::rpc::detail {

struct ServerSessionOptions {
  const Methods* methods = nullptr;
  std::size_t message_bytes_max = 0;
  std::uint32_t calls_max = 0;
  std::function<void()> wake = [] {};                    // See Http2Session.
  std::function<void(std::function<void()>)> post = {};  // Runs a task on the session's thread.
};

// Resource. One thread, but for Call::post().
class ServerSession final : public Http2Session {
 public:
  explicit ServerSession(ServerSessionOptions options);
  ~ServerSession() override;  // Cancels what runs.

  bool idle() const override { return streams_.empty(); }
  void tick(SteadyTime now) override;
  void drain() override;
  void cancel_all() override;

 private:
  class Stream;
  friend struct ServerSessionCallbacks;

  Stream* find(std::int32_t id);
  void begin(std::int32_t id);
  void end(std::int32_t id);
  void on_pong();

  const ServerSessionOptions options_;
  std::unordered_map<std::int32_t, std::shared_ptr<Stream>> streams_;
  bool draining_ = false;  // Told, and not heard yet.
};

}  // namespace rage::rpc::detail
