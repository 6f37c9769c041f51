// HTTP/2 with one client, each stream a call. Bytes in, bytes out: sockets are connection.h's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rpc/call.h"
#include "rpc/message_reader.h"

namespace rage::rpc::detail {

struct SessionOptions {
  const Methods* methods = nullptr;
  std::size_t message_bytes_max = 0;
  std::uint32_t calls_max = 0;
  std::function<void()> wake = [] {};                    // There may be something to render.
  std::function<void(std::function<void()>)> post = {};  // Runs a task on the session's thread.
  std::function<void(int)> calls_changed = [](int) {};   // +1 or -1.
};

// Resource. One thread, but for Call::post().
class Session final {
 public:
  explicit Session(SessionOptions options);
  ~Session();  // Cancels what runs.
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // False: the peer does not speak HTTP/2, or breaks it; what there is to say about that is still
  // to be rendered.
  bool consume(std::string_view in);
  // Appends to `out` until it holds `until` bytes, or there is nothing more to say for now.
  void render(std::string& out, std::size_t until);
  // Nothing more is to be read or said.
  bool over() const;

  void tick(SteadyTime now);
  void ping();
  void drain();       // Calls that run go on; new ones are for another connection.
  void cancel_all();  // The connection is lost.

 private:
  class Stream;
  friend struct SessionCallbacks;

  Stream* find(std::int32_t id);
  void begin(std::int32_t id);
  void end(std::int32_t id);

  const SessionOptions options_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::shared_ptr<Stream>> streams_;
  bool broken_ = false;
};

}  // namespace rage::rpc::detail
