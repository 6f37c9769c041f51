// Fetches one page each from thousands of servers, many times a second, on one thread: GET over
// kept-alive HTTP/1.1 connections, nothing allocated a fetch. Built on epoll(7) itself: at this
// rate a coroutine or a wake-up a reply would cost more than the replies.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::net {

struct ScrapeTarget {
  std::string address;  // Literal IPv4 or IPv6, without brackets.
  std::uint16_t port = 0;
  std::string path = "/metrics";  // With its query.
  std::chrono::milliseconds interval{50};
};

struct ScrapeOptions {
  std::chrono::milliseconds timeout{1000};      // For one scrape, connecting included.
  std::chrono::milliseconds backoff_max{3000};  // After failures: interval · 2ⁿ up to this, ± 25 %.
  std::size_t head_bytes_max = 16 << 10;
  std::size_t body_bytes_max = std::size_t{16} << 20;
  std::size_t targets_max = 10'000;
  // While replies are awaited, sockets are looked at this often: one wake-up serves several.
  std::chrono::microseconds tick{2000};
};

// Interface. Called, and destroyed, on the loop's thread alone; must not block.
class ScrapeSink {
 public:
  virtual ~ScrapeSink() = default;
  virtual void on_body(std::string_view bytes) = 0;  // The next piece of a reply with status 200.
  // Once a scrape. kUnavailable: no connection, another status; kDeadlineExceeded; kDataLoss: no
  // HTTP, or cut off; kResourceExhausted: past a limit.
  virtual void on_end(const Result<void>& outcome) = 0;
};

struct ScrapeStatistics {
  std::uint64_t scrapes = 0;  // Ended, failures included.
  std::uint64_t failures = 0;
  std::uint64_t connects = 0;
  std::uint64_t body_bytes = 0;
};

using ScrapeId = std::uint64_t;

// Resource. Thread-safe. Owns one thread.
class ScrapeLoop {
 public:
  static Result<std::unique_ptr<ScrapeLoop>> create(const ScrapeOptions& options = {});
  virtual ~ScrapeLoop() = default;  // Joins.
  // The first scrape is within one interval; targets added together are spread over it.
  // kInvalidArgument: no literal address, no port, a path with spaces or line breaks, an interval
  // of zero; kResourceExhausted: targets_max.
  virtual Result<ScrapeId> add(ScrapeTarget target, std::unique_ptr<ScrapeSink> sink) = 0;
  // Returns at once; the sink may be called until the loop has destroyed it.
  virtual void remove(ScrapeId id) = 0;
  virtual ScrapeStatistics statistics() const = 0;
  virtual std::chrono::nanoseconds cpu_time() const = 0;  // Of the loop's thread.
};

}  // namespace rage::net
