#include "rpc/detail/client_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "codec/uri.h"

namespace rage::rpc::detail {
namespace {

constexpr std::size_t kAnswerFieldBytesMax = 4096;

}  // namespace

void ClientStream::send(std::string_view message) {
  if (over() || half_closed_) return;
  append_message(message, out_);
  resume();
}

void ClientStream::half_close() {
  half_closed_ = true;
  resume();
}

void ClientStream::cancel() {
  replies_.reset();
  stop_the_server();
}

void ClientStream::end(const Status& status) {
  if (const auto replies = std::exchange(replies_, nullptr)) replies->on_end(status);
}

void ClientStream::resume() {
  if (session_ == nullptr || !std::exchange(deferred_, false)) return;
  nghttp2_session_resume_data(session_->native_, id_);
  session_->wake_();
}

void ClientStream::stop_the_server() {
  if (session_ == nullptr) return;
  nghttp2_submit_rst_stream(session_->native_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  session_->wake_();
}

void ClientStream::take_field(std::string_view name, std::string_view value) {
  std::string* const wanted = name == ":status"        ? &http_status_
                              : name == "grpc-status"  ? &grpc_status_
                              : name == "grpc-message" ? &grpc_message_
                                                       : nullptr;
  if (wanted != nullptr) *wanted = value.substr(0, kAnswerFieldBytesMax);
}

void ClientStream::take_data(std::string_view bytes) {
  std::string_view message;
  while (!over()) {
    switch (reader_.next(bytes, message)) {
      case MessageReader::State::kMessage: {
        const auto replies = replies_;  // It may cancel.
        replies->on_message(message);
        break;
      }
      case MessageReader::State::kMore:
        return;
      case MessageReader::State::kTooLarge:
        end({StatusCode::kResourceExhausted, "the message is too large"});
        return stop_the_server();
      case MessageReader::State::kCompressed:
        end({StatusCode::kUnimplemented, "compressed messages are not understood"});
        return stop_the_server();
    }
  }
}

void ClientStream::take_end() {
  end(status());
  if (!half_closed_) stop_the_server();
}

Status ClientStream::status() const {
  if (const auto code = parse_uint(grpc_status_)) {
    if (*code == 0 && reader_.partial()) {
      return {StatusCode::kInternal, "the last message is cut off"};
    }
    return {static_cast<StatusCode>(std::min<std::uint64_t>(*code, 16)),
            codec::percent_decode(grpc_message_).value_or(grpc_message_)};
  }
  if (http_status_ != "200") {
    return {StatusCode::kUnavailable, "HTTP status " + http_status_ + " instead of an answer"};
  }
  return {StatusCode::kInternal, "the call ended without a status"};
}

ssize_t ClientStream::read_out(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                               std::uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& self = *static_cast<ClientStream*>(source->ptr);
  const std::size_t taken = std::min(size, self.out_.size() - self.sent_);
  if (taken == 0 && !self.half_closed_) {
    self.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(into, self.out_.data() + self.sent_, taken);
  self.sent_ += taken;
  if (self.sent_ == self.out_.size()) {
    self.out_.clear();
    self.sent_ = 0;
    if (self.half_closed_) *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return static_cast<ssize_t>(taken);
}

// What nghttp2 calls while it reads or writes.
struct ClientSessionCallbacks {
  static ClientSession& self(void* user) { return *static_cast<ClientSession*>(user); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    if (ClientStream* const stream = self(user).find(frame->hd.stream_id)) {
      stream->take_field(text_of(name, name_size), text_of(value, value_size));
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).going_away_ = true;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!last || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
    if (ClientStream* const stream = self(user).find(frame->hd.stream_id)) stream->take_end();
    return 0;
  }

  static int on_data(nghttp2_session* native, std::uint8_t, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user) {
    nghttp2_session_consume(native, id, size);
    if (ClientStream* const stream = self(user).find(id)) stream->take_data(text_of(bytes, size));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    if (const auto stream = self(user).take(id)) {
      stream->end({StatusCode::kUnavailable,
                   std::string("the server reset the call: ") + nghttp2_http2_strerror(code)});
    }
    return 0;
  }

  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (auto stream = self(user).take(frame->hd.stream_id)) {
      self(user).options_.unsent(std::move(stream));
    }
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const kAll = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_header_callback(made, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_not_sent);
      return made;
    }();
    return kAll;
  }
};

ClientSession::ClientSession(Options options)
    : Http2Session(options.wake), options_(std::move(options)) {
  nghttp2_option* const option = make_options();
  const int made =
      nghttp2_session_client_new2(&native_, ClientSessionCallbacks::all(), this, option);
  nghttp2_option_del(option);
  CHECK(made == 0);
  const std::array<nghttp2_settings_entry, 2> settings = {{
      {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, .value = kStreamWindow},
      {.settings_id = NGHTTP2_SETTINGS_ENABLE_PUSH, .value = 0},
  }};
  nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

ClientSession::~ClientSession() {
  cancel_all();
}

void ClientSession::begin(std::shared_ptr<ClientStream> stream) {
  if (stream->over()) return;
  const std::array<nghttp2_nv, 6> head = {
      field(":method", "POST"),      field(":scheme", options_.scheme),
      field(":path", stream->path_), field(":authority", options_.authority),
      field("te", "trailers"),       field("content-type", "application/grpc")};
  const nghttp2_data_provider body{.source = {.ptr = stream.get()},
                                   .read_callback = &ClientStream::read_out};
  const std::int32_t id =
      nghttp2_submit_request(native_, nullptr, head.data(), head.size(), &body, nullptr);
  if (id < 0) {  // Ids have run out.
    going_away_ = true;
    return stream->end({StatusCode::kUnavailable, nghttp2_strerror(id)});
  }
  stream->session_ = this;
  stream->id_ = id;
  streams_.emplace(id, std::move(stream));
  wake_();
}

void ClientSession::cancel_all() {
  while (!streams_.empty()) {
    take(streams_.begin()->first)->end({StatusCode::kUnavailable, "the connection was closed"});
  }
}

ClientStream* ClientSession::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

std::shared_ptr<ClientStream> ClientSession::take(std::int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return nullptr;
  auto stream = std::move(found->second);
  streams_.erase(found);
  stream->session_ = nullptr;
  return stream;
}

}  // namespace rage::rpc::detail
