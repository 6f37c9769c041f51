#include "gateway/detail/http2_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "gateway/detail/forwarded.h"
#include "gateway/detail/http2_fields.h"
#include "gateway/detail/http2_server_stream.h"
#include "gateway/detail/local_reply.h"

namespace rage::gateway::detail {

// What nghttp2 calls while it reads or writes.
struct Http2ServerCallbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // Trailers, which are dropped.
    Http2Session& session = self(user);
    const std::int32_t id = frame->hd.stream_id;
    session.streams_[id] = std::make_unique<Http2ServerStream>(session, id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    Http2ServerStream* const stream = self(user).find(frame->hd.stream_id);
    if (stream != nullptr && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream->take_field(text_of(name, name_size), text_of(value, value_size));
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    Http2ServerStream* const stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      session.begin(*stream, !last);
    } else if (last && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      stream->take_end();
    }
    return 0;
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!last || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
    if (Http2ServerStream* const stream = self(user).find(frame->hd.stream_id)) {
      stream->on_end_sent();
    }
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user) {
    nghttp2_session_consume_connection(native, size);
    Http2ServerStream* const stream = self(user).find(id);
    if (stream != nullptr) stream->take_body(text_of(bytes, size));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    self(user).end_stream(id);
    return 0;
  }
};

namespace {

const nghttp2_session_callbacks* server_callbacks() {
  static const nghttp2_session_callbacks* const kCallbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    using C = Http2ServerCallbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, C::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, C::on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, C::on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, C::on_frame_sent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, C::on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, C::on_stream_close);
    return made;
  }();
  return kCallbacks;
}

}  // namespace

Http2Session::Http2Session(ServerConnection& connection) : connection_(connection) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  const int made = nghttp2_session_server_new2(&session_, server_callbacks(), this, option);
  nghttp2_option_del(option);
  CHECK(made == 0);
  submit_first_settings(session_, Http2Role::kServer, connection.shared().limits.streams_max);
  arm_timer();
  connection_.flush_later();
}

Http2Session::~Http2Session() {
  on_closed();
  nghttp2_session_del(session_);
}

Http2ServerStream* Http2Session::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

std::size_t Http2Session::consume(std::string_view in) {
  const auto used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
  if (used < 0) failed_ = true;  // What nghttp2 has to say about it is still sent.
  arm_timer();
  connection_.flush_later();
  return in.size();
}

void Http2Session::begin(Http2ServerStream& stream, bool has_body) {
  const ConnectionLimits& limits = connection_.shared().limits;
  RequestFacts facts{.peer = connection_.peer().address,
                     .listener = connection_.peer().listener,
                     .server_name = connection_.server_name(),
                     .secure = connection_.secure()};
  stream.begin(connection_.shared().exchanges, limits, std::move(facts), has_body);
}

void Http2Session::on_flush() {
  while (connection_.queued() < kFramesAhead) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) {
      failed_ = failed_ || size < 0;
      break;
    }
    connection_.out().append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  for (const std::int32_t id : std::exchange(drained_, {})) {
    if (Http2ServerStream* const stream = find(id)) stream->tell_drained();
  }
  const bool over =
      nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (failed_ || over) connection_.close_after_flush(ServerConnection::Goodbye::kLinger);
}

void Http2Session::end_stream(std::int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto stream = std::move(found->second);
  streams_.erase(found);
  stream->tell_gone();
  arm_timer();
}

// Without streams the connection idles; with streams that owe bytes of a body it waits for those.
void Http2Session::arm_timer() {
  const ConnectionLimits& limits = connection_.shared().limits;
  if (streams_.empty()) return connection_.arm_read_timer(limits.idle_timeout);
  const bool waiting = std::ranges::any_of(
      streams_, [](const auto& entry) { return entry.second->waits_for_body(); });
  waiting ? connection_.arm_read_timer(limits.body_timeout) : connection_.disarm_read_timer();
}

void Http2Session::on_read_timeout() {
  if (streams_.empty()) return drain();
  std::vector<std::int32_t> late;
  for (const auto& [id, stream] : streams_) {
    if (stream->waits_for_body()) late.push_back(id);
  }
  for (const std::int32_t id : late) {
    if (Http2ServerStream* const stream = find(id)) {
      stream->refuse_body({408, "the request body did not arrive in time"});
    }
  }
  connection_.flush_later();
}

void Http2Session::on_closed() {
  while (!streams_.empty()) {
    const auto stream = std::move(streams_.begin()->second);
    streams_.erase(streams_.begin());
    stream->tell_gone();
  }
}

// Streams that have begun end in peace, others are for another connection.
void Http2Session::drain() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  connection_.flush_later();
}

}  // namespace rage::gateway::detail
