#include "rpc/channel.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "rpc/detail/client_session.h"
#include "rpc/detail/connection.h"

namespace rage::rpc {
namespace {

using detail::ClientSession;
using detail::ClientStream;
using detail::Connection;

// -1: no such thing; errno says why.
int start_connecting(const net::Address& address, std::chrono::milliseconds write_timeout) {
  sockaddr_storage to;
  const socklen_t size = address.fill(to);
  const int fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // What is sent and never acknowledged: a server that vanished. Pings would tell as well, but
  // servers in the wild take them for abuse.
  const auto limit = static_cast<unsigned>(write_timeout.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit));
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), size);
  if (result == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

std::shared_ptr<SSL_CTX> make_tls() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  static constexpr unsigned char kProtocols[] = "\x02h2";
  SSL_CTX_set_alpn_protos(context.get(), kProtocols, sizeof(kProtocols) - 1);
  return context;
}

// Where tasks for the channel's thread go, as long as there is one.
using Mailbox = Guarded<net::EventLoop*>;

void post(Mailbox& mailbox, std::function<void()> task) {
  mailbox.with([&](net::EventLoop* loop) {
    if (loop != nullptr) loop->post(std::move(task));
  });
}

class CallOfChannel final : public ClientCall {
 public:
  CallOfChannel(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<ClientStream> stream)
      : mailbox_(std::move(mailbox)), stream_(std::move(stream)) {}

  void send(std::string message) override {
    post(*mailbox_, [stream = stream_, message = std::move(message)] { stream->send(message); });
  }
  void half_close() override {
    post(*mailbox_, [stream = stream_] { stream->half_close(); });
  }
  void cancel() override {
    post(*mailbox_, [stream = stream_] { stream->cancel(); });
  }

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<ClientStream> stream_;
};

class LoopChannel final : public Channel {
 public:
  LoopChannel(ChannelOptions options, std::unique_ptr<net::EventLoop> loop)
      : options_(std::move(options)),
        loop_(std::move(loop)),
        mailbox_(std::make_shared<Mailbox>(loop_.get())) {}

  ~LoopChannel() override {
    if (!thread_.joinable()) return;
    mailbox_->with([](net::EventLoop*& loop) { loop = nullptr; });
    loop_->run_and_wait([this] { close(); });
    loop_->stop();
    thread_.join();
    loop_->settle();
  }

  Result<void> start() {
    if (options_.endpoints.empty()) return fail(ErrorCode::kInvalidArgument, "no endpoints");
    if (options_.transport == ChannelOptions::Transport::kTls && !(tls_ = make_tls())) {
      return fail(ErrorCode::kResourceExhausted, "no memory for TLS");
    }
    for (const std::string& text : options_.endpoints) {
      const auto address = net::Address::parse(text);
      if (!address)
        return fail(ErrorCode::kInvalidArgument, "'{}' is no address with a port", text);
      endpoints_.push_back(std::make_unique<Endpoint>(*this, text, *address));
    }
    thread_ = std::jthread([this] { loop_->run(); });
    return {};
  }

  std::shared_ptr<ClientCall> call(std::string path, std::shared_ptr<Replies> replies) override {
    auto stream = std::make_shared<ClientStream>(std::move(path), std::move(replies),
                                                 options_.message_bytes_max);
    post(*mailbox_, [this, stream] { begin(stream); });
    return std::make_shared<CallOfChannel>(mailbox_, std::move(stream));
  }

 private:
  struct Endpoint {
    Endpoint(LoopChannel& channel, std::string name, const net::Address& where)
        : text(std::move(name)),
          address(where),
          retry(*channel.loop_, [this, &channel] { channel.connect(*this); }),
          backoff(channel.options_.backoff_min) {}

    const std::string text;
    const net::Address address;
    std::unique_ptr<Connection> connection;
    ClientSession* session = nullptr;  // The connection's.
    bool ready = false;
    net::Timer retry;
    std::chrono::milliseconds backoff;
    std::string error = "not tried yet";
  };

