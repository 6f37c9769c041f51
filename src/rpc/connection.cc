#include "rpc/detail/connection.h"

#include <span>
#include <utility>

namespace rage::rpc::detail {
namespace {

// What is rendered ahead of the socket.
constexpr std::size_t kFramesAhead = 128 << 10;

}  // namespace

Connection::Connection(const Parts& parts, int fd, SSL* tls, std::shared_ptr<const void> keep)
    : loop_(parts.loop),
      options_(parts.options),
      closed_(parts.closed),
      keep_(std::move(keep)),
      socket_(fd, tls),
      session_({.methods = &parts.methods,
                .message_bytes_max = parts.options.message_bytes_max,
                .calls_max = parts.options.calls_max,
                .wake = [this] { loop_.flush_later(*this); },
                .post = [this](std::function<void()> task) { loop_.post(std::move(task)); },
                .calls_changed = parts.calls_changed}),
      silence_(loop_, [this] { on_silence(); }),
      stuck_(loop_, [this] { close(); }) {}

void Connection::start() {
  if (!loop_.watch(socket_.fd(), *this)) return close();
  silence_.expire_after(options_.greeting_timeout);
}

void Connection::drain() {
  if (!greeted_) return close();
  session_.drain();
}

void Connection::close() {
  if (std::exchange(shut_, true)) return;
  socket_.close();
  silence_.cancel();
  stuck_.cancel();
  session_.cancel_all();
  closed_(*this);
}

void Connection::on_silence() {
  if (!greeted_ || std::exchange(pinged_, true)) return close();
  session_.ping();
  silence_.expire_after(options_.ping_timeout);
}

void Connection::on_ready(net::Readiness readiness) {
  if (!socket_.open()) return;
  // A TLS handshake reads by writing.
  if (readiness.readable || socket_.secure()) readable_ = true;
  read();
  if (socket_.open() && readiness.writable) loop_.flush_later(*this);
}

void Connection::read() {
  for (int reads = 0; readable_; ++reads) {
    if (reads == net::kReadsMax) return loop_.flush_later(*this);  // Others first.
    if (!read_once()) return;
  }
}

// False: closed, or nothing more for now.
bool Connection::read_once() {
  const std::span<char> scratch = loop_.scratch();
  const net::StreamSocket::Read got = socket_.read(scratch);
  switch (got.status) {
    case net::StreamSocket::Status::kWouldBlock:
      readable_ = false;
      return false;
    case net::StreamSocket::Status::kEnd:
    case net::StreamSocket::Status::kError:
      close();
      return false;
    case net::StreamSocket::Status::kOk:
      break;
  }
  greeted_ = true;
  pinged_ = false;
  silence_.expire_after(options_.ping_after);
  const bool fine = session_.consume({scratch.data(), got.bytes});
  loop_.flush_later(*this);
  return fine;
}

void Connection::on_flush() {
  if (!socket_.open()) return;
  write();
  if (socket_.open() && readable_) read();
}

void Connection::write() {
  session_.render(socket_.out(), kFramesAhead);
  const std::size_t before = socket_.queued();
  if (!socket_.flush()) return close();
  const std::size_t left = socket_.queued();
  if (left == 0) {
    stuck_.cancel();
    if (session_.over()) return close();
    if (before >= kFramesAhead) loop_.flush_later(*this);  // There may be more.
  } else if (left < before || !stuck_.armed()) {
    stuck_.expire_after(options_.write_timeout);
  }
}

}  // namespace rage::rpc::detail
