// SIGINT and SIGTERM as something to wait for.
#pragma once

#include <signal.h>

#include <chrono>
#include <ctime>
#include <stop_token>
#include <thread>

namespace rage::app {

// Resource. Create it before any thread starts: threads inherit the blocked signals.
class ShutdownSignal final {
 public:
  ShutdownSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Blocks until one arrives; which one.
  int wait() const {
    int signal = 0;
    sigwait(&signals_, &signal);
    return signal;
  }

  // True if one arrived within `limit`.
  bool wait_for(std::chrono::milliseconds limit) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    const std::chrono::nanoseconds rest = limit - seconds;
    const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = rest.count()};
    return sigtimedwait(&signals_, nullptr, &timeout) > 0;
  }

 private:
  sigset_t signals_;
};

// Resource. A stop token for what blocks: stopped once a signal arrived. `shutdown` outlives it.
class StopOnSignal final {
 public:
  explicit StopOnSignal(const ShutdownSignal& shutdown)
      : thread_([this, &shutdown](const std::stop_token& stop) {
          while (!stop.stop_requested() && !shutdown.wait_for(kPollInterval)) {
          }
          source_.request_stop();
        }) {}

  std::stop_token token() const { return source_.get_token(); }
  bool requested() const { return source_.stop_requested(); }

 private:
  static constexpr std::chrono::milliseconds kPollInterval{100};
  std::stop_source source_;
  std::jthread thread_;  // Last: it uses the source.
};

}  // namespace rage::app
