#include "gateway/detail/http2_upstream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "gateway/detail/connecting.h"
#include "gateway/detail/http2_fields.h"

namespace rage::gateway::detail {
namespace {

constexpr std::uint32_t kStreamsMax = 100;  // On one connection; then there is another.

}  // namespace

// What nghttp2 calls while it reads or writes.
struct Http2UpstreamCallbacks {
  static Http2Upstream& self(void* user) { return *static_cast<Http2Upstream*>(user); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    if (auto* const stream = self(user).find(frame->hd.stream_id)) {
      stream->take_field(text_of(name, name_size), text_of(value, value_size), stream->replied_);
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).going_away_ = true;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const bool head = frame->hd.type == NGHTTP2_HEADERS;
    if (!head && frame->hd.type != NGHTTP2_DATA) return 0;
    auto* stream = self(user).find(frame->hd.stream_id);
    if (head && stream != nullptr && !stream->replied_) stream->take_head(last);
    stream = self(user).find(frame->hd.stream_id);
    if (last && stream != nullptr) stream->finish();
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user) {
    nghttp2_session_consume_connection(native, size);
    if (auto* const stream = self(user).find(id)) stream->take_body(text_of(bytes, size));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    self(user).close_stream(id, code);
    return 0;
  }

  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) {
      self(user).close_stream(frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    }
    return 0;
  }
};

namespace {

const nghttp2_session_callbacks* upstream_callbacks() {
  static const nghttp2_session_callbacks* const kCallbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    using C = Http2UpstreamCallbacks;
    nghttp2_session_callbacks_set_on_header_callback(made, C::on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, C::on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, C::on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, C::on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, C::on_not_sent);
    return made;
  }();
  return kCallbacks;
}

}  // namespace

Http2Upstream::Http2Upstream(net::EventLoop& loop, Http2UpstreamOwner& owner,
                             const UpstreamLimits& limits, const net::Address& address)
    : loop_(loop),
      owner_(owner),
      limits_(limits),
      address_(address),
      socket_(open_socket(address)),
      timer_(loop, [this] { fail("it does not answer"); }) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  const int made = nghttp2_session_client_new2(&session_, upstream_callbacks(), this, option);
  nghttp2_option_del(option);
  CHECK(made == 0);
  submit_first_settings(session_, Http2Role::kClient, 0);
  const ConnectStart start = start_connecting(socket_, address, loop_, *this);
  connecting_ = start != ConnectStart::kConnected;
  // Whoever asked for the connection hears of a failure once it is ready to.
  if (start == ConnectStart::kFailed) timer_.expire_after(std::chrono::milliseconds(0));
  if (start == ConnectStart::kUnderWay) timer_.expire_after(limits_.connect_timeout);
}

Http2Upstream::~Http2Upstream() {
  nghttp2_session_del(session_);
}

bool Http2Upstream::has_room() const {
  const std::uint32_t theirs =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return !closed_ && !going_away_ &&
         streams_.size() + unsent_.size() < std::min(theirs, kStreamsMax);
}

UpstreamStream* Http2Upstream::open(UpstreamEvents& events) {
  if (served_) timer_.cancel();
  return unsent_.emplace_back(std::make_unique<Http2UpstreamStream>(*this, events)).get();
}

Http2UpstreamStream* Http2Upstream::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Upstream::on_ready(net::Readiness readiness) {
  if (closed_) return;
  socket_.on_ready(readiness);
  if (connecting_) {
    const int error = connect_error(socket_.fd());
    if (error != 0) return fail(std::strerror(error));
    connecting_ = false;
    timer_.cancel();
  }
  pump();
  if (!closed_) loop_.flush_later(*this);
}

void Http2Upstream::pump() {
  const std::span<char> scratch = loop_.scratch();
  for (int reads = 0; !closed_ && socket_.readable(); ++reads) {
    if (reads == net::kReadsMax) return loop_.flush_later(*this);
    const net::StreamSocket::Read got = socket_.read(scratch);
    if (got.status == net::StreamSocket::Status::kWouldBlock) return;
    if (got.status != net::StreamSocket::Status::kOk) return fail("the connection was closed");
    const auto used = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(scratch.data()), got.bytes);
    if (used < 0) return fail(nghttp2_strerror(static_cast<int>(used)));
  }
}

void Http2Upstream::on_flush() {
  if (closed_ || connecting_) return;
  while (socket_.queued() < kFramesAhead) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return fail(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    socket_.out().append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  const bool full = socket_.queued() >= kFramesAhead;
  if (!socket_.flush()) return fail("the connection was closed");
  if (full && socket_.queued() < kFramesAhead) loop_.flush_later(*this);
  for (const std::int32_t id : std::exchange(drained_, {})) {
    auto* const stream = find(id);
    if (stream != nullptr && stream->events_ != nullptr) stream->events_->on_upstream_drained();
  }
  if (closed_) return;
  if (socket_.readable()) pump();
  const bool over =
      nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (!closed_ && over) fail("the connection was closed");
}

void Http2Upstream::close_stream(std::int32_t id, std::uint32_t code) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto stream = std::move(found->second);
  streams_.erase(found);
  served_ = true;
  if (streams_.empty()) timer_.expire_after(limits_.idle_timeout);
  if (code == NGHTTP2_REFUSED_STREAM) {
    stream->fail(UpstreamFailure::Kind::kOverload, "it refused the stream");
  } else {
    stream->fail(stream->replied_ ? UpstreamFailure::Kind::kBroken : UpstreamFailure::Kind::kReset,
                 nghttp2_http2_strerror(code));
  }
}

