// A load generator for one JSON POST route: N clients on kept-alive connections, each with its own
// share of the bodies. Prints one JSON object: requests a second and latencies in milliseconds.
//
//   http_load PORT PATH BODIES_FILE CLIENTS SECONDS      one JSON body a line
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct ClientResult {
  std::vector<double> milliseconds;
  std::size_t failures = 0;
};

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    fmt::print(stderr, "cannot connect to port {}: {}\n", port, std::strerror(errno));
    std::exit(1);
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

// Reads one reply with a content-length; its status, or 0 if the connection broke.
int read_reply(int fd, std::string& buffer) {
  buffer.clear();
  std::size_t head_end = std::string::npos;
  std::size_t body_bytes = 0;
  char block[65536];
  while (true) {
    if (head_end == std::string::npos) {
      head_end = buffer.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        std::string head = buffer.substr(0, head_end);
        std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
        const std::size_t at = head.find("content-length:");
        if (at == std::string::npos) return 0;
        body_bytes = std::strtoull(head.c_str() + at + 15, nullptr, 10);
      }
    }
    if (head_end != std::string::npos && buffer.size() >= head_end + 4 + body_bytes) {
      return std::atoi(buffer.c_str() + 9);
    }
    const ssize_t got = ::read(fd, block, sizeof(block));
    if (got <= 0) return 0;
    buffer.append(block, static_cast<std::size_t>(got));
  }
}

ClientResult run_client(int port, const std::vector<std::string>& requests, std::size_t first,
                        std::size_t step, Clock::time_point until) {
  ClientResult result;
  const int fd = connect_to(port);
  std::string reply;
  for (std::size_t i = first; Clock::now() < until; i += step) {
    const std::string& request = requests[i % requests.size()];
    const auto sent = Clock::now();
    if (::write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) break;
    const int status = read_reply(fd, reply);
    if (status != 200) ++result.failures;
    if (status == 0) break;
    result.milliseconds.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - sent).count());
  }
  ::close(fd);
  return result;
}

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: http_load PORT PATH BODIES_FILE CLIENTS SECONDS\n");
    return 2;
  }
  const int port = std::atoi(argv[1]);
  const auto clients = static_cast<std::size_t>(std::atoi(argv[4]));
  const double seconds = std::atof(argv[5]);
  std::vector<std::string> requests;
  std::ifstream bodies(argv[3]);
  for (std::string body; std::getline(bodies, body);) {
    requests.push_back(
        fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    argv[2], body.size(), body));
  }
  if (requests.empty() || clients == 0) return 2;
  std::vector<ClientResult> results(clients);
  const auto began = Clock::now();
  const auto until =
      began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  {
    std::vector<std::jthread> threads;
    for (std::size_t c = 0; c < clients; ++c) {
      threads.emplace_back([&, c] { results[c] = run_client(port, requests, c, clients, until); });
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  std::vector<double> all;
  std::size_t failures = 0;
  for (const ClientResult& result : results) {
    all.insert(all.end(), result.milliseconds.begin(), result.milliseconds.end());
    failures += result.failures;
  }
  std::ranges::sort(all);
  fmt::print(
      "{{\"clients\":{},\"requests\":{},\"failures\":{},\"requests_per_second\":{:.1f},\"p50_ms\":{"
      ":.3f},"
      "\"p90_ms\":{:.3f},\"p99_ms\":{:.3f}}}\n",
      clients, all.size(), failures, static_cast<double>(all.size()) / took, percentile(all, 0.5),
      percentile(all, 0.9), percentile(all, 0.99));
  return failures == 0 ? 0 : 1;
}
