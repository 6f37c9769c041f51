#include "rpc/detail/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"

namespace rage::rpc::detail {
namespace {

constexpr std::uint32_t kStreamWindow = 256 << 10;
constexpr std::int32_t kConnectionWindow = 4 << 20;
constexpr std::size_t kFieldBytesMax = 512;  // Of each that we look at.
constexpr std::size_t kStatusBytesMax = 1024;
// A proxy ends every exchange by a reset, so they come as often as requests do.
constexpr std::uint64_t kResetsMax = 1'000'000;  // A second.

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
class Session::Stream final : public Call, public std::enable_shared_from_this<Session::Stream> {
 public:
  Stream(Session& session, std::int32_t id)
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

  Session& session_;
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

void Session::Stream::take_field(std::string_view name, std::string_view value) {
  std::string* const wanted = name == ":method"        ? &request_.method
                              : name == ":path"        ? &request_.path
                              : name == "content-type" ? &request_.content_type
                                                       : nullptr;
  if (wanted != nullptr) *wanted = value.substr(0, kFieldBytesMax);
}

void Session::Stream::begin(bool half_closed) {
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

void Session::Stream::take_data(std::string_view bytes) {
  unconsumed_ += bytes.size();
  read_messages(bytes);
  read_on();
}

void Session::Stream::read_messages(std::string_view bytes) {
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
void Session::Stream::read_on() {
  if (unconsumed_ == 0 || queued() > kQueuedBytesMax) return;
  nghttp2_session_consume_stream(session_.session_, id_, std::exchange(unconsumed_, 0));
  session_.options_.wake();
}

void Session::Stream::take_end() {
  if (std::exchange(half_closed_, true) || finished_) return;
  if (reader_.partial()) return fail(StatusCode::kInternal, "the last message is cut off");
  handler_->on_half_close();
}

void Session::Stream::tell_gone() {
  if (!over_) cancel();
  finished_ = over_ = true;
}

void Session::Stream::cancel() {
  if (handler_ && !std::exchange(cancelled_, true)) handler_->on_cancel();
}

// The peer broke the protocol.
void Session::Stream::fail(StatusCode code, std::string message) {
  cancel();
  finish({code, std::move(message)});
}

void Session::Stream::send(std::string_view message) {
  if (finished_ || over_) return;
  append_message(message, out_);
  if (!std::exchange(head_sent_, true)) {
    const std::array<nghttp2_nv, 2> head = {field(":status", "200"),
                                            field("content-type", "application/grpc")};
    const nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = &read_out};
    nghttp2_submit_response(session_.session_, id_, head.data(), head.size(), &provider);
  } else if (std::exchange(deferred_, false)) {
    nghttp2_session_resume_data(session_.session_, id_);
  }
  session_.options_.wake();
}

void Session::Stream::finish(Status status) {
  if (std::exchange(finished_, true) || over_) return;
  status_ = std::move(status);
  if (!head_sent_) {
    submit_status();
  } else if (std::exchange(deferred_, false)) {
    nghttp2_session_resume_data(session_.session_, id_);
  }
  session_.options_.wake();
}

// "Trailers-Only" if nothing was sent before, else the trailers.
void Session::Stream::submit_status() {
  const std::string code = std::to_string(static_cast<int>(status_.code));
  const std::string message = percent_encoded(status_.message);
  std::vector<nghttp2_nv> fields;
  if (!head_sent_) {
    fields = {field(":status", "200"), field("content-type", "application/grpc")};
  }
  fields.push_back(field("grpc-status", code));
  if (!message.empty()) fields.push_back(field("grpc-message", message));
  if (std::exchange(head_sent_, true)) {
    nghttp2_submit_trailer(session_.session_, id_, fields.data(), fields.size());
  } else {
    nghttp2_submit_response(session_.session_, id_, fields.data(), fields.size(), nullptr);
  }
  over_ = true;
}

void Session::Stream::answer_http(std::string_view status) {
  finished_ = over_ = head_sent_ = true;
  const nghttp2_nv head = field(":status", status);
  nghttp2_submit_response(session_.session_, id_, &head, 1, nullptr);
  session_.options_.wake();
}

// Our last frame has left; the rest of the request is not wanted (RFC 9113 8.1). Not before, for
// nghttp2 drops what a stream that is to be reset still has to send.
void Session::Stream::on_end_sent() {
  if (half_closed_) return;
  nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
}

void Session::Stream::post(std::function<void()> task) {
  session_.options_.post([self = weak_from_this(), task = std::move(task)] {
    const auto stream = self.lock();
    if (stream && !stream->over_) task();
  });
}

ssize_t Session::Stream::read_out(nghttp2_session*, std::int32_t, std::uint8_t* into,
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
struct SessionCallbacks {
  static Session& self(void* user) { return *static_cast<Session*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(user).begin(frame->hd.stream_id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    Session::Stream* const stream = self(user).find(frame->hd.stream_id);
    if (stream != nullptr && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream->take_field(text_of(name, name_size), text_of(value, value_size));
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session::Stream* const stream = self(user).find(frame->hd.stream_id);
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
    if (Session::Stream* const stream = self(user).find(frame->hd.stream_id)) stream->on_end_sent();
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user) {
    nghttp2_session_consume_connection(native, size);
    if (Session::Stream* const stream = self(user).find(id))
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

Session::Session(SessionOptions options) : options_(std::move(options)) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetsMax, kResetsMax);
  const int made = nghttp2_session_server_new2(&session_, SessionCallbacks::all(), this, option);
  nghttp2_option_del(option);
  CHECK(made == 0);
  const std::array<nghttp2_settings_entry, 2> settings = {{
      {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = kStreamWindow},
      {.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, .value = options_.calls_max},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Session::~Session() {
  cancel_all();
  nghttp2_session_del(session_);
}

bool Session::consume(std::string_view in) {
  const auto used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
  broken_ = broken_ || used < 0;
  return !broken_;
}

void Session::render(std::string& out, std::size_t until) {
  while (out.size() < until) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    broken_ = broken_ || size < 0;
    if (size <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

bool Session::over() const {
  return broken_ ||
         (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

void Session::tick(SteadyTime now) {
  for (const auto& [id, stream] : streams_) {
    if (CallHandler* const handler = stream->handler()) handler->on_tick(now);
  }
}

void Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  options_.wake();
}

void Session::drain() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  for (const auto& [id, stream] : streams_) {
    if (CallHandler* const handler = stream->handler()) handler->on_drain();
  }
  options_.wake();
}

void Session::cancel_all() {
  while (!streams_.empty()) end(streams_.begin()->first);
}

Session::Stream* Session::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Session::begin(std::int32_t id) {
  streams_.emplace(id, std::make_shared<Stream>(*this, id));
  options_.calls_changed(1);
}

void Session::end(std::int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto stream = std::move(found->second);
  streams_.erase(found);
  stream->tell_gone();
  options_.calls_changed(-1);
}

}  // namespace rage::rpc::detail
