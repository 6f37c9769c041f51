// What both ends of HTTP/2 share: nghttp2's session, bytes in, bytes out. Sockets are
// connection.h's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rage::rpc::detail {

inline constexpr std::uint32_t kStreamWindow = 256 << 10;
inline constexpr std::int32_t kConnectionWindow = 4 << 20;

std::string_view text_of(const std::uint8_t* bytes, std::size_t size);
// Points into its arguments.
nghttp2_nv field(std::string_view name, std::string_view value);
// Windows are granted by hand, closed streams are forgotten; the caller frees it.
nghttp2_option* make_options();

// Resource. One thread.
class Http2Session {
 public:
  // `wake`: there may be something to render.
  explicit Http2Session(std::function<void()> wake) : wake_(std::move(wake)) {}
  virtual ~Http2Session() { nghttp2_session_del(native_); }
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // False: the peer does not speak HTTP/2, or breaks it; what there is to say about that is still
  // to be rendered.
  bool consume(std::string_view in);
  // Appends frames until they are `size_max` bytes, or the last of them goes past that, or there is
  // nothing more to say for now.
  void render(std::string& out, std::size_t size_max);
  // Nothing more is to be read or said.
  bool over() const;
  void ping();

  virtual bool idle() const = 0;  // No calls.
  virtual void tick(SteadyTime) {}
  virtual void drain() {}         // What runs goes on; the rest is for another connection.
  virtual void cancel_all() = 0;  // The connection is lost.

 protected:
  nghttp2_session* native_ = nullptr;  // Made by who derives.
  const std::function<void()> wake_;

 private:
  bool broken_ = false;
};

}  // namespace rage::rpc::detail
