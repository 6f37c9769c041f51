#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

#include "base/strings.h"
#include "cluster/detail/streams.h"
#include "codec/documents.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

using codec::Json;

constexpr std::size_t kConnectionsMax = 64;  // Of one client, at once.
constexpr int kConnectMilliseconds = 3'000;
constexpr int kWriteMilliseconds = 30'000;  // For the pod to take what the client sent.

// kUnavailable, in Go's words.
Result<int> dial(const std::string& address, std::uint16_t port) {
  const auto refused = [&](int error) {
    return fail(ErrorCode::kUnavailable, "dial tcp {}:{}: {}", address, port, std::strerror(error));
  };
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return refused(errno);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  int error = 0;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    socklen_t size = sizeof(error);
    if (::poll(&waiting, 1, kConnectMilliseconds) <= 0) {
      error = ETIMEDOUT;
    } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
  }
  if (error == 0) return fd;
  ::close(fd);
  return refused(error);
}

// One connection to the pod. What the pod sends is copied by a thread of its own.
class PodConnection final {
 public:
  PodConnection(int fd, StreamSession& session, std::uint32_t data, std::uint32_t error)
      : fd_(fd), session_(session), data_(data), error_(error), copier_([this] { copy(); }) {}
  ~PodConnection() {
    ::shutdown(fd_, SHUT_RDWR);  // Ends the copier.
    copier_.join();
    ::close(fd_);
  }
  PodConnection(const PodConnection&) = delete;
  PodConnection& operator=(const PodConnection&) = delete;

  bool done() const { return done_; }

  // What the pod does not take within its time ends the connection.
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
      const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
      if (full && ::poll(&waiting, 1, kWriteMilliseconds) > 0) continue;
      return cancel();
    }
  }
  void finish_writing() { ::shutdown(fd_, SHUT_WR); }
  void cancel() { ::shutdown(fd_, SHUT_RDWR); }

 private:
  void copy() {
    const auto buffer = std::make_unique<char[]>(kPieceBytes);
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    while (true) {
      (void)::poll(&waiting, 1, -1);
      const ssize_t got = ::read(fd_, buffer.get(), kPieceBytes);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) break;
      const std::string_view bytes(buffer.get(), static_cast<std::size_t>(got));
      if (!session_.send(data_, bytes, StreamEnd::kOpen)) break;
    }
    (void)session_.send(data_, "", StreamEnd::kClosed);
    (void)session_.send(error_, "", StreamEnd::kClosed);  // Nothing went wrong.
    done_ = true;
  }

  const int fd_;
  StreamSession& session_;
  const std::uint32_t data_;
  const std::uint32_t error_;
  std::atomic<bool> done_ = false;
  std::jthread copier_;  // Last: it uses everything above.
};

// Thread-compatible. The streams of one client: for each connection one for errors, then one for
// data.
class Forwarder final {
 public:
  Forwarder(StreamSession& session, std::string address)
      : session_(session), address_(std::move(address)) {}

  void run() {
    while (const auto frame = session_.next()) {
      if (frame->type == SpdyFrame::Type::kOpen) {
        open(*frame);
        continue;
      }
      const auto found = connections_.find(frame->stream);
      if (found == connections_.end()) continue;  // An error stream's, or of one that has ended.
      if (frame->type == SpdyFrame::Type::kReset) {
        connections_.erase(found);
        continue;
      }
      found->second->write(frame->data);
      if (frame->fin) found->second->finish_writing();
    }
  }

 private:
  void open(const SpdyFrame& frame) {
    std::erase_if(connections_, [](const auto& each) { return each.second->done(); });
    const std::string request(frame.headers.find("requestid"));
    const std::string_view type = frame.headers.find("streamtype");
    if (type == "error" && errors_.size() < kConnectionsMax) {
      errors_[request] = frame.stream;
      return;
    }
    const auto error = errors_.find(request);
    if (type != "data" || error == errors_.end()) {
      session_.reset(frame.stream, kSpdyRefusedStream);
      return;
    }
    const std::uint32_t error_stream = error->second;
    errors_.erase(error);
    connect(frame, error_stream);
  }

  void connect(const SpdyFrame& frame, std::uint32_t error_stream) {
    const auto port = parse_uint(frame.headers.find("port"));
    Result<int> fd = fail(ErrorCode::kInvalidArgument, "no port of 1 to 65535 was asked for");
    if (connections_.size() >= kConnectionsMax) {
      fd = fail(ErrorCode::kResourceExhausted, "{} connections are open already", kConnectionsMax);
    } else if (port && *port > 0 && *port <= 65535) {
      fd = dial(address_, static_cast<std::uint16_t>(*port));
    }
    if (!fd) {
      (void)session_.send(error_stream, fd.error().message, StreamEnd::kClosed);
      (void)session_.send(frame.stream, "", StreamEnd::kClosed);
      return;
    }
    connections_.emplace(
        frame.stream, std::make_unique<PodConnection>(*fd, session_, frame.stream, error_stream));
    if (frame.fin) connections_.at(frame.stream)->finish_writing();
  }

  StreamSession& session_;
  const std::string address_;
  std::map<std::string, std::uint32_t> errors_;  // By request, until its data stream comes.
  std::map<std::uint32_t, std::unique_ptr<PodConnection>> connections_;  // By data stream.
};

// Pods of this machine's node alone: a status that says another address opens no way to it.
Result<std::string> address_of(const Json& pod) {
  const std::string address = codec::text_at(pod, {"status", "podIP"});
  in_addr parsed{};
  const bool local =
      ::inet_pton(AF_INET, address.c_str(), &parsed) == 1 && (ntohl(parsed.s_addr) >> 24) == 127;
  if (local) return address;
  return fail(kubeobjects::bad_request(
      address.empty() ? "the pod has no address yet: wait until it is Running"
                      : fmt::format("the pod's address {} is not of this machine", address)));
}

}  // namespace

Result<void> serve_port_forward(const Json& pod, const net::HttpRequest& request,
                                net::ResponseWriter& writer) {
  ASSIGN_OR_RETURN(std::string address, address_of(pod));
  ASSIGN_OR_RETURN(const auto session,
                   StreamSession::accept(request, {"portforward.k8s.io"}, writer));
  Forwarder(*session, std::move(address)).run();
  return {};
}

}  // namespace rage::cluster::detail
