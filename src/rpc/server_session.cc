#include "rpc/detail/server_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "rpc/message_reader.h"

namespace rage::rpc::detail {
namespace {

constexpr std::size_t kFieldBytesMax = 512;  // Of each that we look at.
constexpr std::size_t kStatusBytesMax = 1024;
// A proxy ends every exchange by a reset, so they come as often as requests do.
constexpr std::uint64_t kResetsMax = 1'000'000;  // A second.

// As PROTOCOL-HTTP2.md has it: what is not printable ASCII, and the percent sign.
std::string percent_encoded(std::string_view message) {
  std::string out;
  for (const char c : message.substr(0, kStatusBytesMax)) {
    const bool plain = c >= ' ' && c <= '~' && c != '%';
    plain ? out.push_back(c)
          : static_cast<void>(
                fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

// One call. Kept alive by the session until HTTP/2 has closed its stream.
class ServerSession::Stream final : public Call,
                                    public std::enable_shared_from_this<ServerSession::Stream> {
 public:
  Stream(ServerSession& session, std::int32_t id)
      : session_(session), id_(id), reader_(session.options_.message_bytes_max) {}

  void take_field(std::string_view name, std::string_view value);
  void begin(bool half_closed);
  void take_data(std::string_view bytes);
  void take_end();
  void on_end_sent();
  void tell_gone();
  CallHandler* handler() { return over_ || cancelled_ ? nullptr : handler_.get(); }

  void send(std::string_view message) override;
  void finish(Status status) override;
  void post(std::function<void()> task) override;

 private:
  struct Request {
    std::string method;
    std::string path;
    std::string content_type;
  };

  std::size_t queued() const { return out_.size() - sent_; }
  void read_messages(std::string_view bytes);
  void read_on();
  void cancel();
  void fail(StatusCode code, std::string message);
  void answer_http(std::string_view status);
  void submit_status();
  static ssize_t read_out(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void*);

  ServerSession& session_;
  const std::int32_t id_;
  Request request_;
  MessageReader reader_;
  std::unique_ptr<CallHandler> handler_;  // Null: no such method, or the request is no gRPC.
  std::string out_;                       // Messages, framed.
  std::size_t sent_ = 0;                  // Of out_.
  std::size_t unconsumed_ = 0;            // Read, and not yet granted anew.
  Status status_;
  bool head_sent_ = false;
  bool half_closed_ = false;
  bool deferred_ = false;   // HTTP/2 waits for us to have something.
  bool finished_ = false;   // By the handler, or for want of one.
  bool cancelled_ = false;  // The handler was told.
  bool over_ = false;       // The status is on its way, or nobody wants it any more.
};

void ServerSession::Stream::take_field(std::string_view name, std::string_view value) {
  std::string* const wanted = name == ":method"        ? &request_.method
                              : name == ":path"        ? &request_.path
                              : name == "content-type" ? &request_.content_type
                                                       : nullptr;
  if (wanted != nullptr) *wanted = value.substr(0, kFieldBytesMax);
}

void ServerSession::Stream::begin(bool half_closed) {
  half_closed_ = half_closed;
  const Request request = std::exchange(request_, {});
  if (request.method != "POST") return answer_http("405");
  if (!request.content_type.starts_with("application/grpc")) return answer_http("415");
  const auto method = session_.options_.methods->find(request.path);
  if (method == session_.options_.methods->end()) {
    return finish({StatusCode::kUnimplemented, fmt::format("no method {}", request.path)});
  }
  handler_ = method->second(*this);
  if (half_closed_ && handler() != nullptr) handler_->on_half_close();
}

void ServerSession::Stream::take_data(std::string_view bytes) {
  unconsumed_ += bytes.size();
  read_messages(bytes);
  read_on();
}

void ServerSession::Stream::read_messages(std::string_view bytes) {
  std::string_view message;
  while (!finished_) {
    switch (reader_.next(bytes, message)) {
      case MessageReader::State::kMessage:
        handler_->on_message(message);
        break;
      case MessageReader::State::kMore:
        return;
      case MessageReader::State::kTooLarge:
        return fail(StatusCode::kResourceExhausted, "the message is too large");
      case MessageReader::State::kCompressed:
        return fail(StatusCode::kUnimplemented, "compressed messages are not understood");
    }
  }
}

// Grants the peer as much as it has sent, unless it does not take what we say.
void ServerSession::Stream::read_on() {
  if (unconsumed_ == 0 || queued() > kQueuedBytesMax) return;
  nghttp2_session_consume_stream(session_.native_, id_, std::exchange(unconsumed_, 0));
  session_.wake_();
}

void ServerSession::Stream::take_end() {
  if (std::exchange(half_closed_, true) || finished_) return;
  if (reader_.partial()) return fail(StatusCode::kInternal, "the last message is cut off");
  handler_->on_half_close();
}

void ServerSession::Stream::tell_gone() {
  if (!over_) cancel();
  finished_ = over_ = true;
}

void ServerSession::Stream::cancel() {
  if (handler_ && !std::exchange(cancelled_, true)) handler_->on_cancel();
}

// The peer broke the protocol.
void ServerSession::Stream::fail(StatusCode code, std::string message) {
  cancel();
  finish({code, std::move(message)});
}

void ServerSession::Stream::send(std::string_view message) {
  if (finished_ || over_) return;
  append_message(message, out_);
  if (!std::exchange(head_sent_, true)) {
    const std::array<nghttp2_nv, 2> head = {field(":status", "200"),
                                            field("content-type", "application/grpc")};
    const nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = &read_out};
    nghttp2_submit_response(session_.native_, id_, head.data(), head.size(), &provider);
  } else if (std::exchange(deferred_, false)) {
    nghttp2_session_resume_data(session_.native_, id_);
  }
  session_.wake_();
}

void ServerSession::Stream::finish(Status status) {
  if (std::exchange(finished_, true) || over_) return;
  status_ = std::move(status);
  if (!head_sent_) {
    submit_status();
  } else if (std::exchange(deferred_, false)) {
    nghttp2_session_resume_data(session_.native_, id_);
  }
  session_.wake_();
}

// "Trailers-Only" if nothing was sent before, else the trailers.
void ServerSession::Stream::submit_status() {
  const std::string code = std::to_string(static_cast<int>(status_.code));
  const std::string message = percent_encoded(status_.message);
  std::vector<nghttp2_nv> fields;
  if (!head_sent_) {
    fields = {field(":status", "200"), field("content-type", "application/grpc")};
  }
  fields.push_back(field("grpc-status", code));
  if (!message.empty()) fields.push_back(field("grpc-message", message));
  if (std::exchange(head_sent_, true)) {
    nghttp2_submit_trailer(session_.native_, id_, fields.data(), fields.size());
  } else {
    nghttp2_submit_response(session_.native_, id_, fields.data(), fields.size(), nullptr);
  }
  over_ = true;
}

void ServerSession::Stream::answer_http(std::string_view status) {
  finished_ = over_ = head_sent_ = true;
  const nghttp2_nv head = field(":status", status);
  nghttp2_submit_response(session_.native_, id_, &head, 1, nullptr);
  session_.wake_();
}

// Our last frame has left; the rest of the request is not wanted (RFC 9113 8.1). Not before, for
// nghttp2 drops what a stream that is to be reset still has to send.
void ServerSession::Stream::on_end_sent() {
  if (half_closed_) return;
  nghttp2_submit_rst_stream(session_.native_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
}

void ServerSession::Stream::post(std::function<void()> task) {
  session_.options_.post([self = weak_from_this(), task = std::move(task)] {
    const auto stream = self.lock();
    if (stream && !stream->over_) task();
  });
}

ssize_t ServerSession::Stream::read_out(nghttp2_session*, std::int32_t, std::uint8_t* into,
                                        std::size_t size, std::uint32_t* flags,
                                        nghttp2_data_source* source, void*) {
  auto& self = *static_cast<Stream*>(source->ptr);
  const std::size_t taken = std::min(size, self.queued());
  if (taken == 0 && !self.finished_) {
    self.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(into, self.out_.data() + self.sent_, taken);
  self.sent_ += taken;
  if (self.queued() == 0) {
    self.out_.clear();
    self.sent_ = 0;
  }
  self.read_on();
  if (self.finished_ && self.queued() == 0) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    self.submit_status();
  }
  return static_cast<ssize_t>(taken);
}

// What nghttp2 calls while it reads or writes.
struct ServerSessionCallbacks {
  static ServerSession& self(void* user) { return *static_cast<ServerSession*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(user).begin(frame->hd.stream_id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    ServerSession::Stream* const stream = self(user).find(frame->hd.stream_id);
    if (stream != nullptr && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream->take_field(text_of(name, name_size), text_of(value, value_size));
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      self(user).on_pong();
    }
    ServerSession::Stream* const stream = self(user).find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream->begin(last);
    } else if (last && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      stream->take_end();
    }
    return 0;
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type != NGHTTP2_HEADERS || !last) return 0;
    if (ServerSession::Stream* const stream = self(user).find(frame->hd.stream_id))
      stream->on_end_sent();
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user) {
    nghttp2_session_consume_connection(native, size);
    if (ServerSession::Stream* const stream = self(user).find(id))
      stream->take_data(text_of(bytes, size));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    self(user).end(id);
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const kAll = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
      return made;
    }();
    return kAll;
  }
};

ServerSession::ServerSession(ServerSessionOptions options)
    : Http2Session(options.wake), options_(std::move(options)) {
  nghttp2_option* const option = make_options();
  nghttp2_option_set_stream_reset_rate_limit(option, kResetsMax, kResetsMax);
  const int made =
      nghttp2_session_server_new2(&native_, ServerSessionCallbacks::all(), this, option);
  nghttp2_option_del(option);
  CHECK(made == 0);
  const std::array<nghttp2_settings_entry, 2> settings = {{
      {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = kStreamWindow},
      {.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, .value = options_.calls_max},
  }};
  nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

ServerSession::~ServerSession() {
  cancel_all();
}

void ServerSession::tick(SteadyTime now) {
  for (const auto& [id, stream] : streams_) {
    if (CallHandler* const handler = stream->handler()) handler->on_tick(now);
  }
}

// RFC 9113 6.8: calls that are on their way while the peer hears of it are still taken.
void ServerSession::drain() {
  draining_ = true;
  nghttp2_submit_shutdown_notice(native_);
  ping();
  for (const auto& [id, stream] : streams_) {
    if (CallHandler* const handler = stream->handler()) handler->on_drain();
  }
  wake_();
}

// The peer has heard it.
void ServerSession::on_pong() {
  if (!std::exchange(draining_, false)) return;
  nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(native_), NGHTTP2_NO_ERROR, nullptr,
                        0);
  wake_();
}

void ServerSession::cancel_all() {
  while (!streams_.empty()) end(streams_.begin()->first);
}

ServerSession::Stream* ServerSession::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void ServerSession::begin(std::int32_t id) {
  streams_.emplace(id, std::make_shared<Stream>(*this, id));
}

void ServerSession::end(std::int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto stream = std::move(found->second);
  streams_.erase(found);
  stream->tell_gone();
}

}  // namespace rage::rpc::detail
