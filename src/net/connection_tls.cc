// What TLS adds to a connection: its beginning, its end, and the worker's way to the peer.
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "net/detail/connection.h"
#include "obs/log.h"

namespace rage::net::detail {
namespace {

using boost::system::error_code;

constexpr std::size_t kTlsRecordBytes = 16 << 10;

}  // namespace

// Who speaks plain HTTP here, offers nothing we accept or dawdles is cut off.
Task<bool> Connection::shake_hands() {
  arm(shared_.options.handshake_timeout);
  auto [error] = co_await tls_->async_handshake(TlsStream::server, kTuple);
  disarm();
  if (!error) co_return true;
  obs::log().debug("TLS handshake failed", {{"error", error.message()}});
  co_return false;
}

// Without the close_notify alert a peer could not tell a response's end from a cut connection. We
// wait for no answer to it: linger() takes what still comes, encrypted or not.
Task<void> Connection::say_goodbye() {
  timed_out_ = false;
  arm(kLingerLimit);
  SSL_set_shutdown(tls_->native_handle(), SSL_RECEIVED_SHUTDOWN);
  auto [error] = co_await tls_->async_shutdown(kTuple);
  (void)error;
  disarm();
}

bool Connection::write_through_loop(std::string_view bytes) {
  if (bytes.empty()) return true;
  {
    MutexLock lock(write_mutex_);
    write_state_ = WriteState::kRunning;
  }
  asio::post(shared_.loop, [this, bytes] { begin_write(bytes); });
  MutexLock lock(write_mutex_);
  while (write_state_ == WriteState::kRunning) write_ended_.wait(write_mutex_);
  return write_state_ == WriteState::kWritten;
}

void Connection::begin_write(std::string_view bytes) {
  if (cancelled_) return end_write(false);
  const asio::const_buffer buffer = asio::buffer(bytes);
  asio::async_write(
      *tls_, buffer,
      [this](const error_code& error, std::size_t) { return on_write_progress(error); },
      [this](const error_code& error, std::size_t) { end_write(!error); });
}

// Before the first record and after each: the time-out is for the peer to take the next one, and,
// past the request's deadline, for all the rest. expire_if_due() watches it.
std::size_t Connection::on_write_progress(const error_code& error) {
  const auto timeout = shared_.options.write_timeout;
  write_deadline_ = std::chrono::steady_clock::now() + timeout;
  if (context_.deadline) write_deadline_ = std::min(write_deadline_, *context_.deadline + timeout);
  return error ? 0 : kTlsRecordBytes;
}

void Connection::end_write(bool written) {
  write_deadline_ = SteadyTime::max();
  MutexLock lock(write_mutex_);
  write_state_ = written ? WriteState::kWritten : WriteState::kFailed;
  write_ended_.notify_all();
}

}  // namespace rage::net::detail
