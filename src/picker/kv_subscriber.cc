#include "picker/kv_subscriber.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "obs/log.h"
#include "picker/detail/zmtp.h"
#include "routing/endpoint_key.h"
#include "routing/kv_events.h"

namespace rage::picker {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMessageBytesMax = routing::kKvBatchBytesMax + 4096;

// Resource.
class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// The address's port, rank included; none: no address.
std::optional<std::pair<sockaddr_storage, socklen_t>> publisher_of(
    const routing::Endpoint& endpoint, std::uint16_t port) {
  const unsigned number = port + endpoint.rank;
  if (number > 65535) return std::nullopt;
  sockaddr_storage storage = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (::inet_pton(AF_INET, endpoint.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(number));
    return std::pair(storage, socklen_t{sizeof(v4)});
  }
  if (::inet_pton(AF_INET6, endpoint.address.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<std::uint16_t>(number));
  return std::pair(storage, socklen_t{sizeof(v6)});
}

// A batch is three frames: topic, number, events.
void deliver(const std::vector<std::string>& frames, const routing::Endpoint& endpoint,
             routing::KvEventSink& sink) {
  if (frames.size() != 3 || frames[1].size() != 8) return;
  std::uint64_t sequence = 0;
  for (const char c : frames[1]) sequence = sequence << 8U | static_cast<unsigned char>(c);
  const auto batch = routing::decode_kv_events(frames[2]);
  // What it said is lost, which is a gap.
  if (!batch) return sink.forget(endpoint);
  sink.on_kv_events(endpoint, routing::model_of_kv_topic(frames[0]), sequence, *batch);
}

// One engine. The subscriber's thread only.
class Subscription final {
 public:
  Subscription(const KvSubscriberOptions& options, routing::Endpoint endpoint)
      : options_(options), endpoint_(std::move(endpoint)) {}

  const routing::Endpoint& endpoint() const { return endpoint_; }

  // What to wait for; none: until then there is nothing to do.
  std::optional<pollfd> wanted(SteadyTime now) {
    if (fd_.get() < 0 && now >= next_try_) connect(now);
    if (fd_.get() < 0) return std::nullopt;
    if (connecting_ && now >= give_up_) {
      drop(now);
      return std::nullopt;
    }
    const bool writes = connecting_ || !out_.empty();
    return pollfd{.fd = fd_.get(),
                  .events = static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN)};
  }
  SteadyTime wake_at() const {
    if (fd_.get() < 0) return next_try_;
    return connecting_ ? give_up_ : SteadyTime::max();
  }

  void on_ready(short events, routing::KvEventSink& sink, SteadyTime now) {
    if (connecting_ && !finish_connecting()) return drop(now);
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !read(sink)) return drop(now);
    if (!write()) drop(now);
  }

 private:
  void connect(SteadyTime now) {
    next_try_ = now + options_.reconnect;
    const auto peer = publisher_of(endpoint_, options_.port);
    if (!peer) return;
    Descriptor fd(::socket(peer->first.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return;
    const int started =
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer->first), peer->second);
    if (started != 0 && errno != EINPROGRESS) return;
    fd_ = std::move(fd);
    connecting_ = true;
    give_up_ = now + options_.connect_timeout;
    protocol_.emplace(options_.topic, kMessageBytesMax);
    out_ = detail::ZmtpSubscriber::greeting();
  }

