// A gRPC client over nghttp2, bytes in and bytes out, that tests and fuzz targets drive by hand.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/message_reader.h"

namespace rage::rpc {

class ClientForTest final {
 public:
  struct Answer {
    std::map<std::string, std::string> fields;  // Of head and trailers together.
    std::vector<std::string> messages;
    bool closed = false;
    std::uint32_t error = NGHTTP2_NO_ERROR;
  };

  ClientForTest() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~ClientForTest() { nghttp2_session_del(session_); }
  ClientForTest(const ClientForTest&) = delete;
  ClientForTest& operator=(const ClientForTest&) = delete;

  std::int32_t call(std::string_view path, std::string_view content_type = "application/grpc",
                    std::string_view method = "POST") {
    const std::array<nghttp2_nv, 5> head = {field(":method", method), field(":scheme", "http"),
                                            field(":authority", "test"), field(":path", path),
                                            field("content-type", content_type)};
    const nghttp2_data_provider body{.source = {.ptr = this}, .read_callback = read_body};
    return nghttp2_submit_request(session_, nullptr, head.data(), head.size(), &body, nullptr);
  }
  // Bytes of the body, `end`: the last ones.
  void write(std::int32_t id, std::string_view bytes, bool end = false) {
    Body& body = bodies_[id];
    body.bytes += bytes;
    body.ended = end;
    nghttp2_session_resume_data(session_, id);
  }
  void say(std::int32_t id, std::string_view message, bool end = false) {
    std::string framed;
    append_message(message, framed);
    write(id, framed, end);
  }
  void half_close(std::int32_t id) { write(id, {}, true); }
  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  // Windows of that many bytes, for each call and for all of them together.
  void widen(std::int32_t bytes) {
    const nghttp2_settings_entry window{.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                        .value = static_cast<std::uint32_t>(bytes)};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, bytes);
  }
  // Lets the server send on; by itself this client takes no more than a window.
  void grant(std::int32_t id) {
    const std::size_t size = std::exchange(unread_[id], 0);
    nghttp2_session_consume(session_, id, size);
  }

  std::string take_output() {
    std::string out;
    const std::uint8_t* bytes = nullptr;
    for (Size size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    return out;
  }
  bool take_input(std::string_view in) {
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(in.data()),
                                    in.size()) >= 0;
  }

  Answer& answer(std::int32_t id) { return answers_[id]; }
  std::size_t unread(std::int32_t id) { return unread_[id]; }
  bool told_to_go() const { return told_to_go_; }
  bool pinged() const { return pinged_; }

 private:
  using Size = decltype(nghttp2_session_mem_send(nullptr, nullptr));
  struct Body {
    std::string bytes;
    bool ended = false;
  };

  static nghttp2_nv field(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  }
  static ClientForTest& self(void* user) { return *static_cast<ClientForTest*>(user); }

  static Size read_body(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size,
                        std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = self(user).bodies_[id];
    if (body.bytes.empty() && !body.ended) return NGHTTP2_ERR_DEFERRED;
    const std::size_t taken = std::min(size, body.bytes.size());
    std::memcpy(into, body.bytes.data(), taken);
    body.bytes.erase(0, taken);
    if (body.bytes.empty() && body.ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<Size>(taken);
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    self(user).answers_[frame->hd.stream_id].fields.emplace(
        std::string(reinterpret_cast<const char*>(name), name_size),
        std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    ClientForTest& client = self(user);
    client.unread_[id] += size;
    std::string_view in(reinterpret_cast<const char*>(bytes), size);
    std::string_view message;
    while (client.readers_.try_emplace(id, std::size_t{64} << 20).first->second.next(in, message) ==
           MessageReader::State::kMessage) {
      client.answers_[id].messages.emplace_back(message);
    }
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).answers_[id].closed = true;
    self(user).answers_[id].error = error;
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).told_to_go_ = true;
    if (frame->hd.type == NGHTTP2_PING) self(user).pinged_ = true;
    return 0;
  }

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Body> bodies_;
  std::map<std::int32_t, Answer> answers_;
  std::map<std::int32_t, MessageReader> readers_;
  std::map<std::int32_t, std::size_t> unread_;
  bool told_to_go_ = false;
  bool pinged_ = false;
};

}  // namespace rage::rpc
