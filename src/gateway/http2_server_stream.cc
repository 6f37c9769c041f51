#include "gateway/detail/http2_server_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/detail/http1_head.h"
#include "gateway/detail/http2_fields.h"
#include "gateway/detail/http2_session.h"
#include "gateway/detail/local_reply.h"

namespace rage::gateway::detail {

void Http2ServerStream::take_field(std::string_view name, std::string_view value) {
  head_bytes_ += name.size() + value.size() + 32;  // As RFC 9113 10.5.1 counts.
  if (head_bytes_ > session_.connection_.shared().limits.head.bytes_max) return;
  if (name == ":method") {
    head_.method = value;
  } else if (name == ":path") {
    head_.target = value;
  } else if (name == ":authority" || (name == "host" && head_.authority.empty())) {
    head_.authority = value;
  } else if (!name.starts_with(':')) {
    add_received_field(name, value, head_.headers);
  }
}

// nghttp2 has refused what is no HTTP (RFC 9113 8.1.1): names, values, lengths that lie.
std::optional<Refusal> Http2ServerStream::check_head(const ConnectionLimits& limits,
                                                     RequestFacts& facts, bool has_body) {
  const auto length = take_content_length(head_.headers);
  if (head_bytes_ > limits.head.bytes_max || head_.headers.size() > limits.head.fields_max) {
    return Refusal{431, "the request header is too large"};
  }
  if (has_body) facts.body = length ? Framing::of_length(*length) : Framing::chunked();
  if (!has_body && length) facts.body = Framing::of_length(0);
  if (facts.body.length > limits.body_bytes_max) {
    return Refusal{413, "the request body is too large"};
  }
  const std::string target = std::exchange(head_.target, {});
  return read_target(target, head_);
}

void Http2ServerStream::begin(ExchangeFactory& exchanges, const ConnectionLimits& limits,
                              RequestFacts facts, bool has_body) {
  head_only_ = head_.method == "HEAD";
  body_done_ = !has_body;
  body_bytes_max_ = limits.body_bytes_max;
  if (const auto refusal = check_head(limits, facts, has_body)) {
    const LocalReply reply = make_local_reply(refusal->status, refusal->text);
    send_head(reply.head, Framing::of_length(reply.body.size()));
    send_body(reply.body);
    return end(nullptr);
  }
  exchange_ = exchanges.make_exchange(*this, std::move(head_), std::move(facts));
  exchange_->start();
}

void Http2ServerStream::take_body(std::string_view bytes) {
  unconsumed_ += bytes.size();
  body_bytes_ += bytes.size();
  if (!exchange_ || done_) return;
  if (body_bytes_ > body_bytes_max_) return refuse_body({413, "the request body is too large"});
  exchange_->on_body(bytes);
  if (paused_ || done_) return;
  nghttp2_session_consume_stream(session_.session_, id_, std::exchange(unconsumed_, 0));
}

void Http2ServerStream::take_end() {
  if (std::exchange(body_done_, true) || !exchange_ || done_) return;
  exchange_->on_body_end();
}

void Http2ServerStream::refuse_body(Refusal refusal) {
  if (exchange_ && !done_) exchange_->on_body_refused(refusal);
}

void Http2ServerStream::tell_drained() {
  if (exchange_ && !done_) exchange_->on_client_drained();
}

void Http2ServerStream::tell_gone() {
  if (exchange_ && !std::exchange(done_, true)) exchange_->on_client_gone();
}

void Http2ServerStream::resume_body() {
  if (!std::exchange(paused_, false)) return;
  nghttp2_session_consume_stream(session_.session_, id_, std::exchange(unconsumed_, 0));
  session_.arm_timer();
  send_now();
}

void Http2ServerStream::send_head(const ResponseHead& head, const Framing& framing) {
  FieldList fields;
  const std::string status = std::to_string(head.status);
  fields.add(":status", status);
  fields.add_all(head.headers);
  fields.add_length(framing);
  // Its end on the head itself: that is how gRPC knows a reply without messages.
  const bool empty = framing.kind == Framing::Kind::kLength && framing.length == 0;
  bodiless_ = head_only_ || framing.kind == Framing::Kind::kNone || empty;
  const nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = &read_out};
  nghttp2_submit_response(session_.session_, id_, fields.data(), fields.size(),
                          bodiless_ ? nullptr : &provider);
  send_now();
}

void Http2ServerStream::send_body(std::string_view bytes) {
  if (bodiless_) return;
  out_.append(bytes);
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.session_, id_);
  send_now();
}

void Http2ServerStream::end(const HeaderBlock* trailers) {
  ended_ = done_ = true;
  if (trailers != nullptr) trailers_ = *trailers;
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.session_, id_);
  stop_the_client();
  send_now();
}

// The rest of the request is not wanted (RFC 9113 8.1). Said after the answer, for nghttp2 drops
// what a stream that is to be reset still has to send.
void Http2ServerStream::stop_the_client() {
  if (ended_ && end_sent_ && !body_done_) reset(NGHTTP2_NO_ERROR);
}

void Http2ServerStream::on_end_sent() {
  end_sent_ = true;
  stop_the_client();
}

void Http2ServerStream::abort() {
  done_ = true;
  reset(NGHTTP2_INTERNAL_ERROR);
}

void Http2ServerStream::reset(std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, code);
  send_now();
}

void Http2ServerStream::send_now() {
  session_.connection_.flush_later();
}

ssize_t Http2ServerStream::read_out(nghttp2_session* native, std::int32_t id, std::uint8_t* into,
                                    std::size_t size, std::uint32_t* flags,
                                    nghttp2_data_source* source, void*) {
  auto& self = *static_cast<Http2ServerStream*>(source->ptr);
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
    self.session_.drained_.push_back(id);
  }
  if (self.ended_ && self.queued() == 0) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (self.trailers_.size() > 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      FieldList fields;
      fields.add_all(self.trailers_);
      nghttp2_submit_trailer(native, id, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(taken);
}

}  // namespace rage::gateway::detail
