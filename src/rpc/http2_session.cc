#include "rpc/detail/http2_session.h"

namespace rage::rpc::detail {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  // nghttp2 takes bytes that it does not change through pointers that are not const.
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {.name = bytes(name),
          .value = bytes(value),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  return options;
}

bool Http2Session::consume(std::string_view in) {
  const auto used = nghttp2_session_mem_recv(
      native_, reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
  broken_ = broken_ || used < 0;
  return !broken_;
}

void Http2Session::render(std::string& out, std::size_t size_max) {
  for (const std::size_t before = out.size(); out.size() - before < size_max;) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(native_, &bytes);
    broken_ = broken_ || size < 0;
    if (size <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

bool Http2Session::over() const {
  return broken_ ||
         (nghttp2_session_want_read(native_) == 0 && nghttp2_session_want_write(native_) == 0);
}

void Http2Session::ping() {
  nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr);
  wake_();
}

}  // namespace rage::rpc::detail
