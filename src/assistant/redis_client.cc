#include "assistant/redis_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "codec/uri.h"

namespace rage::assistant {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;

std::unexpected<Error> unavailable(std::string_view what, int error) {
  return fail(ErrorCode::kUnavailable, "Redis: {}: {}", what, std::strerror(error));
}

// Waits until the socket is ready for `events`; kDeadlineExceeded when the time is over.
Result<void> wait_for(int fd, short events, SteadyTime deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(ErrorCode::kDeadlineExceeded, "Redis does not answer");
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return unavailable("poll", errno);
  }
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

}  // namespace

Result<RedisOptions> parse_redis_url(std::string_view url) {
  constexpr std::string_view kScheme = "redis://";
  const auto bad = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "the Redis URL is not redis://[[user]:password@]host[:port][/database]");
  };
  if (to_lower_ascii(url.substr(0, kScheme.size())) != kScheme) return bad();
  url.remove_prefix(kScheme.size());
  if (url.find_first_of("?#") != std::string_view::npos) return bad();
  RedisOptions options;
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = url.substr(0, at);
    const std::size_t colon = credentials.find(':');
    if (colon == std::string_view::npos) return bad();
    const auto user = codec::percent_decode(credentials.substr(0, colon));
    const auto password = codec::percent_decode(credentials.substr(colon + 1));
    if (!user || !password) return bad();
    options.user = *user;
    options.password = *password;
    url.remove_prefix(at + 1);
  }
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    const auto number = parse_uint(database);
    if (!database.empty() && (!number || *number > 9999)) return bad();
    options.database = database.empty() ? 0 : static_cast<int>(*number);
    url = url.substr(0, slash);
  }
  const bool bracketed = url.starts_with('[');
  const std::size_t host_end = bracketed ? url.find(']') : std::min(url.find(':'), url.size());
  if (host_end == std::string_view::npos) return bad();
  options.host = bracketed ? url.substr(1, host_end - 1) : url.substr(0, host_end);
  url.remove_prefix(host_end + (bracketed ? 1 : 0));
  if (!url.empty()) {
    const auto port = url.starts_with(':') ? parse_uint(url.substr(1)) : std::nullopt;
    if (!port || *port == 0 || *port > 65535) return bad();
    options.port = static_cast<std::uint16_t>(*port);
  }
  if (options.host.empty()) return bad();
  return options;
}

// Resource. One thread. After an error it is of no further use.
class RedisClient::Connection final {
 public:
  Connection(int fd, const RespLimits& limits) : fd_(fd), limits_(limits) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Nothing may be waiting on a connection that nobody uses: its end, or an answer to nobody.
  bool is_fresh() const {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) == 0;
  }

  Result<std::vector<RespValue>> run(const std::vector<RedisCommand>& commands,
                                     SteadyTime deadline) {
    std::string bytes;
    for (const RedisCommand& command : commands) bytes += render_command(command);
    RETURN_IF_ERROR(send_all(bytes, deadline));
    std::vector<RespValue> replies;
    while (replies.size() < commands.size()) {
      ASSIGN_OR_RETURN(replies.emplace_back(), receive(deadline));
    }
    if (received_.size() != used_) return fail(ErrorCode::kDataLoss, "Redis says too much");
    received_.clear();
    used_ = 0;
    return replies;
  }

 private:
  Result<void> send_all(std::string_view bytes, SteadyTime deadline) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        RETURN_IF_ERROR(wait_for(fd_, POLLOUT, deadline));
      } else if (errno != EINTR) {
        return unavailable("sending", errno);
      }
    }
    return {};
  }

  Result<RespValue> receive(SteadyTime deadline) {
    while (true) {
      const std::string_view rest = std::string_view(received_).substr(used_);
      ASSIGN_OR_RETURN(const std::size_t length, measure_reply(rest, limits_));
      if (length > 0) {
        used_ += length;
        return parse_reply(rest.substr(0, length), limits_);
      }
      RETURN_IF_ERROR(wait_for(fd_, POLLIN, deadline));
      RETURN_IF_ERROR(read_some());
    }
  }

  Result<void> read_some() {
    const std::size_t before = received_.size();
    // Grows with what has come, so that a large reply is not measured too often.
    received_.resize(before + std::max(kReadBytes, before));
    const ssize_t got = ::recv(fd_, received_.data() + before, received_.size() - before, 0);
    const int error = errno;
    received_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got > 0) return {};
    if (got == 0) return fail(ErrorCode::kUnavailable, "Redis closed the connection");
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return {};
    return unavailable("receiving", error);
  }

  const int fd_;
  const RespLimits& limits_;
  std::string received_;
  std::size_t used_ = 0;  // Of `received_`.
};