  bool finish_connecting() {
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      return false;
    }
    connecting_ = false;
    // A publisher may be silent for days; one that is gone must not look like that.
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return true;
  }

  bool read(routing::KvEventSink& sink) {
    std::array<char, 64 << 10> bytes;
    const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    auto answer = protocol_->feed(
        {bytes.data(), static_cast<std::size_t>(size)},
        [&](const std::vector<std::string>& frames) { deliver(frames, endpoint_, sink); });
    if (!answer) {
      obs::log().warn("an endpoint's KV events cannot be read",
                      {{"endpoint", endpoint_.name()}, {"reason", answer.error().message}});
      return false;
    }
    out_ += *answer;
    return true;
  }

  bool write() {
    if (out_.empty()) return true;
    const ssize_t size = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    out_.erase(0, static_cast<std::size_t>(size));
    return true;
  }

  void drop(SteadyTime now) {
    fd_ = Descriptor();
    connecting_ = false;
    next_try_ = now + options_.reconnect;
  }

  const KvSubscriberOptions& options_;
  const routing::Endpoint endpoint_;
  Descriptor fd_;
  bool connecting_ = false;
  SteadyTime next_try_ = SteadyTime::min();
  SteadyTime give_up_;
  std::optional<detail::ZmtpSubscriber> protocol_;
  std::string out_;  // The handshake, mostly; a peer that takes nothing is asked nothing new.
};

class Subscriber final : public KvSubscriber {
 public:
  Subscriber(KvSubscriberOptions options, routing::KvEventSink& sink, Descriptor wake)
      : options_(std::move(options)), sink_(sink), wake_(std::move(wake)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~Subscriber() override {
    thread_.request_stop();
    wake();
  }

  void follow(const std::vector<routing::Endpoint>& endpoints) override {
    wanted_.with([&](auto& wanted) { wanted = endpoints; });
    wake();
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    // A counter that is full wakes as well.
    (void)!::write(wake_.get(), &one, sizeof(one));
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      take_changes();
      wait_and_serve();
    }
  }

  void take_changes() {
    const auto wanted = wanted_.with([](auto& all) { return std::exchange(all, std::nullopt); });
    if (!wanted) return;
    std::map<std::uint64_t, std::unique_ptr<Subscription>> kept;
    for (const routing::Endpoint& endpoint : *wanted) {
      const std::uint64_t key = routing::endpoint_key(endpoint);
      const auto known = subscriptions_.find(key);
      if (known == subscriptions_.end()) {
        kept.try_emplace(key, std::make_unique<Subscription>(options_, endpoint));
      } else {
        kept.insert(subscriptions_.extract(known));
      }
    }
    subscriptions_.swap(kept);
    for (const auto& [key, gone] : kept) sink_.forget(gone->endpoint());
  }

  void wait_and_serve() {
    std::vector<pollfd> waited = {{.fd = wake_.get(), .events = POLLIN}};
    std::vector<Subscription*> who = {nullptr};
    SteadyTime until = SteadyTime::max();
    const SteadyTime now = steady_clock::now();
    for (const auto& [key, subscription] : subscriptions_) {
      if (const auto wanted = subscription->wanted(now)) {
        waited.push_back(*wanted);
        who.push_back(subscription.get());
      }
      until = std::min(until, subscription->wake_at());
    }
    ::poll(waited.data(), waited.size(), wait_ms(now, until));
    if (waited[0].revents != 0) {
      std::uint64_t count = 0;
      (void)!::read(wake_.get(), &count, sizeof(count));
    }
    for (std::size_t i = 1; i < waited.size(); ++i) {
      if (waited[i].revents != 0) who[i]->on_ready(waited[i].revents, sink_, steady_clock::now());
    }
  }

  static int wait_ms(SteadyTime now, SteadyTime until) {
    if (until == SteadyTime::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  const KvSubscriberOptions options_;
  routing::KvEventSink& sink_;
  const Descriptor wake_;
  Guarded<std::optional<std::vector<routing::Endpoint>>> wanted_;         // Not taken yet.
  std::map<std::uint64_t, std::unique_ptr<Subscription>> subscriptions_;  // The thread's alone.
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace

Result<std::unique_ptr<KvSubscriber>> KvSubscriber::create(KvSubscriberOptions options,
                                                           routing::KvEventSink& sink) {
  Descriptor wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (wake.get() < 0) return fail(ErrorCode::kResourceExhausted, "eventfd: {}", strerror(errno));
  return std::make_unique<Subscriber>(std::move(options), sink, std::move(wake));
}

}  // namespace rage::picker
