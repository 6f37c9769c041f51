#include "net/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rage::net {
namespace {

// What an idle connection may keep of its buffer.
constexpr std::size_t kKeptBytesMax = 2 << 10;
constexpr std::size_t kTlsWriteMax = 1 << 20;

}  // namespace

StreamSocket::StreamSocket(int fd, SSL* tls) : fd_(fd), tls_(tls) {
  const int yes = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (tls_ == nullptr) return;
  SSL_set_fd(tls_, fd_);
  SSL_set_mode(tls_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS);
}

StreamSocket::~StreamSocket() {
  close();
}

std::string_view StreamSocket::protocol() const {
  if (tls_ == nullptr) return {};
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(tls_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string StreamSocket::server_name() const {
  const char* const name =
      tls_ == nullptr ? nullptr : SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : std::string(name);
}

bool StreamSocket::watch(EventLoop& loop, IoHandler& handler) {
  if (!loop.watch(fd_, handler)) return false;
  loop_ = &loop;
  return true;
}

void StreamSocket::on_ready(Readiness readiness) {
  // A TLS handshake reads by writing.
  if (readiness.readable || secure()) readable_ = true;
  if (readiness.peer_closed) peer_closed_ = true;
}

StreamSocket::Read StreamSocket::read(std::span<char> into) {
  const Read got = secure() ? read_tls(into) : read_plain(into);
  // A short read has emptied the socket, and whatever comes next announces itself. Not so if TLS
  // holds something back, or the end was announced already.
  const bool emptied =
      got.status == Status::kOk && got.bytes < into.size() && !secure() && !peer_closed_;
  if (got.status == Status::kWouldBlock || emptied) readable_ = false;
  return got;
}

StreamSocket::Read StreamSocket::read_plain(std::span<char> into) {
  const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
  if (got > 0) return {.status = Status::kOk, .bytes = static_cast<std::size_t>(got)};
  if (got == 0) return {.status = Status::kEnd};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {.status = later ? Status::kWouldBlock : Status::kError};
}

StreamSocket::Read StreamSocket::read_tls(std::span<char> into) {
  ERR_clear_error();
  const int got = SSL_read(tls_, into.data(), static_cast<int>(into.size()));
  if (got > 0) return {.status = Status::kOk, .bytes = static_cast<std::size_t>(got)};
  switch (SSL_get_error(tls_, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {.status = Status::kWouldBlock};
    case SSL_ERROR_ZERO_RETURN:
      return {.status = Status::kEnd};
    default:  // An end without a close_notify among them: the body may have been cut off.
      return {.status = Status::kError};
  }
}

std::ptrdiff_t StreamSocket::write_some(std::string_view bytes) {
  if (tls_ == nullptr) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOTCONN ? 0 : -1;
  }
  ERR_clear_error();
  const int sent =
      SSL_write(tls_, bytes.data(), static_cast<int>(std::min(bytes.size(), kTlsWriteMax)));
  if (sent > 0) return sent;
  const int error = SSL_get_error(tls_, sent);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool StreamSocket::flush() {
  while (sent_ < out_.size()) {
    const std::ptrdiff_t sent = write_some(std::string_view(out_).substr(sent_));
    if (sent < 0) {
      readable_ = peer_closed_ = true;
      return false;
    }
    if (sent == 0) break;
    sent_ += static_cast<std::size_t>(sent);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
    if (out_.capacity() > kKeptBytesMax) std::string().swap(out_);
  } else if (sent_ > out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  return true;
}

void StreamSocket::shut_down_sending() {
  if (tls_ != nullptr) SSL_shutdown(tls_);
  ::shutdown(fd_, SHUT_WR);
}

void StreamSocket::close() {
  if (fd_ < 0) return;
  SSL_free(std::exchange(tls_, nullptr));
  if (loop_ != nullptr) loop_->unwatch(fd_);
  ::close(std::exchange(fd_, -1));
  std::string().swap(out_);
  sent_ = 0;
  readable_ = false;
}

void StreamSocket::reset() {
  if (fd_ < 0) return;
  const linger abrupt{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
  close();
}

}  // namespace rage::net
