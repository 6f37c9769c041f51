#include "gateway/detail/server_connection.h"

#include <utility>

#include "gateway/detail/http1_session.h"
#include "gateway/detail/http2_session.h"

namespace rage::gateway::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLingerLimit{500};

}  // namespace

ServerConnection::ServerConnection(ServerShared& shared, int fd, SSL* tls, Peer peer)
    : shared_(shared),
      socket_(fd, tls),
      peer_(std::move(peer)),
      read_timer_(shared.loop,
                  [this] {
                    if (lingering_ || !session_) return shut();
                    session_->on_read_timeout();
                  }),
      write_timer_(shared.loop, [this] { reset(); }) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::start() {
  if (!socket_.watch(shared_.loop, *this)) return shut();
  arm_read_timer(shared_.limits.idle_timeout);
}

void ServerConnection::on_ready(net::Readiness readiness) {
  if (!socket_.open()) return;
  socket_.on_ready(readiness);
  pump();
  if (readiness.writable && socket_.open() && socket_.queued() > 0) flush_later();
}

void ServerConnection::pump() {
  for (int reads = 0; socket_.open(); ++reads) {
    feed_pending();
    if (!socket_.open() || !socket_.readable() || !wants_input()) break;
    if (reads == net::kReadsMax) return flush_later();
    if (!read_once()) return;
  }
  // Nothing is read now, but the peer has left: nobody waits for the answer.
  if (socket_.open() && socket_.peer_closed() && !wants_input() && !closing_) shut();
}

// False: closed, or nothing more for now.
bool ServerConnection::read_once() {
  const std::span<char> scratch = shared_.loop.scratch();
  const net::StreamSocket::Read got = socket_.read(scratch);
  switch (got.status) {
    case net::StreamSocket::Status::kWouldBlock:
      return false;
    case net::StreamSocket::Status::kEnd:
    case net::StreamSocket::Status::kError:
      shut();
      return false;
    case net::StreamSocket::Status::kOk:
      break;
  }
  if (!lingering_) take({scratch.data(), got.bytes});
  return true;
}

void ServerConnection::take(std::string_view fresh) {
  stalled_input_ = false;
  if (!pending_.empty()) {
    pending_.append(fresh);
    return feed_pending();
  }
  const std::size_t used = consume(fresh);
  if (used < fresh.size() && socket_.open() && !closing_) {
    stalled_input_ = wants_input();
    pending_.assign(fresh.substr(used));
  }
}

void ServerConnection::feed_pending() {
  if (pending_.empty() || stalled_input_ || closing_ || !wants_input()) return;
  const std::size_t used = consume(pending_);
  if (used == pending_.size()) {
    std::string().swap(pending_);
  } else {
    pending_.erase(0, used);
    stalled_input_ = wants_input();
  }
}

std::size_t ServerConnection::consume(std::string_view in) {
  if (closing_) return in.size();
  if (!session_ && !choose_session(in)) return 0;
  return session_->consume(in);
}

// By what ALPN agreed on; in clear text, by the first bytes. False: they do not tell yet.
bool ServerConnection::choose_session(std::string_view in) {
  bool http2 = socket_.protocol() == "h2";
  if (!socket_.secure()) {
    const std::string_view preface = kHttp2Preface.substr(0, in.size());
    http2 = in.starts_with(preface);
    if (http2 && preface.size() < kHttp2Preface.size()) return false;
  }
  if (http2) {
    session_ = std::make_unique<Http2Session>(*this);
  } else {
    session_ = std::make_unique<Http1Session>(*this);
  }
  return true;
}

bool ServerConnection::wants_input() const {
  return lingering_ || (!closing_ && (!session_ || session_->wants_input()));
}

void ServerConnection::on_flush() {
  if (!socket_.open()) return;
  if (session_) session_->on_flush();
  flush();
  if (!socket_.open() || closing_) return;
  if ((socket_.readable() && wants_input()) || !pending_.empty()) pump();
}

void ServerConnection::flush() {
  const std::size_t before = socket_.queued();
  if (!socket_.flush()) return shut();
  const std::size_t left = socket_.queued();
  watch_writing(before);
  if (left == 0 && closing_ && !lingering_) return say_goodbye();
  const bool drained = before > kQueuedBytesLow && left <= kQueuedBytesLow;
  if (drained && session_ && !closing_) session_->on_drained();
}

void ServerConnection::watch_writing(std::size_t queued_before) {
  const std::size_t left = socket_.queued();
  if (left == 0) {
    write_timer_.cancel();
  } else if (left < queued_before || !write_timer_.armed()) {
    write_timer_.expire_after(shared_.limits.write_timeout);
  }
}

void ServerConnection::close_after_flush(Goodbye how) {
  closing_ = true;
  goodbye_ = how;
  disarm_read_timer();
  flush_later();
}

void ServerConnection::say_goodbye() {
  if (goodbye_ == Goodbye::kPlain && pending_.empty()) return shut();
  std::string().swap(pending_);
  lingering_ = true;
  socket_.shut_down_sending();
  arm_read_timer(kLingerLimit);
  pump();
}

void ServerConnection::drain() {
  if (session_) return session_->drain();
  if (pending_.empty()) shut();
}

void ServerConnection::reset() {
  socket_.reset();
  shut();
}

void ServerConnection::close() {
  shut();
}

void ServerConnection::shut() {
  if (std::exchange(shut_, true)) return;
  socket_.close();
  read_timer_.cancel();
  write_timer_.cancel();
  if (session_) session_->on_closed();
  if (shared_.closed) shared_.closed(*this);
}

}  // namespace rage::gateway::detail