namespace {

// A connected socket, or why not.
Result<int> connect_to(const addrinfo& address, SteadyTime deadline) {
  const int type = address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int fd = ::socket(address.ai_family, type, address.ai_protocol);
  if (fd < 0) return unavailable("socket", errno);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  Result<void> connected;
  if (::connect(fd, address.ai_addr, address.ai_addrlen) != 0) {
    connected = errno == EINPROGRESS ? wait_for(fd, POLLOUT, deadline)
                                     : Result<void>(unavailable("connecting", errno));
    int error = 0;
    socklen_t size = sizeof(error);
    if (connected && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
      connected = unavailable("connecting", error);
    }
  }
  if (connected) return fd;
  ::close(fd);
  return fail(std::move(connected).error());
}

}  // namespace

RedisClient::RedisClient(RedisOptions options) : options_(std::move(options)) {}
RedisClient::~RedisClient() = default;

Result<std::unique_ptr<RedisClient::Connection>> RedisClient::connect(
    const Context& context) const {
  const auto deadline =
      std::chrono::steady_clock::now() + context.remaining(options_.connect_timeout);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  AddressList found;
  const std::string port = std::to_string(options_.port);
  const int error = ::getaddrinfo(options_.host.c_str(), port.c_str(), &hints, &found.first);
  if (error != 0) {
    return fail(ErrorCode::kUnavailable, "Redis: no address of {}: {}", options_.host,
                ::gai_strerror(error));
  }
  Result<int> fd = fail(ErrorCode::kUnavailable, "Redis: no address");
  for (const addrinfo* address = found.first; address != nullptr && !fd;
       address = address->ai_next) {
    fd = connect_to(*address, deadline);
  }
  if (!fd) return fail(std::move(fd).error());
  auto connection = std::make_unique<Connection>(*fd, options_.limits);
  std::vector<RedisCommand> greeting;
  if (!options_.password.empty()) {
    greeting.push_back({"AUTH"});
    if (!options_.user.empty()) greeting.back().push_back(options_.user);
    greeting.back().push_back(options_.password);
  }
  if (options_.database != 0) greeting.push_back({"SELECT", std::to_string(options_.database)});
  ASSIGN_OR_RETURN(const auto replies, connection->run(greeting, deadline));
  for (const RespValue& reply : replies) {
    if (reply.is_error()) return fail(ErrorCode::kUnauthenticated, "Redis: {}", reply.text);
  }
  return connection;
}

Result<std::unique_ptr<RedisClient::Connection>> RedisClient::take(const Context& context) {
  while (true) {
    auto kept = idle_.with([](auto& idle) {
      std::unique_ptr<Connection> last;
      if (!idle.empty()) {
        last = std::move(idle.back());
        idle.pop_back();
      }
      return last;
    });
    if (kept == nullptr) return connect(context);
    if (kept->is_fresh()) return kept;
  }
}

Result<std::vector<RespValue>> RedisClient::run(const Context& context,
                                                const std::vector<RedisCommand>& commands,
                                                Repeat repeat) {
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(auto connection, take(context));
    const auto deadline =
        std::chrono::steady_clock::now() + context.remaining(options_.reply_timeout);
    auto replies = connection->run(commands, deadline);
    if (replies) {
      idle_.with([&](auto& idle) {
        if (idle.size() < options_.idle_max) idle.push_back(std::move(connection));
      });
      return replies;
    }
    const bool broke = replies.error().code == ErrorCode::kUnavailable;
    if (!broke || repeat == Repeat::kNever || attempt == 2) return replies;
  }
}

}  // namespace rage::assistant
