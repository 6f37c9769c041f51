// One target of the scrape loop: its socket, its reply, and what went wrong. Everything here is
// non-blocking and belongs to the loop's thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "net/detail/scrape_decoder.h"
#include "net/scrape_client.h"

namespace rage::net::detail {

// Resource. The socket is watched by `epoll_fd` for as long as it is open.
class ScrapeConnection final {
 public:
  enum class Progress { kWaiting, kEnded };

  static Result<std::unique_ptr<ScrapeConnection>> create(ScrapeId id, ScrapeTarget target,
                                                          const ScrapeOptions& options,
                                                          std::unique_ptr<ScrapeSink> sink);
  ~ScrapeConnection() { close(); }
  ScrapeConnection(const ScrapeConnection&) = delete;
  ScrapeConnection& operator=(const ScrapeConnection&) = delete;

  ScrapeId id() const { return id_; }
  const ScrapeTarget& target() const { return target_; }
  bool active() const { return active_; }
  SteadyTime deadline() const { return deadline_; }

  // Each returns kEnded once the scrape is over and the sink has heard of it; outcome() says how.
  Progress start(int epoll_fd, SteadyTime deadline);
  Progress on_ready(std::uint32_t events, std::span<char> buffer);
  Progress expire();

  const Result<void>& outcome() const { return outcome_; }
  std::uint64_t take_body_bytes();
  std::uint64_t take_connects();

 private:
  ScrapeConnection(ScrapeId id, ScrapeTarget target, const ScrapeOptions& options,
                   std::unique_ptr<ScrapeSink> sink);
  Progress connect();
  Progress on_connected();
  Progress send_request();
  Progress read(std::span<char> buffer);
  Result<void> take(std::string_view bytes);
  Progress on_lost(Error error);  // The connection; a kept one may just have been too old.
  Progress end(Result<void> outcome);
  void close();

  const ScrapeId id_;
  const ScrapeTarget target_;
  const std::unique_ptr<ScrapeSink> sink_;
  std::string request_;
  sockaddr_storage address_{};
  socklen_t address_bytes_ = 0;
  int epoll_fd_ = -1;
  int fd_ = -1;
  bool active_ = false;
  bool connecting_ = false;
  bool reused_ = false;  // The connection has carried a reply before.
  SteadyTime deadline_;
  ScrapeDecoder decoder_;
  Result<void> outcome_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t connects_ = 0;
};

}  // namespace rage::net::detail
