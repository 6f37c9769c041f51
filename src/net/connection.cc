#include "net/detail/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <exception>
#include <functional>
#include <utility>

#include "base/check.h"
#include "net/detail/response_stream.h"
#include "obs/log.h"

namespace rage::net::detail {
namespace {

using boost::system::error_code;

constexpr std::size_t kInputBytesFirst = 4 << 10;
constexpr std::size_t kInputBytesMax = 64 << 10;
constexpr std::size_t kRequestIdBytesMax = 128;
constexpr std::size_t kLingerBytesMax = 1 << 20;

// A caller's id goes into logs: printable ASCII or it is not taken.
bool is_usable_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdBytesMax &&
         std::ranges::all_of(id, [](char c) { return c > ' ' && c < 0x7F; });
}

RequestLimits limits_of(const HttpServerOptions& options) {
  return {.header_bytes_max = options.header_bytes_max, .body_bytes_max = options.body_bytes_max};
}

}  // namespace

asio::mutable_buffer InputBuffer::prepare() {
  // A read that reached the end suggests that more is waiting than fits.
  const bool filled = end_ == storage_.size();
  if (begin_ > 0 && (filled || begin_ == end_)) {
    std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (filled) {
    storage_.resize(std::min(bytes_max_, std::max(kInputBytesFirst, storage_.size() * 2)));
  }
  return asio::buffer(storage_.data() + end_, storage_.size() - end_);
}

void InputBuffer::consume(std::size_t bytes) {
  begin_ += bytes;
  CHECK(begin_ <= end_);
}

Connection::Connection(ServerShared& shared, Socket socket, std::shared_ptr<asio::ssl::context> tls)
    : shared_(shared),
      socket_(std::move(socket)),
      handled_(socket_.get_executor(), SteadyTime::max()),
      fd_(socket_.native_handle()),
      input_(std::max(kInputBytesMax, shared.options.header_bytes_max)),
      parser_(limits_of(shared.options)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  // The worker writes to the descriptor itself and must never be held by it.
  socket_.native_non_blocking(true, ignored);
  if (tls) tls_.emplace(socket_, *tls);  // It keeps OpenSSL's context alive.
}

Task<void> Connection::run() {
  try {
    co_await serve();
  } catch (const std::exception& error) {
    obs::log().error("connection failed", {{"error", error.what()}});
    cancel();
  }
  co_await wait_until_handled();
  const bool goodbye_wanted = secured_ && !peer_gone_ && !cancelled_;
  if (goodbye_wanted) co_await say_goodbye();
  const bool linger_wanted = lingering_ && !peer_gone_ && !cancelled_;
  if (linger_wanted) co_await linger();
  error_code ignored;
  socket_.close(ignored);
}

Task<void> Connection::serve() {
  if (tls_) {
    secured_ = co_await shake_hands();
    if (!secured_) co_return;
  }
  arm(shared_.options.idle_timeout);
  while (true) {
    if (handling_) {
      co_await watch_peer();
      continue;
    }
    const Next next = co_await take_input();
    if (next == Next::kClose) co_return;
    if (next == Next::kRead) co_await read_some();
  }
}

// With no request in hand: closes if it is time to, else uses what has been
// read.
Task<Connection::Next> Connection::take_input() {
  if (closing_ || peer_gone_) co_return Next::kClose;
  std::expected<std::size_t, Refusal> used = parser_.feed(input_.bytes());
  if (used) input_.consume(*used);
  if (!used || (!parser_.done() && input_.full())) {
    Refusal refusal{.status = 431, .detail = "the request header is too large"};
    if (!used) refusal = std::move(used).error();
    co_await refuse(std::move(refusal));
    co_return Next::kClose;
  }
  if (parser_.done()) {
    const Next next = co_await start_request();
    co_return next;
  }
  const bool partial = parser_.started() || !input_.empty();
  if (timed_out_) {
    Refusal refusal{.status = 408, .detail = "the request did not arrive in time"};
    if (partial) co_await refuse(std::move(refusal));
    co_return Next::kClose;
  }
  if (partial && !receiving_) {
    receiving_ = true;
    arm(shared_.options.read_timeout);
  }
  if (parser_.take_expects_continue()) {
    std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await write_text(std::move(text));
  }
  co_return Next::kRead;
}

Task<Connection::Next> Connection::start_request() {
  receiving_ = false;
  timed_out_ = false;
  ParsedRequest parsed = parser_.take();
  const bool keep_alive = parsed.keep_alive;
  if (start_handler(std::move(parsed))) co_return Next::kGoOn;
  const bool leaving = shared_.draining.load(std::memory_order_relaxed);
  HttpResponse response = leaving ? error_response(503, "the server is shutting down")
                                  : error_response(429, "the server is busy, try again shortly");
  response.headers.set("retry-after", "1");
  co_await respond(std::move(response), keep_alive);
  current_ = ParsedRequest();
  if (!keep_alive) co_return Next::kClose;
  arm(shared_.options.idle_timeout);
  co_return Next::kGoOn;
}

Task<void> Connection::refuse(Refusal refusal) {
  HttpResponse response = error_response(refusal.status, refusal.detail);
  co_await respond(std::move(response), false);
}

// While a worker has the request: reads on, for the end of the stream, for
// requests to come and for what an upgraded connection carries.
Task<void> Connection::watch_peer() {
  if (peer_gone_ || input_.full()) {
    auto [cancelled] = co_await handled_.async_wait(kTuple);
    (void)cancelled;
  } else {
    co_await read_some();
  }
}

Task<void> Connection::read_some() {
  const asio::mutable_buffer room = input_.prepare();
  if (tls_) {
    auto [error, bytes] = co_await tls_->async_read_some(room, kTuple);
    on_read(error, bytes);
  } else {
    auto [error, bytes] = co_await socket_.async_read_some(room, kTuple);
    on_read(error, bytes);
  }
}

void Connection::on_read(const error_code& error, std::size_t bytes) {
  input_.commit(bytes);
  // wake() aborts the read: the state has changed, not the peer.
  if (error && error != asio::error::operation_aborted) {
    peer_gone_ = true;
    if (handling_) stop_.request_stop();
  }
  serve_read();
}

std::string Connection::read_through_loop() {
  {
    MutexLock lock(read_mutex_);
    read_bytes_.reset();
  }
  asio::post(shared_.loop, [this] {
    read_wanted_ = true;
    serve_read();
  });
  MutexLock lock(read_mutex_);
  while (!read_bytes_) read_ended_.wait(read_mutex_);
  return *std::move(read_bytes_);
}

void Connection::serve_read() {
  const bool ended = peer_gone_ || cancelled_;
  if (!read_wanted_ || (input_.empty() && !ended)) return;
  read_wanted_ = false;
  {
    MutexLock lock(read_mutex_);
    read_bytes_ = std::string(input_.bytes());
    read_ended_.notify_all();
  }
  input_.consume(input_.bytes().size());
  handled_.cancel();  // There is room to read on.
}

Task<void> Connection::respond(HttpResponse response, bool keep_alive) {
  const bool head_only = current_.request.method == "HEAD";
  const Framing framing{.length = response.body.size(), .keep_alive = keep_alive};
  std::string text = render_response_head(response.status, response.headers, framing);
  if (!head_only) text += response.body;
  lingering_ = lingering_ || !keep_alive;
  responding_ = true;
  arm(shared_.options.write_timeout);
  co_await write_text(std::move(text));
  disarm();
  responding_ = false;
}

Task<void> Connection::write_text(std::string text) {
  const asio::const_buffer bytes = asio::buffer(text);
  if (tls_) {
    auto [error, written] = co_await asio::async_write(*tls_, bytes, kTuple);
    if (error) peer_gone_ = true;
  } else {
    auto [error, written] = co_await asio::async_write(socket_, bytes, kTuple);
    if (error) peer_gone_ = true;
  }
}

// Closing a socket with unread input resets the connection, and the reset may
// overtake the answer. So the peer is told that no more comes, and gets a
// moment to read and to close first (RFC 9112 9.6).
Task<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  timed_out_ = false;
  arm(kLingerLimit);
  std::array<char, 4096> discarded;
  std::size_t total = 0;
  while (!timed_out_ && !cancelled_ && total < kLingerBytesMax) {
    const asio::mutable_buffer room = asio::buffer(discarded);
    auto [error, bytes] = co_await socket_.async_read_some(room, kTuple);
    if (error) co_return;
    total += bytes;
  }
}

