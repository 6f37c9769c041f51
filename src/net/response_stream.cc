#include "net/detail/response_stream.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"

namespace rage::net::detail {
namespace {

bool is_token(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 5.6.2.
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_framing_header(std::string_view name) {
  return equals_ignoring_case(name, "content-length") ||
         equals_ignoring_case(name, "transfer-encoding") ||
         equals_ignoring_case(name, "connection");
}

bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

void append_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    out += control ? ' ' : c;
  }
}

void append_date(std::string& out) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  fmt::format_to(std::back_inserter(out), "date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
                 kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                 kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                 utc.tm_min, utc.tm_sec);
}

iovec part_of(std::string_view bytes) {
  // sendmsg() only reads; iovec has no const.
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
}

Error gone() {
  return {.code = ErrorCode::kCancelled, .message = "the client has gone"};
}

}  // namespace

}  // namespace rage::net::detail

namespace rage::net {

Upgrade* upgrade_of(ResponseWriter& writer) {
  return dynamic_cast<Upgrade*>(&writer);
}

}  // namespace rage::net

namespace rage::net::detail {

HttpResponse error_response(int status, std::string_view detail) {
  return HttpResponse::json(status, codec::render_json(codec::Json{{"detail", detail}}));
}

std::string render_response_head(int status, const Headers& headers, const Framing& framing) {
  std::string out;
  out.reserve(256);
  auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  switch (framing.body) {
    case Framing::Body::kLength:
      fmt::format_to(to, "content-length: {}\r\n", framing.length);
      break;
    case Framing::Body::kChunked:
      out += "transfer-encoding: chunked\r\n";
      break;
    case Framing::Body::kNone:
    case Framing::Body::kUntilClose:
      break;
  }
  if (status == 101) {
    out += "connection: Upgrade\r\n";
  } else if (!framing.keep_alive) {
    out += "connection: close\r\n";
  } else if (!framing.http_1_1) {
    out += "connection: keep-alive\r\n";
  }
  if (!headers.has("date")) append_date(out);
  for (const auto& [name, value] : headers.entries()) {
    if (is_framing_header(name) || !is_token(name)) continue;
    out += name;
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  out += "\r\n";
  return out;
}

bool ResponseStream::wants_keep_alive(const Headers& headers) const {
  return exchange_.keep_alive && !exchange_.draining->load(std::memory_order_relaxed) &&
         !equals_ignoring_case(headers.find("connection"), "close");
}

Result<void> ResponseStream::send(HttpResponse response) {
  if (phase_ == Phase::kBroken) return fail(gone());
  if (phase_ != Phase::kUnanswered) {
    return fail(ErrorCode::kFailedPrecondition, "the request has been answered");
  }
  phase_ = Phase::kComplete;
  const bool has_body = status_has_body(response.status);
  framing_ = {.body = has_body ? Framing::Body::kLength : Framing::Body::kNone,
              .length = response.body.size(),
              .http_1_1 = exchange_.http_1_1,
              .keep_alive = wants_keep_alive(response.headers)};
  const std::string head = render_response_head(response.status, response.headers, framing_);
  std::array parts = {part_of(head), part_of(response.body)};
  const bool body_leaves = has_body && !exchange_.head_only;
  return write_all(std::span(parts).first(body_leaves ? 2 : 1));
}

Result<void> ResponseStream::begin(int status, Headers headers) {
  if (phase_ == Phase::kBroken) return fail(gone());
  if (phase_ != Phase::kUnanswered) {
    return fail(ErrorCode::kFailedPrecondition, "the request has been answered");
  }
  phase_ = Phase::kStreaming;
  framing_ = {.body = Framing::Body::kChunked,
              .http_1_1 = exchange_.http_1_1,
              .keep_alive = wants_keep_alive(headers)};
  if (!status_has_body(status)) {
    framing_.body = Framing::Body::kNone;
  } else if (!exchange_.http_1_1) {
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the
    // body.
    framing_.body = Framing::Body::kUntilClose;
    framing_.keep_alive = false;
  }
  const std::string head = render_response_head(status, headers, framing_);
  std::array parts = {part_of(head)};
  return write_all(parts);
}

Result<void> ResponseStream::upgrade(std::string_view protocol, Headers headers) {
  if (phase_ == Phase::kBroken) return fail(gone());
  if (phase_ != Phase::kUnanswered || !exchange_.http_1_1 || !exchange_.read) {
    return fail(ErrorCode::kFailedPrecondition, "{} cannot be spoken here", protocol);
  }
  phase_ = Phase::kStreaming;
  framing_ = {.body = Framing::Body::kUntilClose, .keep_alive = false};
  upgraded_ = true;
  headers.set("upgrade", protocol);
  const std::string head = render_response_head(101, headers, framing_);
  std::array parts = {part_of(head)};
  return write_all(parts);
}

Result<std::string> ResponseStream::read() {
  if (!upgraded_) return fail(ErrorCode::kFailedPrecondition, "read() comes after upgrade()");
  return exchange_.read();
}

Result<void> ResponseStream::write(std::string_view bytes) {
  if (phase_ == Phase::kBroken || exchange_.context->stop.stop_requested()) return fail(gone());
  if (phase_ != Phase::kStreaming) {
    return fail(ErrorCode::kFailedPrecondition, "write() comes after begin()");
  }
  // An empty chunk would end the body.
  if (bytes.empty() || exchange_.head_only) return {};
  switch (framing_.body) {
    case Framing::Body::kChunked: {
      const std::string size = fmt::format("{:x}\r\n", bytes.size());
      std::array parts = {part_of(size), part_of(bytes), part_of("\r\n")};
      return write_all(parts);
    }
    case Framing::Body::kUntilClose: {
      std::array parts = {part_of(bytes)};
      return write_all(parts);
    }
    case Framing::Body::kNone:
    case Framing::Body::kLength:
      return {};
  }
  return {};
}

void ResponseStream::abort() {
  phase_ = Phase::kBroken;
}

void ResponseStream::give_up() {
  if (phase_ == Phase::kStreaming) phase_ = Phase::kBroken;
}

bool ResponseStream::finish() {
  if (phase_ == Phase::kUnanswered) {
    // A failure shows as kBroken below.
    (void)send(error_response(500, "the request was not answered"));
  }
  if (phase_ == Phase::kStreaming) {
    phase_ = Phase::kComplete;
    if (framing_.body == Framing::Body::kChunked && !exchange_.head_only) {
      std::array parts = {part_of("0\r\n\r\n")};
      (void)write_all(parts);
    }
  }
  return phase_ == Phase::kComplete && framing_.keep_alive;
}

// One piece, so that a small response is one TLS record and one packet.
Result<void> ResponseStream::write_elsewhere(std::span<const iovec> parts) {
  std::string bytes;
  for (const iovec& part : parts)
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  if (exchange_.write(bytes)) return {};
  phase_ = Phase::kBroken;
  return fail(gone());
}

Result<void> ResponseStream::write_all(std::span<iovec> parts) {
  if (exchange_.write) return write_elsewhere(parts);
  while (true) {
    while (!parts.empty() && parts.front().iov_len == 0) parts = parts.subspan(1);
    if (parts.empty()) return {};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(exchange_.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
      if (full && wait_writable()) continue;
      phase_ = Phase::kBroken;
      return fail(gone());
    }
    auto left = static_cast<std::size_t>(sent);
    for (iovec& part : parts) {
      const std::size_t taken = std::min(left, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      left -= taken;
    }
  }
}

// False once the peer has taken nothing for the whole write timeout, or sips
// past the request's deadline. The event loop shuts the socket down to end this
// wait; the next sendmsg() then says so.
bool ResponseStream::wait_writable() {
  auto until = std::chrono::steady_clock::now() + exchange_.write_timeout;
  const auto& deadline = exchange_.context->deadline;
  if (deadline) until = std::min(until, *deadline + exchange_.write_timeout);
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waited{.fd = exchange_.socket, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace rage::net::detail
