#include "rpc/detail/connection.h"

#include <span>
#include <utility>

namespace rage::rpc::detail {
namespace {

// What is rendered ahead of the socket.
constexpr std::size_t kFramesAhead = 128 << 10;
// For the peer to hear that it shall go; then it may be gone already.
constexpr std::chrono::seconds kGoodbye{1};

}  // namespace

Connection::Connection(Parts parts, int fd, SSL* tls, std::shared_ptr<const void> keep)
    : parts_(std::move(parts)),
      keep_(std::move(keep)),
      socket_(fd, tls),
      session_(parts_.make_session([this] { parts_.loop.flush_later(*this); })),
      silence_(parts_.loop, [this] { on_silence(); }),
      stuck_(parts_.loop, [this] { close(); }) {}

void Connection::start() {
  if (!socket_.watch(parts_.loop, *this)) return close();
  silence_.expire_after(parts_.timeouts.greeting);
}

void Connection::drain() {
  draining_ = true;
  session_->drain();
  silence_.expire_after(kGoodbye);
}

void Connection::close() {
  if (std::exchange(shut_, true)) return;
  socket_.close();
  silence_.cancel();
  stuck_.cancel();
  session_->cancel_all();
  parts_.closed(*this);
}

void Connection::on_silence() {
  if (!greeted_ || (draining_ && session_->idle())) return close();
  if (std::exchange(pinged_, true)) return close();
  session_->ping();
  silence_.expire_after(parts_.timeouts.ping);
}

void Connection::on_ready(net::Readiness readiness) {
  if (!socket_.open()) return;
  socket_.on_ready(readiness);
  read();
  if (socket_.open() && readiness.writable) parts_.loop.flush_later(*this);
}

void Connection::read() {
  for (int reads = 0; socket_.readable(); ++reads) {
    if (reads == net::kReadsMax) return parts_.loop.flush_later(*this);  // Others first.
    if (!read_once()) return;
  }
}

// False: closed, or nothing more for now.
bool Connection::read_once() {
  const std::span<char> scratch = parts_.loop.scratch();
  const net::StreamSocket::Read got = socket_.read(scratch);
  switch (got.status) {
    case net::StreamSocket::Status::kWouldBlock:
      return false;
    case net::StreamSocket::Status::kEnd:
    case net::StreamSocket::Status::kError:
      close();
      return false;
    case net::StreamSocket::Status::kOk:
      break;
  }
  pinged_ = false;
  if (parts_.timeouts.ping_after.count() > 0) {
    silence_.expire_after(parts_.timeouts.ping_after);
  } else {
    silence_.cancel();
  }
  if (!std::exchange(greeted_, true)) parts_.greeted();
  const bool fine = session_->consume({scratch.data(), got.bytes});
  parts_.loop.flush_later(*this);
  return fine;
}

void Connection::on_flush() {
  if (!socket_.open()) return;
  write();
  if (socket_.open() && socket_.readable()) read();
}

void Connection::write() {
  if (socket_.queued() < kFramesAhead) {
    session_->render(socket_.out(), kFramesAhead - socket_.queued());
  }
  const std::size_t before = socket_.queued();
  if (!socket_.flush()) return close();
  const std::size_t left = socket_.queued();
  if (left == 0) {
    stuck_.cancel();
    if (session_->over()) return close();
    if (before >= kFramesAhead) parts_.loop.flush_later(*this);  // There may be more.
  } else if (left < before || !stuck_.armed()) {
    stuck_.expire_after(parts_.timeouts.write);
  }
}

}  // namespace rage::rpc::detail
