#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/detail/scrape_connection.h"

namespace rage::net::detail {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
};

std::optional<Address> parse_address(const std::string& text, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.bytes = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.bytes = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  return address;
}

Error unavailable(std::string_view what, int error) {
  return {.code = ErrorCode::kUnavailable,
          .message = fmt::format("{}: {}", what, std::strerror(error))};
}

Result<void> validate(const ScrapeTarget& target) {
  const bool clean = std::ranges::all_of(target.path, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!target.path.starts_with('/') || !clean) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no path", target.path);
  }
  if (target.port == 0) return fail(ErrorCode::kInvalidArgument, "a target needs a port");
  if (target.interval.count() <= 0) {
    return fail(ErrorCode::kInvalidArgument, "the interval of scrapes must be positive");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ScrapeConnection>> ScrapeConnection::create(
    ScrapeId id, ScrapeTarget target, const ScrapeOptions& options,
    std::unique_ptr<ScrapeSink> sink) {
  RETURN_IF_ERROR(validate(target));
  const auto address = parse_address(target.address, target.port);
  if (!address) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no IP address", target.address);
  }
  std::unique_ptr<ScrapeConnection> connection(
      new ScrapeConnection(id, std::move(target), options, std::move(sink)));
  connection->address_ = address->storage;
  connection->address_bytes_ = address->bytes;
  return connection;
}

ScrapeConnection::ScrapeConnection(ScrapeId id, ScrapeTarget target, const ScrapeOptions& options,
                                   std::unique_ptr<ScrapeSink> sink)
    : id_(id),
      target_(std::move(target)),
      sink_(std::move(sink)),
      decoder_(options.head_bytes_max, options.body_bytes_max) {
  const bool v6 = target_.address.find(':') != std::string::npos;
  request_ = fmt::format(
      "GET {} HTTP/1.1\r\nhost: {}{}{}:{}\r\nuser-agent: rage\r\naccept: text/plain\r\n\r\n",
      target_.path, v6 ? "[" : "", target_.address, v6 ? "]" : "", target_.port);
}

ScrapeConnection::Progress ScrapeConnection::start(int epoll_fd, SteadyTime deadline) {
  epoll_fd_ = epoll_fd;
  deadline_ = deadline;
  active_ = true;
  decoder_.reset();
  if (fd_ < 0) return connect();
  reused_ = true;
  return send_request();
}

ScrapeConnection::Progress ScrapeConnection::connect() {
  reused_ = false;
  ++connects_;
  fd_ = ::socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return end(fail(unavailable("socket", errno)));
  const int on = 1;
  (void)::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address_), address_bytes_) != 0 &&
      errno != EINPROGRESS) {
    return end(fail(unavailable("connect", errno)));
  }
  connecting_ = true;
  epoll_event event{.events = EPOLLOUT, .data = {.ptr = this}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd_, &event) != 0) {
    return end(fail(unavailable("epoll_ctl", errno)));
  }
  return Progress::kWaiting;
}

ScrapeConnection::Progress ScrapeConnection::on_connected() {
  int error = 0;
  socklen_t bytes = sizeof error;
  (void)::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error != 0) return end(fail(unavailable("connect", error)));
  connecting_ = false;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = this}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd_, &event) != 0) {
    return end(fail(unavailable("epoll_ctl", errno)));
  }
  return send_request();
}

// Nothing else is on its way when a request is sent, so the kernel takes a few hundred bytes whole.
ScrapeConnection::Progress ScrapeConnection::send_request() {
  const ssize_t sent = ::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(request_.size())) return Progress::kWaiting;
  return on_lost(unavailable("send", sent < 0 ? errno : EAGAIN));
}

ScrapeConnection::Progress ScrapeConnection::on_ready(std::uint32_t events,
                                                      std::span<char> buffer) {
  if (!active_) {  // Bytes nobody asked for, or the peer has closed: either way it is of no use.
    close();
    return Progress::kWaiting;
  }
  if (connecting_) return on_connected();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return Progress::kWaiting;
  return read(buffer);
}

ScrapeConnection::Progress ScrapeConnection::read(std::span<char> buffer) {
  while (true) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) return Progress::kWaiting;
      return on_lost(unavailable("recv", errno));
    }
    if (got == 0) {
      if (!decoder_.begun()) return on_lost(unavailable("recv", ECONNRESET));
      return end(decoder_.finish());
    }
    Result<void> taken = take({buffer.data(), static_cast<std::size_t>(got)});
    if (!taken || decoder_.done()) return end(std::move(taken));
    // A short read has emptied the socket; otherwise ask again.
    if (static_cast<std::size_t>(got) < buffer.size()) return Progress::kWaiting;
  }
}

Result<void> ScrapeConnection::take(std::string_view bytes) {
  while (true) {
    ASSIGN_OR_RETURN(const std::string_view piece, decoder_.next(bytes));
    if (piece.empty()) break;
    body_bytes_ += piece.size();
    if (decoder_.status() == 200) sink_->on_body(piece);
  }
  if (!bytes.empty()) close();  // More than the reply: who knows what comes next.
  return {};
}

ScrapeConnection::Progress ScrapeConnection::on_lost(Error error) {
  close();
  if (reused_ && !decoder_.begun()) return connect();
  return end(fail(std::move(error)));
}

ScrapeConnection::Progress ScrapeConnection::expire() {
  return end(fail(ErrorCode::kDeadlineExceeded, "no reply in time"));
}

ScrapeConnection::Progress ScrapeConnection::end(Result<void> outcome) {
  active_ = false;
  if (!outcome || !decoder_.keep_alive()) close();
  if (outcome && decoder_.status() != 200) {
    outcome = fail(ErrorCode::kUnavailable, "HTTP status {}", decoder_.status());
  }
  outcome_ = std::move(outcome);
  sink_->on_end(outcome_);
  return Progress::kEnded;
}

void ScrapeConnection::close() {
  connecting_ = false;
  if (fd_ < 0) return;
  // To close it is not enough: a child that has been forked may hold it open, too.
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd_, nullptr);
  ::close(fd_);
  fd_ = -1;
}

std::uint64_t ScrapeConnection::take_body_bytes() {
  return std::exchange(body_bytes_, 0);
}
std::uint64_t ScrapeConnection::take_connects() {
  return std::exchange(connects_, 0);
}

}  // namespace rage::net::detail
