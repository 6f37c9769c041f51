// What it costs to know the metrics of many model servers: TARGETS of them, each scraped every
// INTERVAL ms for SECONDS. Another process serves a page like vLLM's; its work is not counted.
//   scrape_bench [targets=100] [interval_ms=50] [seconds=10]
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "picker/metrics_scraper.h"

namespace {

using namespace rage;

// About 60 KB: histograms as vLLM 0.10 has them, and the few gauges that routing reads.
std::string vllm_page() {
  std::string page;
  const auto gauge = [&](std::string_view name, std::string_view labels, double value) {
    page += fmt::format("# HELP {0} Documentation of the series.\n# TYPE {0} gauge\n{0}{1} {2}\n",
                        name, labels, value);
  };
  const std::string_view labels = R"({engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"})";
  for (int i = 0; page.size() < 60'000; ++i) {
    if (i == 6) {
      gauge("vllm:num_requests_running", labels, 12);
      gauge("vllm:num_requests_waiting", labels, 3);
      gauge("vllm:kv_cache_usage_perc", labels, 0.4321);
      gauge("vllm:cache_config_info",
            R"({block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="27000"})", 1);
    }
    const std::string name = fmt::format("vllm:request_phase_{}_time_seconds", i);
    page += fmt::format("# HELP {0} Histogram of a phase.\n# TYPE {0} histogram\n", name);
    for (int bucket = 0; bucket < 22; ++bucket) {
      page += fmt::format(
          "{}_bucket{{engine=\"0\",le=\"{}\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"}} "
          "{}\n",
          name, bucket * 0.25, bucket * 1000 + i);
    }
    page += fmt::format("{0}_count{1} 22000\n{0}_sum{1} 12345.678\n", name, labels);
  }
  return page;
}

int listen_on_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  CHECK(fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), bytes) == 0);
  CHECK(::listen(fd, 4096) == 0);
  CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

// Answers every request with the page, until it is killed.
[[noreturn]] void serve(int listener) {
  const std::string page = vllm_page();
  const std::string reply = fmt::format(
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n{}",
      page.size(), page);
  const int poll = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  (void)::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 256> events;
  std::array<char, 4096> request;
  while (true) {
    const int count = ::epoll_wait(poll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        fd = ::accept(listener, nullptr, nullptr);  // Blocking: replies leave whole.
        const int on = 1;
        (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.fd = fd;
        (void)::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        continue;
      }
      if (::recv(fd, request.data(), request.size(), 0) <= 0) {
        ::close(fd);
        continue;
      }
      std::string_view rest = reply;
      while (!rest.empty()) {
        const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
  }
}

double process_cpu_seconds() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

int argument(int argc, char** argv, int at, int fallback) {
  return argc > at ? std::atoi(argv[at]) : fallback;
}

}  // namespace

int main(int argc, char** argv) {
  const int targets = argument(argc, argv, 1, 100);
  const int interval_ms = argument(argc, argv, 2, 50);
  const int run_seconds = argument(argc, argv, 3, 10);
  std::uint16_t port = 0;
  const int listener = listen_on_loopback(port);
  const pid_t child = ::fork();
  if (child == 0) serve(listener);
  ::close(listener);

  SystemClock clock;
  picker::EndpointTable table;
  picker::ScrapeSettings settings;
  settings.interval = std::chrono::milliseconds(interval_ms);
  auto scraper = picker::MetricsScraper::create(
      settings, clock, {.updated = [] {}, .poll_failed = [] {}, .extract_failed = [] {}});
  CHECK(scraper);
  std::vector<routing::Endpoint> endpoints;
  for (int i = 0; i < targets; ++i) {
    endpoints.push_back({.name_space = "ns",
                         .pod = fmt::format("pod-{}", i),
                         .address = "127.0.0.1",
                         .port = port});
  }
  (*scraper)->apply(table.replace(std::move(endpoints)));

  (void)clock.sleep_for(std::chrono::seconds(1), {});  // Connections are made.
  const auto scrapes = (*scraper)->statistics();
  const auto thread_cpu = (*scraper)->cpu_time();
  const double process_cpu = process_cpu_seconds();
  const SteadyTime started = clock.now();
  (void)clock.sleep_for(std::chrono::seconds(run_seconds), {});
  const double took = seconds(clock.now() - started);
  const auto done = (*scraper)->statistics();
  const double waiting = table.view().endpoints()[0].metrics.waiting;
  fmt::print(
      "{{\"targets\": {}, \"interval_ms\": {}, \"page_bytes\": {}, \"scrapes_per_second\": {:.0f}, "
      "\"failures\": {}, \"connects\": {}, \"scraper_cores\": {:.4f}, \"process_cores\": {:.4f}, "
      "\"microseconds_per_scrape\": {:.1f}, \"waiting\": {}}}\n",
      targets, interval_ms, vllm_page().size(),
      static_cast<double>(done.scrapes - scrapes.scrapes) / took, done.failures, done.connects,
      seconds((*scraper)->cpu_time() - thread_cpu) / took,
      (process_cpu_seconds() - process_cpu) / took,
      seconds((*scraper)->cpu_time() - thread_cpu) * 1e6 /
          static_cast<double>(done.scrapes - scrapes.scrapes),
      waiting);
  scraper->reset();
  ::kill(child, SIGTERM);
  (void)::waitpid(child, nullptr, 0);
  return 0;
}
