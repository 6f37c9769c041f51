// The fastest upstream we can think of, so that a proxy in front of it is what is measured: one
// epoll loop that answers every request head, however large its body of known length, with the same
// bytes; or, for streams, with a chunk every so many milliseconds.
//
// usage: echo_upstream PORT [REPLY_BYTES [STREAM_INTERVAL_MS]]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Connection {
  std::string input;
  std::size_t body_left = 0;
  bool streaming = false;
};

std::vector<Connection> connections(1 << 16);
std::vector<int> streams;

std::size_t body_length(std::string_view head) {
  for (const std::string_view name : {"content-length: ", "Content-Length: "}) {
    const std::size_t at = head.find(name);
    if (at != head.npos) return std::strtoul(head.data() + at + name.size(), nullptr, 10);
  }
  return 0;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void answer(int fd, Connection& connection, std::string_view bytes, std::string_view reply,
            bool streaming) {
  while (!bytes.empty()) {
    const std::size_t skipped = std::min(connection.body_left, bytes.size());
    connection.body_left -= skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) break;
    connection.input.append(bytes);
    bytes = {};
    const std::size_t end = connection.input.find("\r\n\r\n");
    if (end == std::string::npos) break;
    const std::string rest = connection.input.substr(end + 4);
    connection.body_left = body_length(connection.input);
    connection.input.clear();
    if (streaming) {
      send_all(fd,
               "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               "Transfer-Encoding: chunked\r\n\r\n");
      connection.streaming = true;
      streams.push_back(fd);
      return;
    }
    send_all(fd, reply);
    connection.input = rest.substr(std::min(connection.body_left, rest.size()));
    connection.body_left -= std::min(connection.body_left, rest.size());
  }
}

int listen_on(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return -1;
  ::listen(fd, 4096);
  return fd;
}

void tick() {
  static const std::string kChunk = "20\r\ndata: {\"token\":\"0123456789\"}\n\n\n\r\n";
  std::vector<int> open;
  for (const int fd : streams) {
    const bool gone = ::send(fd, kChunk.data(), kChunk.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
    if (!gone) open.push_back(fd);
  }
  streams.swap(open);
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  const std::size_t reply_bytes = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100;
  const int interval_ms = argc > 3 ? std::atoi(argv[3]) : 0;
  const int listener = listen_on(port);
  const int epoll = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  if (listener < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) return 1;
  const std::string reply =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(reply_bytes) + "\r\n\r\n" + std::string(reply_bytes, 'x');
  std::array<epoll_event, 256> events;
  std::array<char, 65536> bytes;
  auto next_tick = std::chrono::steady_clock::now();
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), 256, interval_ms > 0 ? interval_ms : -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int accepted = ::accept(listener, nullptr, nullptr);
        if (accepted < 0) continue;
        const int yes = 1;
        ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        event.data.fd = accepted;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
        connections[static_cast<std::size_t>(accepted)] = {};
        continue;
      }
      const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) {
        std::erase(streams, fd);
        ::close(fd);
        continue;
      }
      answer(fd, connections[static_cast<std::size_t>(fd)],
             {bytes.data(), static_cast<std::size_t>(got)}, reply, interval_ms > 0);
    }
    const auto now = std::chrono::steady_clock::now();
    if (interval_ms > 0 && now >= next_tick) {
      next_tick = now + std::chrono::milliseconds(interval_ms);
      tick();
    }
  }
}
