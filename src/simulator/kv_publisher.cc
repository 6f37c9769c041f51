#include "simulator/kv_publisher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace rage::simulator {
namespace {

constexpr std::size_t kGreetingBytes = 64;
constexpr std::size_t kOutBytesMax = std::size_t{8} << 20;  // Of one subscriber.
constexpr std::size_t kInBytesMax = 4096;
constexpr std::size_t kSubscribersMax = 64;
constexpr std::size_t kWaitingMax = 4096;  // Batches.

// Resource.
struct Socket {
  explicit Socket(int descriptor) : fd(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  const int fd;
};

std::string greeting() {
  std::string out(kGreetingBytes, '\0');
  out[0] = '\xFF';
  out[9] = '\x7F';
  out[10] = 3;
  out.replace(12, 4, "NULL");
  return out;
}

std::string ready() {
  return std::string("\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB", 27);
}

std::string frame(std::string_view body, bool more) {
  std::string out(1, static_cast<char>(more ? 3 : 2));  // A long one.
  for (int i = 7; i >= 0; --i) out += static_cast<char>(std::uint64_t{body.size()} >> (8 * i));
  return out += body;
}

struct Subscriber {
  explicit Subscriber(int fd) : socket(fd) {}
  Socket socket;
  std::string in;
  std::string out = greeting();
  bool greeted = false;
  bool subscribed = false;

  // False: it speaks something else, or too much. Whoever shakes hands gets everything.
  bool take(std::string_view bytes) {
    in += bytes;
    if (in.size() > kInBytesMax) return false;
    if (!greeted) {
      if (in.size() < kGreetingBytes) return true;
      if (in[0] != '\xFF' || in[10] < 3) return false;
      in.erase(0, kGreetingBytes);
      greeted = true;
      out += ready();
    }
    while (in.size() >= 2) {
      const std::size_t size = 2 + static_cast<unsigned char>(in[1]);
      if ((in[0] & 2) != 0) return false;  // Nothing that a subscriber says is long.
      if (in.size() < size) return true;
      if (in[0] == 0 && size > 2) subscribed = in[2] == 1;
      in.erase(0, size);
    }
    return true;
  }
};

class Publisher final : public KvPublisher {
 public:
  Publisher(const KvPublisherOptions& options, int listener, int wake, std::uint16_t port)
      : topic_(options.topic), listener_(listener), wake_(wake), port_(port) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) serve();
    });
  }
  ~Publisher() override {
    thread_.request_stop();
    wake();
  }

  std::uint16_t port() const override { return port_; }

  void publish(std::string batch) override {
    waiting_.with([&](Waiting& waiting) {
      ++waiting.sequence;
      if (waiting.batches.size() == kWaitingMax) return;  // A gap, which subscribers see.
      std::string sequence;
      for (int i = 7; i >= 0; --i) sequence += static_cast<char>(waiting.sequence >> (8 * i));
      waiting.batches.push_back(frame(topic_, true) + frame(sequence, true) + frame(batch, false));
    });
    wake();
  }

 private:
  struct Waiting {
    std::uint64_t sequence = 0;
    std::vector<std::string> batches;
  };

  void wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_.fd, &one, sizeof(one));
  }

  void serve() {
    std::vector<pollfd> waited = {{wake_.fd, POLLIN, 0}, {listener_.fd, POLLIN, 0}};
    for (const Subscriber& subscriber : subscribers_) {
      const bool writes = !subscriber.out.empty();
      waited.push_back(
          {subscriber.socket.fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
    }
    ::poll(waited.data(), waited.size(), -1);
    std::uint64_t count = 0;
    if (waited[0].revents != 0) (void)!::read(wake_.fd, &count, sizeof(count));
    auto subscriber = subscribers_.begin();
    for (std::size_t i = 2; i < waited.size(); ++i) {
      const bool gone = waited[i].revents != 0 && !exchange(*subscriber, waited[i].revents);
      subscriber = gone ? subscribers_.erase(subscriber) : std::next(subscriber);
    }
    if (waited[1].revents != 0) accept_one();
    hand_out();
  }

  // False: it has left.
  static bool exchange(Subscriber& subscriber, short events) {
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
      std::array<char, 4096> bytes;
      const ssize_t size = ::recv(subscriber.socket.fd, bytes.data(), bytes.size(), 0);
      if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return false;
      if (size > 0 && !subscriber.take({bytes.data(), static_cast<std::size_t>(size)})) {
        return false;
      }
    }
    if (subscriber.out.empty()) return true;
    const ssize_t sent =
        ::send(subscriber.socket.fd, subscriber.out.data(), subscriber.out.size(), MSG_NOSIGNAL);
    if (sent > 0) subscriber.out.erase(0, static_cast<std::size_t>(sent));
    return sent > 0 || errno == EAGAIN || errno == EINTR;
  }

  void accept_one() {
    const int fd = ::accept4(listener_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (subscribers_.size() == kSubscribersMax) {
      ::close(fd);
    } else {
      subscribers_.emplace_back(fd);
    }
  }

  void hand_out() {
    const auto batches =
        waiting_.with([](Waiting& waiting) { return std::exchange(waiting.batches, {}); });
    for (Subscriber& subscriber : subscribers_) {
      for (const std::string& batch : batches) {
        const bool fits = subscriber.out.size() + batch.size() <= kOutBytesMax;
        if (subscriber.subscribed && fits) subscriber.out += batch;
      }
    }
  }

  const std::string topic_;
  const Socket listener_;
  const Socket wake_;
  const std::uint16_t port_;
  Guarded<Waiting> waiting_;
  std::list<Subscriber> subscribers_;  // The thread's alone.
  std::jthread thread_;                // Last: it uses all of the above.
};

}  // namespace

Result<std::unique_ptr<KvPublisher>> KvPublisher::create(const KvPublisherOptions& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr) != 1) {
    return fail(ErrorCode::kInvalidArgument, "KV events need an IPv4 address to publish on");
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || wake < 0 || ::bind(fd, any, size) != 0 || ::listen(fd, 16) != 0 ||
      ::getsockname(fd, any, &size) != 0) {
    ::close(fd);
    ::close(wake);
    return fail(ErrorCode::kFailedPrecondition, "port {} on {} cannot be had for KV events",
                options.port, options.address);
  }
  return std::make_unique<Publisher>(options, fd, wake, ntohs(address.sin_port));
}

}  // namespace rage::simulator