  void begin(const std::shared_ptr<ClientStream>& stream) {
    if (closing_) return stream->end(unavailable());
    if (!std::exchange(used_, true)) {
      for (const auto& endpoint : endpoints_) connect(*endpoint);
    }
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      Endpoint& endpoint = *endpoints_[next_++ % endpoints_.size()];
      if (!endpoint.ready) continue;
      if (!endpoint.session->going_away()) return endpoint.session->begin(stream);
      leave(endpoint);
    }
    if (connecting()) {
      waiting_.push_back(stream);
    } else {
      stream->end(unavailable());
    }
  }

  bool connecting() const {
    return std::ranges::any_of(
        endpoints_, [](const auto& one) { return one->connection != nullptr && !one->ready; });
  }

  Status unavailable() const {
    const Endpoint& last = *endpoints_.back();
    return {StatusCode::kUnavailable,
            fmt::format("cannot connect to {}: {}", last.text, last.error)};
  }

  void connect(Endpoint& endpoint) {
    const int fd = start_connecting(endpoint.address, options_.write_timeout);
    if (fd < 0) return back_off(endpoint, std::strerror(errno));
    SSL* const tls = tls_ ? SSL_new(tls_.get()) : nullptr;
    if (tls_ && tls == nullptr) {
      ::close(fd);
      return back_off(endpoint, "no memory for TLS");
    }
    if (tls != nullptr) SSL_set_connect_state(tls);
    endpoint.connection = std::make_unique<Connection>(
        Connection::Parts{
            .loop = *loop_,
            .timeouts = {.greeting = options_.connect_timeout, .write = options_.write_timeout},
            .make_session =
                [&](std::function<void()> wake) {
                  auto session = std::make_unique<ClientSession>(ClientSession::Options{
                      .scheme = tls_ ? "https" : "http",
                      .authority = endpoint.text,
                      .wake = std::move(wake),
                      .unsent = [this](std::shared_ptr<ClientStream> stream) {
                        loop_->post([this, stream = std::move(stream)] { begin(stream); });
                      }});
                  endpoint.session = session.get();
                  return session;
                },
            .greeted = [this, &endpoint] { on_greeted(endpoint); },
            .closed = [this](Connection& closed) { on_closed(closed); }},
        fd, tls, tls_);
    endpoint.connection->start();
    if (endpoint.connection) loop_->flush_later(*endpoint.connection);
  }

  void on_greeted(Endpoint& endpoint) {
    endpoint.ready = true;
    endpoint.backoff = options_.backoff_min;
    for (const auto& stream : std::exchange(waiting_, {})) begin(stream);
  }

  // The server lets its calls end, but takes no new ones there.
  void leave(Endpoint& endpoint) {
    leaving_.push_back(std::move(endpoint.connection));
    endpoint.ready = false;
    connect(endpoint);
  }

  void on_closed(Connection& closed) {
    const auto left = std::ranges::find(leaving_, &closed, &std::unique_ptr<Connection>::get);
    if (left != leaving_.end()) {
      loop_->destroy_later(std::move(*left));
      leaving_.erase(left);
      return;
    }
    const auto found = std::ranges::find_if(
        endpoints_, [&](const auto& one) { return one->connection.get() == &closed; });
    if (found == endpoints_.end()) return;
    Endpoint& endpoint = **found;
    loop_->destroy_later(std::move(endpoint.connection));
    if (std::exchange(endpoint.ready, false) && !closing_) {
      endpoint.retry.expire_after(std::chrono::milliseconds(0));
    } else {
      back_off(endpoint, "the connection was refused, closed, or not answered in time");
    }
  }

  void back_off(Endpoint& endpoint, std::string error) {
    endpoint.error = std::move(error);
    if (!closing_) {
      endpoint.retry.expire_after(endpoint.backoff);
      endpoint.backoff = std::min(2 * endpoint.backoff, options_.backoff_max);
    }
    if (connecting()) return;
    for (const auto& stream : std::exchange(waiting_, {})) stream->end(unavailable());
  }

  void close() {
    closing_ = true;
    while (!leaving_.empty()) leaving_.front()->close();
    for (const auto& endpoint : endpoints_) {
      if (endpoint->connection) endpoint->connection->close();
      endpoint->retry.cancel();
    }
    for (const auto& stream : std::exchange(waiting_, {})) stream->end(unavailable());
  }

  const ChannelOptions options_;
  const std::unique_ptr<net::EventLoop> loop_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<SSL_CTX> tls_;  // Null: plain.
  // The thread's own.
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<std::unique_ptr<Connection>> leaving_;
  std::deque<std::shared_ptr<ClientStream>> waiting_;  // For a connection.
  std::size_t next_ = 0;
  bool used_ = false;
  bool closing_ = false;
  std::jthread thread_;
};

// Keeps the answer until it is asked for.
class OneReply final : public Replies {
 public:
  void on_message(std::string_view message) override {
    MutexLock lock(mutex_);
    message_ = message;
  }
  void on_end(const Status& status) override {
    MutexLock lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }
  Result<std::string> wait(const Context& context) {
    const std::stop_callback wake(context.stop, [this] {
      MutexLock lock(mutex_);
      changed_.notify_all();
    });
    MutexLock lock(mutex_);
    while (!status_) {
      RETURN_IF_ERROR(context.check());
      changed_.wait_for(mutex_, context.remaining(std::chrono::minutes(1)));
    }
    if (status_->ok()) return message_;
    return fail(ErrorCode::kUnavailable, "{}", status_->message);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string message_ GUARDED_BY(mutex_);
  std::optional<Status> status_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<Channel>> Channel::create(ChannelOptions options) {
  ASSIGN_OR_RETURN(auto loop, net::EventLoop::create());
  auto channel = std::make_unique<LoopChannel>(std::move(options), std::move(loop));
  RETURN_IF_ERROR(channel->start());
  return channel;
}

Result<std::string> ask(const Context& context, Channel& channel, std::string path,
                        std::string message) {
  const auto reply = std::make_shared<OneReply>();
  const auto call = channel.call(std::move(path), reply);
  call->send(std::move(message));
  call->half_close();
  auto answer = reply->wait(context);
  if (!answer) call->cancel();
  return answer;
}

}  // namespace rage::rpc