// All that is under way; then the connection itself.
void Http2Upstream::fail(std::string_view text) {
  if (std::exchange(closed_, true)) return;
  using Kind = UpstreamFailure::Kind;
  socket_.close();
  timer_.cancel();
  auto streams = std::exchange(streams_, {});
  auto unsent = std::exchange(unsent_, {});
  for (auto& [id, stream] : streams) unsent.push_back(std::move(stream));
  owner_.on_closed(*this);
  for (const auto& stream : unsent) {
    stream->fail(connecting_        ? Kind::kConnect
                 : stream->replied_ ? Kind::kBroken
                                    : Kind::kReset,
                 text);
  }
}

void Http2UpstreamStream::send_head(const RequestHead& head, const Framing& framing) {
  head_request_ = head.method == "HEAD";
  has_body_ = framing.kind == Framing::Kind::kChunked ||
              (framing.kind == Framing::Kind::kLength && framing.length > 0);
  FieldList fields;
  fields.add(":method", head.method);
  fields.add(":scheme", "http");
  fields.add(":authority", head.authority);
  fields.add(":path", head.target);
  fields.add_all(head.headers);
  fields.add("te", "trailers");
  fields.add_length(framing);
  const nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = &read_out};
  id_ = nghttp2_submit_request(connection_.session_, nullptr, fields.data(), fields.size(),
                               has_body_ ? &provider : nullptr, nullptr);
  auto& unsent = connection_.unsent_;
  for (auto& stream : unsent) {
    if (stream.get() != this) continue;
    if (id_ > 0) connection_.streams_.emplace(id_, std::move(stream));
    break;
  }
  std::erase(unsent, nullptr);
  // Ids have run out: the next request gets another connection, this one fails with it.
  if (id_ < 0) connection_.timer_.expire_after(std::chrono::milliseconds(0));
  connection_.loop_.flush_later(connection_);
}

void Http2UpstreamStream::send_body(std::string_view bytes) {
  out_.append(bytes);
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(connection_.session_, id_);
  connection_.loop_.flush_later(connection_);
}

void Http2UpstreamStream::end() {
  ended_ = true;
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(connection_.session_, id_);
  connection_.loop_.flush_later(connection_);
}

void Http2UpstreamStream::resume() {
  paused_ = false;
  nghttp2_session_consume_stream(connection_.session_, id_, std::exchange(unconsumed_, 0));
  connection_.loop_.flush_later(connection_);
}

void Http2UpstreamStream::cancel() {
  events_ = nullptr;
  if (connection_.closed_ || id_ < 0) return;
  nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  connection_.loop_.flush_later(connection_);
}

void Http2UpstreamStream::take_field(std::string_view name, std::string_view value, bool trailer) {
  head_bytes_ += name.size() + value.size() + 32;
  if (head_bytes_ > connection_.limits_.head.bytes_max) return;
  if (trailer) return trailers_.add(name, value);
  if (name == ":status") {
    head_.status = static_cast<int>(parse_uint(value).value_or(0));
  } else if (!name.starts_with(':')) {
    add_received_field(name, value, head_.headers);
  }
}

void Http2UpstreamStream::take_head(bool last) {
  if (head_.status < 200) {  // The final one is still to come.
    head_ = {};
    return;
  }
  replied_ = true;
  if (events_ == nullptr) return;
  if (head_bytes_ > connection_.limits_.head.bytes_max) {
    fail(UpstreamFailure::Kind::kProtocol, "the header is too large");
    return cancel();
  }
  const auto length = take_content_length(head_.headers);
  Framing framing = length ? Framing::of_length(*length) : Framing::chunked();
  const bool bodiless = head_request_ || head_.status == 204 || head_.status == 304;
  if (bodiless) framing.kind = Framing::Kind::kNone;
  if (last && !bodiless) framing = Framing::of_length(0);
  events_->on_upstream_head(std::move(head_), framing);
}

void Http2UpstreamStream::take_body(std::string_view bytes) {
  unconsumed_ += bytes.size();
  if (events_ != nullptr) events_->on_upstream_body(bytes);
  if (paused_) return;
  nghttp2_session_consume_stream(connection_.session_, id_, std::exchange(unconsumed_, 0));
}

void Http2UpstreamStream::finish() {
  UpstreamEvents* const events = std::exchange(events_, nullptr);
  if (events == nullptr) return;
  if (!replied_) {
    return events->on_upstream_failure(
        {.kind = UpstreamFailure::Kind::kProtocol, .text = "it ended without a status"});
  }
  // Nobody reads the rest of the request.
  if (!ended_) {
    nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
    connection_.loop_.flush_later(connection_);
  }
  events->on_upstream_end(trailers_.size() > 0 ? &trailers_ : nullptr);
}

void Http2UpstreamStream::fail(UpstreamFailure::Kind kind, std::string_view text) {
  UpstreamEvents* const events = std::exchange(events_, nullptr);
  if (events == nullptr) return;
  events->on_upstream_failure({.kind = kind, .text = std::string(text), .reused = reused_});
}

ssize_t Http2UpstreamStream::read_out(nghttp2_session*, std::int32_t id, std::uint8_t* into,
                                      std::size_t size, std::uint32_t* flags,
                                      nghttp2_data_source* source, void*) {
  auto& self = *static_cast<Http2UpstreamStream*>(source->ptr);
  const std::size_t before = self.queued();
  const std::size_t taken = std::min(size, before);
  if (taken == 0 && !self.ended_) {
    self.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(into, self.out_.data() + self.sent_, taken);
  self.sent_ += taken;
  if (self.queued() == 0) {
    std::string().swap(self.out_);
    self.sent_ = 0;
  }
  if (before > kQueuedBytesLow && self.queued() <= kQueuedBytesLow) {
    self.connection_.drained_.push_back(id);
  }
  if (self.ended_ && self.queued() == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

}  // namespace rage::gateway::detail
