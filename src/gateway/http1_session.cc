#include "gateway/detail/http1_session.h"

#include <utility>

#include "base/check.h"
#include "gateway/detail/local_reply.h"

namespace rage::gateway::detail {
namespace {

// A body that nobody wants is read to its end, to keep the connection, if no more than this is
// left.
constexpr std::uint64_t kDiscardBytesMax = 64 << 10;

}  // namespace

Http1Session::Http1Session(ServerConnection& connection) : connection_(connection) {}

bool Http1Session::wants_input() const {
  if (response_done_) return false;  // on_flush() sees to what comes next.
  return phase_ == Phase::kHead || phase_ == Phase::kDiscard ||
         (phase_ == Phase::kBody && !paused_);
}

std::size_t Http1Session::consume(std::string_view in) {
  std::size_t used = 0;
  while (used < in.size() && wants_input()) {
    const std::size_t taken =
        phase_ == Phase::kHead ? take_head(in.substr(used)) : take_body(in.substr(used));
    used += taken;
    if (taken == 0) break;
  }
  return used;
}

std::size_t Http1Session::take_head(std::string_view in) {
  if (!started_ && in.starts_with("\r\n")) return 2;  // RFC 9112 2.2: some send one after a body.
  const ConnectionLimits& limits = connection_.shared().limits;
  if (!std::exchange(started_, true)) connection_.arm_read_timer(limits.head_timeout);
  const auto end = scanner_.find_end(in);
  const bool too_large = end && (*end ? **end : in.size()) > limits.head.bytes_max;
  if (!end || too_large) {
    refuse(end ? Refusal{431, "the request header is too large"} : end.error());
    return in.size();
  }
  if (!*end) return 0;
  auto parsed = parse_request_head(in.substr(0, **end), limits.head);
  if (parsed && parsed->framing.length > limits.body_bytes_max) {
    parsed = std::unexpected(Refusal{413, "the request body is too large"});
  }
  if (!parsed) {
    refuse(parsed.error());
    return in.size();
  }
  begin(*std::move(parsed));
  return **end;
}

void Http1Session::begin(ParsedRequestHead parsed) {
  connection_.disarm_read_timer();
  decoder_ = BodyDecoder(parsed.framing);
  body_bytes_ = 0;
  paused_ = true;
  http_1_1_ = parsed.http_1_1;
  keep_alive_ = parsed.keep_alive;
  head_only_ = parsed.head.method == "HEAD";
  continue_wanted_ = parsed.expects_continue;
  response_begun_ = response_done_ = false;
  phase_ = decoder_.done() ? Phase::kComplete : Phase::kBody;
  RequestFacts facts{.peer = connection_.peer().address,
                     .listener = connection_.peer().listener,
                     .server_name = connection_.server_name(),
                     .secure = connection_.secure(),
                     .http_1_0 = !http_1_1_,
                     .body = parsed.framing};
  exchange_ =
      connection_.shared().exchanges.make_exchange(*this, std::move(parsed.head), std::move(facts));
  exchange_->start();
}

std::size_t Http1Session::take_body(std::string_view in) {
  std::string_view rest = in;
  continue_wanted_ = false;  // It sends without waiting.
  auto piece = decoder_.next(rest);
  if (!piece) {
    refuse_body({400, "malformed request body: " + piece.error()});
    return in.size();
  }
  body_bytes_ += piece->size();
  if (body_bytes_ > connection_.shared().limits.body_bytes_max) {
    refuse_body({413, "the request body is too large"});
    return in.size();
  }
  const bool discarding = phase_ == Phase::kDiscard;
  if (!discarding) connection_.arm_read_timer(connection_.shared().limits.body_timeout);
  if (!piece->empty() && !discarding) exchange_->on_body(*piece);
  if (decoder_.done() && !response_done_) {
    connection_.disarm_read_timer();
    phase_ = Phase::kComplete;
    if (discarding) {
      next_turn();
    } else {
      exchange_->on_body_end();
    }
  }
  return in.size() - rest.size();
}

// The client's mistake, before an exchange knows of it.
void Http1Session::refuse(const Refusal& refusal) {
  keep_alive_ = false;
  phase_ = Phase::kComplete;
  const LocalReply reply = make_local_reply(refusal.status, refusal.text);
  render_response_head(reply.head, Framing::of_length(reply.body.size()), Persistence::kClose,
                       connection_.out());
  connection_.out().append(reply.body);
  connection_.close_after_flush(ServerConnection::Goodbye::kLinger);
}

void Http1Session::refuse_body(Refusal refusal) {
  keep_alive_ = false;
  const bool discarding = phase_ == Phase::kDiscard;
  phase_ = Phase::kComplete;
  connection_.disarm_read_timer();
  if (discarding) {
    return connection_.close_after_flush(ServerConnection::Goodbye::kLinger);
  }
  exchange_->on_body_refused(refusal);
}

bool Http1Session::may_discard_rest() const {
  return phase_ == Phase::kComplete ||
         (decoder_.left() > 0 && decoder_.left() <= kDiscardBytesMax && !continue_wanted_);
}

void Http1Session::send_head(const ResponseHead& head, const Framing& framing) {
  CHECK(!response_begun_);
  response_begun_ = true;
  response_framing_ = head_only_ ? Framing::Kind::kNone : framing.kind;
  if (!may_discard_rest() || connection_.shared().draining) keep_alive_ = false;
  Framing sent = framing;
  if (!http_1_1_ && response_framing_ == Framing::Kind::kChunked) {
    sent.kind = response_framing_ = Framing::Kind::kUntilClose;
    keep_alive_ = false;
  }
  const Persistence persistence = !keep_alive_ ? Persistence::kClose
                                  : http_1_1_  ? Persistence::kKeepAlive
                                               : Persistence::kKeepAlive10;
  render_response_head(head, sent, persistence, connection_.out());
  connection_.flush_later();
}

void Http1Session::send_body(std::string_view bytes) {
  switch (response_framing_) {
    case Framing::Kind::kNone:
      return;
    case Framing::Kind::kChunked:
      append_chunk(bytes, connection_.out());
      break;
    case Framing::Kind::kLength:
    case Framing::Kind::kUntilClose:
      connection_.out().append(bytes);
      break;
  }
  connection_.flush_later();
}

void Http1Session::end(const HeaderBlock*) {
  CHECK(response_begun_ && !response_done_);
  if (response_framing_ == Framing::Kind::kChunked) connection_.out().append(kLastChunk);
  response_done_ = true;
  connection_.flush_later();
}

void Http1Session::abort() {
  response_done_ = true;
  keep_alive_ = false;
  // Without its last chunk or all of its length a body is seen to be cut off; one that ends with
  // the connection needs a reset for that.
  const bool looks_cut =
      response_framing_ == Framing::Kind::kChunked || response_framing_ == Framing::Kind::kLength;
  if (!looks_cut) return connection_.reset();
  connection_.close_after_flush(ServerConnection::Goodbye::kPlain);
}

void Http1Session::resume_body() {
  if (!std::exchange(paused_, false) || phase_ != Phase::kBody) return;
  if (std::exchange(continue_wanted_, false)) {
    connection_.out().append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  connection_.arm_read_timer(connection_.shared().limits.body_timeout);
  connection_.flush_later();  // Which reads on; not now, the caller may stand in the middle of it.
}

void Http1Session::pause_body() {
  paused_ = true;
  connection_.disarm_read_timer();
}

void Http1Session::on_flush() {
  if (!response_done_ || !exchange_) return;
  exchange_.reset();
  response_done_ = false;
  connection_.disarm_read_timer();
  if (!keep_alive_) {
    connection_.close_after_flush(phase_ == Phase::kComplete ? ServerConnection::Goodbye::kPlain
                                                             : ServerConnection::Goodbye::kLinger);
  } else if (phase_ == Phase::kComplete) {
    next_turn();
  } else {
    phase_ = Phase::kDiscard;
    connection_.arm_read_timer(connection_.shared().limits.body_timeout);
  }
}

void Http1Session::next_turn() {
  if (connection_.shared().draining) {
    return connection_.close_after_flush(ServerConnection::Goodbye::kPlain);
  }
  phase_ = Phase::kHead;
  scanner_ = HeadScanner();
  started_ = false;
  connection_.arm_read_timer(connection_.shared().limits.idle_timeout);
}

void Http1Session::on_drained() {
  if (exchange_ && !response_done_) exchange_->on_client_drained();
}

void Http1Session::on_read_timeout() {
  if (phase_ == Phase::kHead && started_) {
    return refuse({408, "the request did not arrive in time"});
  }
  if (phase_ == Phase::kBody && exchange_) {
    return refuse_body({408, "the request body did not arrive in time"});
  }
  connection_.close();
}

void Http1Session::on_closed() {
  if (exchange_ && !std::exchange(response_done_, true)) exchange_->on_client_gone();
}

void Http1Session::drain() {
  if (phase_ == Phase::kHead && !started_) {
    connection_.close_after_flush(ServerConnection::Goodbye::kPlain);
  }
}

}  // namespace rage::gateway::detail