Task<void> Connection::wait_until_handled() {
  while (handling_) {
    auto [cancelled] = co_await handled_.async_wait(kTuple);
    (void)cancelled;
  }
}

bool Connection::start_handler(ParsedRequest parsed) {
  current_ = std::move(parsed);
  stop_ = std::stop_source();
  const std::string_view id = current_.request.headers.find("x-request-id");
  const std::uint64_t number = ++shared_.requests;
  context_.request_id = is_usable_request_id(id)
                            ? std::string(id)
                            : shared_.request_id_prefix + std::to_string(number);
  context_.deadline = std::chrono::steady_clock::now() + shared_.options.request_timeout;
  context_.stop = stop_.get_token();
  handling_ = true;
  disarm();
  handling_ = shared_.pool.try_submit([this] { run_handler(); });
  return handling_;
}

// On a worker's thread.
void Connection::run_handler() {
  std::function<bool(std::string_view)> through_loop;
  if (tls_) through_loop = [this](std::string_view bytes) { return write_through_loop(bytes); };
  ResponseStream stream({.socket = fd_,
                         .http_1_1 = current_.http_1_1,
                         .head_only = current_.request.method == "HEAD",
                         .keep_alive = current_.keep_alive,
                         .draining = &shared_.draining,
                         .context = &context_,
                         .write_timeout = shared_.options.write_timeout,
                         .write = std::move(through_loop),
                         .read = [this] { return read_through_loop(); }});
  try {
    shared_.handler(context_, current_.request, stream);
  } catch (const std::exception& error) {
    obs::log().error("request handler failed", {{"request_id", context_.request_id},
                                                {"path", current_.request.path},
                                                {"error", error.what()}});
    stream.give_up();
  } catch (...) {
    obs::log().error("request handler failed", {{"request_id", context_.request_id}});
    stream.give_up();
  }
  reusable_ = stream.finish();
  asio::post(shared_.loop, [this] { on_handled(); });
}

void Connection::on_handled() {
  handling_ = false;
  current_ = ParsedRequest();  // A large body must not stay for as long as the
                               // connection idles.
  if (!reusable_) {
    closing_ = true;
    lingering_ = true;
  }
  if (shared_.draining.load(std::memory_order_relaxed)) closing_ = true;
  if (closing_ || peer_gone_ || !input_.empty()) {
    wake();
  } else {
    handled_.cancel();
  }
  arm(shared_.options.idle_timeout);
}

void Connection::wake() {
  error_code ignored;
  socket_.cancel(ignored);
  handled_.cancel();
}

void Connection::expire_if_due(SteadyTime now) {
  // What the worker writes is stuck. A TLS stream that lost part of a record is lost altogether.
  if (now >= write_deadline_) cancel();
  if (now < deadline_) return;
  disarm();
  timed_out_ = true;
  wake();
}

void Connection::drain() {
  closing_ = true;
  if (!handling_ && !responding_) wake();
}

void Connection::cancel() {
  cancelled_ = true;
  closing_ = true;
  stop_.request_stop();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  serve_read();
  wake();
}

}  // namespace rage::net::detail
