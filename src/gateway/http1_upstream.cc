#include "gateway/detail/http1_upstream.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "gateway/detail/connecting.h"

namespace rage::gateway::detail {
Http1Upstream::Http1Upstream(net::EventLoop& loop, Http1UpstreamOwner& owner,
                             const UpstreamLimits& limits, const net::Address& address)
    : loop_(loop),
      owner_(owner),
      limits_(limits),
      address_(address),
      socket_(open_socket(address)),
      timer_(loop, [this] { on_timeout(); }) {
  connect();
}

void Http1Upstream::connect() {
  const ConnectStart start = start_connecting(socket_, address_, loop_, *this);
  connecting_ = start != ConnectStart::kConnected;
  // Whoever asked for the connection hears of a failure once it is ready to.
  if (start == ConnectStart::kFailed) timer_.expire_after(std::chrono::milliseconds(0));
  if (start == ConnectStart::kUnderWay) timer_.expire_after(limits_.connect_timeout);
}

void Http1Upstream::begin(UpstreamEvents& events) {
  CHECK(phase_ == Phase::kIdle && events_ == nullptr);
  events_ = &events;
  phase_ = Phase::kHead;
  scanner_ = HeadScanner();
  paused_ = request_ended_ = replied_ = sent_ = false;
  reused_ = served_;
  if (served_) timer_.cancel();
}

void Http1Upstream::send_head(const RequestHead& head, const Framing& framing) {
  head_request_ = head.method == "HEAD";
  request_framing_ = framing.kind;
  render_request_head(head, framing, socket_.out());
  loop_.flush_later(*this);
}

void Http1Upstream::send_body(std::string_view bytes) {
  if (request_framing_ == Framing::Kind::kChunked) {
    append_chunk(bytes, socket_.out());
  } else {
    socket_.out().append(bytes);
  }
  loop_.flush_later(*this);
}

void Http1Upstream::end() {
  if (request_framing_ == Framing::Kind::kChunked) socket_.out().append(kLastChunk);
  request_ended_ = true;
  loop_.flush_later(*this);
}

void Http1Upstream::resume() {
  if (std::exchange(paused_, false)) loop_.flush_later(*this);
}

void Http1Upstream::cancel() {
  events_ = nullptr;
  close();  // Half an exchange cannot be taken back on HTTP/1.1.
}

void Http1Upstream::on_ready(net::Readiness readiness) {
  if (closed_) return;
  socket_.on_ready(readiness);
  if (connecting_) {
    check_connected();
    if (closed_) return;
    loop_.flush_later(*this);
  }
  pump();
  if (!closed_ && readiness.writable && socket_.queued() > 0) loop_.flush_later(*this);
}

void Http1Upstream::check_connected() {
  const int error = connect_error(socket_.fd());
  if (error != 0) return fail(UpstreamFailure::Kind::kConnect, std::strerror(error));
  connecting_ = false;
  timer_.cancel();
}

void Http1Upstream::pump() {
  const std::span<char> scratch = loop_.scratch();
  for (int reads = 0; !closed_ && socket_.readable() && !paused_; ++reads) {
    if (reads == net::kReadsMax) return loop_.flush_later(*this);
    const net::StreamSocket::Read got = socket_.read(scratch);
    switch (got.status) {
      case net::StreamSocket::Status::kWouldBlock:
        return;
      case net::StreamSocket::Status::kEnd:
        return on_end_of_stream(false);
      case net::StreamSocket::Status::kError:
        return on_end_of_stream(true);
      case net::StreamSocket::Status::kOk:
        break;
    }
    consume({scratch.data(), got.bytes});
  }
}

void Http1Upstream::consume(std::string_view in) {
  std::string whole;
  if (!pending_.empty()) {
    whole = std::exchange(pending_, {});
    whole.append(in);
    in = whole;
  }
  while (!in.empty() && !closed_) {
    switch (phase_) {
      case Phase::kIdle:  // Bytes that nobody asked for.
        return close();
      case Phase::kHead:
        if (!take_head(in)) return;
        break;
      case Phase::kBody:
        if (!take_body(in)) return;
        break;
    }
  }
}

// False: nothing more to do with `in`.
bool Http1Upstream::take_head(std::string_view& in) {
  replied_ = true;
  const auto end = scanner_.find_end(in);
  if (!end) return fail(UpstreamFailure::Kind::kProtocol, end.error().text), false;
  if ((*end ? **end : in.size()) > limits_.head.bytes_max) {
    return fail(UpstreamFailure::Kind::kProtocol, "the header is too large"), false;
  }
  if (!*end) {
    pending_.assign(in);
    return false;
  }
  auto parsed = parse_response_head(in.substr(0, **end),
                                    head_request_ ? ReplyTo::kHead : ReplyTo::kOther, limits_.head);
  if (!parsed) return fail(UpstreamFailure::Kind::kProtocol, parsed.error()), false;
  if (parsed->head.status == 101) {
    return fail(UpstreamFailure::Kind::kProtocol, "it switches protocols unasked"), false;
  }
  in.remove_prefix(**end);
  scanner_ = HeadScanner();
  if (parsed->head.status < 200) return true;  // The final one is still to come.
  keep_alive_ = parsed->keep_alive;
  decoder_ = BodyDecoder(parsed->framing);
  phase_ = Phase::kBody;
  events_->on_upstream_head(std::move(parsed->head), parsed->framing);
  if (closed_ || events_ == nullptr) return false;
  if (decoder_.done()) finish(in.empty());
  return !decoder_.done();
}

bool Http1Upstream::take_body(std::string_view& in) {
  const auto piece = decoder_.next(in);
  if (!piece) return fail(UpstreamFailure::Kind::kProtocol, piece.error()), false;
  if (!piece->empty()) events_->on_upstream_body(*piece);
  if (closed_ || events_ == nullptr) return false;
  if (!decoder_.done()) return true;
  finish(in.empty());
  return false;
}

// The reply is complete.
void Http1Upstream::finish(bool reusable) {
  UpstreamEvents* const events = std::exchange(events_, nullptr);
  phase_ = Phase::kIdle;
  served_ = true;
  if (reusable && keep_alive_ && request_ended_ && !socket_.peer_closed() &&
      socket_.queued() == 0) {
    timer_.expire_after(limits_.idle_timeout);
    owner_.on_idle(*this);
  } else {
    close();
  }
  events->on_upstream_end(nullptr);
}

void Http1Upstream::on_end_of_stream(bool broken) {
  if (events_ == nullptr) return close();
  if (phase_ == Phase::kBody) {
    if (!broken && decoder_.end_of_stream()) return finish(false);
    return fail(UpstreamFailure::Kind::kBroken, "the connection ended in the middle of a body");
  }
  fail(replied_ ? UpstreamFailure::Kind::kBroken : UpstreamFailure::Kind::kReset,
       "the connection was closed without a reply");
}

void Http1Upstream::fail(UpstreamFailure::Kind kind, std::string text) {
  UpstreamEvents* const events = std::exchange(events_, nullptr);
  close();
  if (events == nullptr) return;
  events->on_upstream_failure(
      {.kind = kind, .text = std::move(text), .reused = reused_, .unsent = !sent_});
}

void Http1Upstream::on_timeout() {
  fail(UpstreamFailure::Kind::kConnect, "it does not answer");  // Idle: nobody hears of it.
}

void Http1Upstream::on_flush() {
  if (closed_ || connecting_) return;
  const std::size_t before = socket_.queued();
  const bool flushed = socket_.flush();
  sent_ = sent_ || socket_.queued() < before;
  if (!flushed) {
    // What it may have answered before it left is still to be read.
    paused_ = false;
    pump();
    if (!closed_ && events_ != nullptr) on_end_of_stream(true);
    return;
  }
  const bool drained = before > kQueuedBytesLow && socket_.queued() <= kQueuedBytesLow;
  if (drained && events_ != nullptr) events_->on_upstream_drained();
  if (!closed_ && socket_.readable() && !paused_) pump();
}

void Http1Upstream::close() {
  if (std::exchange(closed_, true)) return;
  socket_.close();
  timer_.cancel();
  owner_.on_closed(*this);
}

}  // namespace rage::gateway::detail
